"""The demo's page: what was played as tables for a person, and the verdict. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.lab.scenes import Piece, Played, Scene
from gateway.lab.sheet import Ink, Row, build_table
from gateway.lab.verdict import NOTHING, Check, audio_paths, describe_tone, found_header, found_use, piece_passed

COLUMNS = {
    "to_twilio": ("field", "on the PBX", "on the wire to Twilio", "what Twilio's webhook is given"),
    "to_pbx": ("field", "in TwiML <Sip>, or from Twilio", "on the wire to the PBX", "what the dialplan has"),
}
NO_FIELD = "-"
MILLISECONDS = 1000


def show_opening(addresses: dict[str, str], pbx: str, ink: Ink) -> list[str]:
    """What is about to happen."""
    return [
        ink.strong(
            f"gateway demo: a call each way between a PBX ({pbx}) and Twilio (stand-in), through a real gateway"
        ),
        "   ".join(f"{name} {address}" for name, address in addresses.items()) + "   nothing leaves this machine",
    ]


def show_title(scene: Scene, number: int, ink: Ink) -> list[str]:
    """Who calls whom."""
    names = f"{scene.caller_name} {ink.arrow} {scene.callee_name}"
    return ["", ink.strong(f"Call {number}, {names}: {scene.caller} calls {scene.number}"), ""]


def show_call(played: Played, ink: Ink) -> list[str]:
    """A call: its context at every hop, the receipt, and the audio."""
    return [*_context(played, ink), "", *_receipt(played, ink), "", *_audio(played, ink)]


def show_failure(text: str, ink: Ink) -> list[str]:
    """A call that did not come about."""
    return [f"{ink.mark(False)} {text}"]


def show_verdict(checks: Sequence[Check], seconds: float, ink: Ink) -> list[str]:
    """Whether all of it came true, and what did not."""
    failed = [check for check in checks if not check.passed]
    if failed:
        title = f"FAILED: {len(failed)} of {len(checks)} checks did not come true ({seconds:.1f} s)"
        return ["", ink.result(False, title), *(f"{ink.mark(False)} {it.expected}: {it.found}" for it in failed)]
    counted = f"({len(checks)} checks, {seconds:.1f} s)"
    title = f"PASSED: what is mapped arrived, nothing else did, both sides heard each other, a clean stop {counted}"
    return ["", ink.result(True, title)]


def _context(played: Played, ink: Ink) -> list[str]:
    rows = [
        Row((piece.field or NO_FIELD, piece.shown, *_arrived(played, piece)), piece_passed(played, piece))
        for piece in played.scene.pieces
    ]
    return build_table(COLUMNS[played.scene.direction], rows, ink)


def _arrived(played: Played, piece: Piece) -> tuple[str, str]:
    header = found_header(played, piece)
    if header is None:
        return f"{NOTHING}: {_why_not(played, piece)}", NOTHING
    return f"{header[0]}: {header[1]}", found_use(played, piece)


def _why_not(played: Played, piece: Piece) -> str:
    if piece.field is None:
        return "no field names it"
    outcomes = {entry["field"]: entry["outcome"] for entry in played.receipt}
    return f"{outcomes.get(piece.field, 'the receipt does not know it')}"


def _receipt(played: Played, ink: Ink) -> list[str]:
    rows = []
    for entry in played.receipt:
        way = f"{entry['source']} {ink.arrow} {entry['target']}"
        rows.append(
            Row([str(entry[key] or "") for key in ("field", "outcome", "bytes")] + [way, str(entry["reason"] or "")])
        )
    title = f"  The gateway's receipt, GET /calls/{played.record['id']}{_setup(played.record['setup_seconds'])}"
    return [title, *build_table(("field", "outcome", "bytes", f"from {ink.arrow} to", "reason"), rows, ink)]


def _setup(seconds: object) -> str:
    if not isinstance(seconds, float):
        return ""
    return f", INVITE in to INVITE out {seconds * MILLISECONDS:.1f} ms"


def _audio(played: Played, ink: Ink) -> list[str]:
    rows = [
        Row((f"{path.speaker} {ink.arrow} {path.listener}", f"{path.hz} Hz", describe_tone(path.heard)), path.passed)
        for path in audio_paths(played)
    ]
    return build_table(("audio", "played", "heard, measured on the recording"), rows, ink)
