"""The demo's judgement: what was expected passes, and every way in which it can go wrong is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.core.webhook import webhook_parameters
from gateway.lab.page import show_call, show_verdict
from gateway.lab.scenes import TO_PBX, TO_TWILIO, Header, Played, Posted, Scene
from gateway.lab.sheet import Ink
from gateway.lab.tone import LOUDNESS_DBFS, Tone
from gateway.lab.verdict import Check, audio_paths, describe_tone, dialplan_view, judge

SIP_OWN: tuple[Header, ...] = (("Via", "SIP/2.0/UDP 127.0.0.1"), ("Call-ID", "a"), ("User-Agent", "x"))
INK = Ink(colours=False, unicode=True)


def as_expected(scene: Scene) -> Played:
    """A call in which everything came true."""
    played = Played(
        scene=scene,
        headers=(),
        caller_heard=Tone(scene.callee_hz, LOUDNESS_DBFS, 1.0),
        callee_heard=Tone(scene.caller_hz, LOUDNESS_DBFS, 1.0),
        record={
            "id": "c-1",
            "direction": scene.direction,
            "state": "ended",
            "setup_seconds": 0.0021,
            "outcome": {"result": "success", "reason": "completed"},
            "receipt": [entry(piece.field, piece.outcome) for piece in scene.pieces if piece.field],
        },
    )
    return given(played, *SIP_OWN, *(piece.arrives for piece in scene.pieces if piece.arrives))


def entry(field: str, outcome: str | None) -> dict[str, object]:
    places = {"source": "var:A", "target": "header:X-A"}
    return {"field": field, "outcome": outcome, "bytes": 4, "reason": None, **places}


def given(played: Played, *headers: Header) -> Played:
    """With these headers, and the webhook that Twilio makes of them."""
    parameters = tuple(webhook_parameters(headers)) if played.scene.direction == "to_twilio" else ()
    return replace(played, headers=headers, posted=Posted("http://127.0.0.6/voice", parameters, "<Response/>"))


def with_headers(played: Played, change: Callable[[Header], Header | None]) -> Played:
    return given(played, *filter(None, map(change, played.headers)))


def with_record(played: Played, **changes: object) -> Played:
    return replace(played, record={**played.record, **changes})


def failures(played: Played) -> list[str]:
    return [f"{check.expected}: {check.found}" for check in judge(played) if not check.passed]


@pytest.mark.parametrize("scene", [TO_TWILIO, TO_PBX], ids=lambda scene: scene.direction)
def test_what_was_expected_passes(scene: Scene) -> None:
    assert failures(as_expected(scene)) == []


TWILIO, PBX = as_expected(TO_TWILIO), as_expected(TO_PBX)
WITHOUT_CUSTOMER = with_headers(TWILIO, lambda header: None if header[0] == "X-CustomerID" else header)
OTHER_CUSTOMER = with_headers(TWILIO, lambda header: ("X-CustomerID", "C-1") if header[0] == "X-CustomerID" else header)
LOWER_CASE = with_headers(TWILIO, lambda header: ("x-customerid", "C-4711") if header[0] == "X-CustomerID" else header)
CUSTOMER = "customer_id reaches Twilio as X-CustomerID: C-4711, read as SipHeader_X-CustomerID=C-4711: there was "


@pytest.mark.parametrize(
    ("played", "found"),
    [
        (WITHOUT_CUSTOMER, [CUSTOMER + "nothing"]),
        (OTHER_CUSTOMER, [CUSTOMER + "X-CustomerID: C-1, read as SipHeader_X-CustomerID=C-1"]),
        (LOWER_CASE, [CUSTOMER + "x-customerid: C-4711, read as SipHeader_x-customerid=C-4711"]),
        (
            given(TWILIO, *TWILIO.headers, ("X-CustomerID", "C-4711")),
            [CUSTOMER + "X-CustomerID: C-4711, C-4711, read as SipHeader_X-CustomerID=C-4711, C-4711"],
        ),
        (
            given(TWILIO, *TWILIO.headers, ("X-Internal-Margin", "37 percent")),
            [
                "X-Internal-Margin does not reach Twilio: there was X-Internal-Margin: 37 percent, "
                "read as SipHeader_X-Internal-Margin=37 percent",
                "no other header reaches Twilio: there was X-Internal-Margin",
            ],
        ),
        (
            given(TWILIO, *TWILIO.headers, ("x-note", "a"), ("X-PBX-Other", "b")),
            ["no other header reaches Twilio: there was x-note, X-PBX-Other"],
        ),
        (
            with_record(TWILIO, receipt=[*TWILIO.receipt[:5], entry("note", "sent"), entry("more", "sent")]),
            ["the receipt says dropped of note: it said sent", "the receipt names no other field: it named more"],
        ),
        (with_record(PBX, receipt=PBX.receipt[1:]), ["the receipt says sent of customer_id: it said nothing"]),
        (with_record(PBX, outcome=None), ["the record of the call says success: it said to_pbx, ended, None"]),
        (
            with_record(PBX, direction="to_twilio"),
            ["the record of the call says success: it said to_twilio, ended, success"],
        ),
        (replace(PBX, caller_heard=None), ["Twilio hears 880 Hz at -12.0 dBFS: it heard silence"]),
        (
            replace(PBX, callee_heard=Tone(440, -12.1, 0.98)),
            ["the PBX hears 550 Hz at -12.0 dBFS: it heard 440 Hz at -12.1 dBFS, 98% of the sound"],
        ),
        (
            replace(PBX, callee_heard=Tone(550, -30, 1.0)),
            ["the PBX hears 550 Hz at -12.0 dBFS: it heard 550 Hz at -30.0 dBFS, 100% of the sound"],
        ),
    ],
    ids=[
        "a value that did not arrive",
        "another value",
        "another spelling of the name",
        "a value that arrived twice",
        "what may not cross did",
        "headers that nobody expects",
        "a receipt that says otherwise",
        "a receipt with a field less",
        "a call without an outcome",
        "a call of the other direction",
        "one way silent",
        "another tone",
        "a tone too faint",
    ],
)
def test_what_went_wrong_is_told(played: Played, found: list[str]) -> None:
    assert failures(played) == found


@pytest.mark.parametrize(
    ("name", "value", "view"),
    [
        ("X-PBX-CUSTOMER-ID", "a b", "CUSTOMER_ID = a b"),
        ("X-Queue", "gold", "X-Queue: gold"),
        ("User-to-User", "00AA;encoding=hex", "User-to-User: 00AA;encoding=hex"),
    ],
)
def test_what_a_dialplan_makes_of_a_header(name: str, value: str, view: str) -> None:
    assert dialplan_view(name, value) == view


def test_audio_goes_both_ways() -> None:
    assert [(path.speaker, path.listener, path.hz, path.passed) for path in audio_paths(PBX)] == [
        ("Twilio", "the PBX", 550, True),
        ("the PBX", "Twilio", 880, True),
    ]


def test_silence_is_called_so() -> None:
    assert describe_tone(None) == "silence"


def test_a_call_is_shown_as_it_was_found() -> None:
    page = "\n".join(show_call(WITHOUT_CUSTOMER, INK))
    assert "✗ customer_id  CUSTOMER_ID = C-4711" in page
    assert "nothing: sent" in page
    assert "✓ product " in page
    assert "GET /calls/c-1, INVITE in to INVITE out 2.1 ms" in page
    assert "✓ the PBX → Twilio  440 Hz  440 Hz at -12.0 dBFS, 100% of the sound" in page


def test_a_page_without_a_set_up_time_or_a_receipt_is_shown_too() -> None:
    page = "\n".join(show_call(with_record(WITHOUT_CUSTOMER, setup_seconds=None, receipt=[]), INK))
    assert "GET /calls/c-1\n" in page
    assert "nothing: the receipt" in page


def test_the_verdict_names_what_failed() -> None:
    checks = [Check("the sun rises", True), Check("the moon stays", False, "it went down")]
    assert show_verdict(checks, 1.25, INK) == [
        "",
        "FAILED: 1 of 2 checks did not come true (1.2 s)",
        "✗ the moon stays: it went down",
    ]


def test_the_verdict_counts_what_passed() -> None:
    assert show_verdict([Check("the sun rises", True)], 1.0, INK)[1].startswith("PASSED: ")
