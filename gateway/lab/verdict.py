"""Holds what was played against what was expected: a list of checks, each with what was found instead. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.lab.scenes import VARIABLE_PREFIX, Header, Piece, Played
from gateway.lab.tone import LOUDNESS_DBFS, Tone

NOTHING = "nothing"
PARAMETER_PREFIX = "SipHeader_"
"""What parameters of a webhook begin with that were headers."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was expected; `found` completes it when it did not come true."""

    expected: str
    passed: bool
    found: str = ""


@dataclass(frozen=True, slots=True)
class AudioPath:
    """What one side played and what the other heard."""

    speaker: str
    listener: str
    hz: int
    heard: Tone | None

    @property
    def passed(self) -> bool:
        """Whether it is the tone that was played."""
        return self.heard is not None and self.heard.is_like(self.hz, LOUDNESS_DBFS)


def judge(played: Played) -> list[Check]:
    """Every check of one call."""
    return [*_context(played), *_default_deny(played), *_receipt(played), *_outcome(played), *_audio(played)]


def found_header(played: Played, piece: Piece) -> Header | None:
    """The header that a piece of information arrived in; None if it did not."""
    if piece.arrives is not None:
        return played.find(piece.arrives[0])
    return piece.sent if piece.sent in played.headers else None


def found_use(played: Played, piece: Piece) -> str:
    """What the called side makes of the header that a piece arrived in."""
    header = found_header(played, piece)
    if header is None:
        return NOTHING
    if played.scene.direction == "to_pbx":
        return dialplan_view(*header, played.variables)
    wanted = PARAMETER_PREFIX + header[0]
    values = [value for name, value in played.parameters if name == wanted]
    return f"{wanted}={', '.join(values)}" if values else NOTHING


def dialplan_view(name: str, value: str, variables: Mapping[str, str] | None = None) -> str:
    """What a dialplan has of the gateway's headers: a variable, looked up in a real one, or the header itself."""
    if not name.startswith(VARIABLE_PREFIX):
        return f"{name}: {value}"
    variable = name.removeprefix(VARIABLE_PREFIX).replace("-", "_")
    return f"{variable} = {value if variables is None else variables.get(variable, NOTHING)}"


def piece_passed(played: Played, piece: Piece) -> bool:
    """Whether a piece of information arrived as expected, or stayed where it was."""
    if piece.arrives is None:
        return found_header(played, piece) is None
    return found_header(played, piece) == piece.arrives and found_use(played, piece) == piece.becomes


def audio_paths(played: Played) -> tuple[AudioPath, AudioPath]:
    """Both ways of a call."""
    scene = played.scene
    return (
        AudioPath(scene.caller_name, scene.callee_name, scene.caller_hz, played.callee_heard),
        AudioPath(scene.callee_name, scene.caller_name, scene.callee_hz, played.caller_heard),
    )


def describe_tone(tone: Tone | None) -> str:
    """A tone in words."""
    if tone is None:
        return "silence"
    return f"{tone.hz:.0f} Hz at {tone.dbfs:.1f} dBFS, {tone.purity:.0%} of the sound"


def _context(played: Played) -> Iterator[Check]:
    callee = played.scene.callee_name
    for piece in played.scene.pieces:
        header = found_header(played, piece)
        found = NOTHING if header is None else f"{header[0]}: {header[1]}, read as {found_use(played, piece)}"
        name = piece.field or (piece.sent or ("",))[0]
        expected = f"{name} does not reach {callee}"
        if piece.arrives is not None:
            expected = f"{name} reaches {callee} as {piece.arrives[0]}: {piece.arrives[1]}, read as {piece.becomes}"
        yield Check(expected, piece_passed(played, piece), f"there was {found}")


def _default_deny(played: Played) -> Iterator[Check]:
    """No header of context beyond those that a field names, however it is spelled."""
    expected = {piece.arrives[0].lower() for piece in played.scene.pieces if piece.arrives}
    more = [name for name, _ in played.headers if _is_context(name) and name.lower() not in expected]
    yield Check(f"no other header reaches {played.scene.callee_name}", not more, f"there was {', '.join(more)}")


def _is_context(name: str) -> bool:
    return name.lower().startswith("x-") or name.lower() == "user-to-user"


def _receipt(played: Played) -> Iterator[Check]:
    outcomes = {str(entry["field"]): str(entry["outcome"]) for entry in played.receipt}
    expected = {piece.field: piece.outcome for piece in played.scene.pieces if piece.field}
    for field, outcome in expected.items():
        said = outcomes.get(field, NOTHING)
        yield Check(f"the receipt says {outcome} of {field}", said == outcome, f"it said {said}")
    more = sorted(outcomes.keys() - expected.keys())
    yield Check("the receipt names no other field", not more, f"it named {', '.join(more)}")


def _outcome(played: Played) -> Iterator[Check]:
    outcome = played.record["outcome"]
    result = outcome["result"] if isinstance(outcome, dict) else outcome
    found = (played.record["direction"], played.record["state"], result)
    expected = (played.scene.direction, "ended", "success")
    yield Check("the record of the call says success", found == expected, f"it said {', '.join(map(str, found))}")


def _audio(played: Played) -> Iterator[Check]:
    for path in audio_paths(played):
        expected = f"{path.listener} hears {path.hz} Hz at {LOUDNESS_DBFS:.1f} dBFS"
        yield Check(expected, path.passed, f"it heard {describe_tone(path.heard)}")
