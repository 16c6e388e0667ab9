"""A run of the demo as plain data, whoever played the PBX and Twilio: what the demo's web page shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.lab.scenes import Header, Piece, Played, Posted, Scene
from gateway.lab.verdict import Check, audio_paths, describe_tone, found_header, found_use, piece_passed

MILLISECONDS = 1000
NO_FIELD = "no field"
"""What became of information that the contract does not name."""
NOT_SAID = "not in the receipt"
_IS_HEADER = ": "
"""Of what is shown at a caller: it goes out as it is there, such as `From: "Zoë Roy"`."""

HOPS = {
    "to_twilio": ("at the PBX", "SIP to the gateway", "SIP to Twilio", "at the application"),
    "to_pbx": ("in TwiML, or Twilio's own", "SIP to the gateway", "SIP to the PBX", "in the dialplan"),
}


@dataclass(frozen=True, slots=True)
class Station:
    """Somebody whom a call passes."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Journey:
    """One piece of information: what it was at each of the four hops, None where it was not, and what the gateway did.

    `outcome` is that of the receipt, or says that there is no field for it.
    """

    field: str
    hops: tuple[str | None, str | None, str | None, str | None]
    outcome: str
    reason: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the gateway's receipt."""

    field: str
    outcome: str
    source: str
    target: str
    octets: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sound:
    """What one side heard of the other."""

    speaker: str
    listener: str
    played: str
    heard: str
    passed: bool


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call. `stations` are in its own order, `hops` the titles of the four of its journeys."""

    title: str
    subtitle: str
    stations: tuple[Station, ...]
    hops: tuple[str, str, str, str]
    journeys: tuple[Journey, ...] = ()
    call_id: str = ""
    setup: str = ""
    receipt: tuple[Entry, ...] = ()
    posted: Posted | None = None
    sounds: tuple[Sound, ...] = ()
    failure: str = ""
    """Why there was no such call; the rest is empty then."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run."""

    calls: tuple[CallReport, ...]
    checks: tuple[Check, ...]
    seconds: float

    @property
    def failed(self) -> tuple[Check, ...]:
        """What did not come true."""
        return tuple(check for check in self.checks if not check.passed)


def report_call(played: Played, title: str, stations: Sequence[Station]) -> CallReport:
    """A call that went through."""
    setup = played.record["setup_seconds"]
    return CallReport(
        title=title,
        subtitle=_subtitle(played.scene),
        stations=tuple(stations),
        hops=HOPS[played.scene.direction],
        journeys=tuple(_journey(played, piece) for piece in played.scene.pieces),
        call_id=str(played.record["id"]),
        setup=f"{setup * MILLISECONDS:.1f} ms" if isinstance(setup, float) else "",
        receipt=tuple(_entry(entry) for entry in played.receipt),
        posted=played.posted,
        sounds=tuple(
            Sound(path.speaker, path.listener, f"{path.hz} Hz", describe_tone(path.heard), path.passed)
            for path in audio_paths(played)
        ),
    )


def report_failure(scene: Scene, title: str, stations: Sequence[Station], failure: str) -> CallReport:
    """A call that did not come about."""
    return CallReport(title, _subtitle(scene), tuple(stations), HOPS[scene.direction], failure=failure)


def _subtitle(scene: Scene) -> str:
    return f"{scene.caller} calls {scene.number}"


def _journey(played: Played, piece: Piece) -> Journey:
    header = found_header(played, piece)
    entry = next((it for it in played.receipt if it["field"] == piece.field), None)
    outcome, reason = (NOT_SAID if piece.field else NO_FIELD), ""
    if entry is not None:
        outcome, reason = str(entry["outcome"]), str(entry["reason"] or "")
    return Journey(
        field=piece.field or "",
        hops=(
            piece.shown,
            _line(piece.sent) or (piece.shown if _IS_HEADER in piece.shown else None),
            _line(header),
            None if header is None else found_use(played, piece),
        ),
        outcome=outcome,
        reason=reason,
        passed=piece_passed(played, piece),
    )


def _line(header: Header | None) -> str | None:
    return None if header is None else f"{header[0]}: {header[1]}"


def _entry(entry: dict[str, object]) -> Entry:
    said = {name: str(entry[name] or "") for name in ("field", "outcome", "source", "target", "bytes", "reason")}
    return Entry(said["field"], said["outcome"], said["source"], said["target"], said["bytes"], said["reason"])
