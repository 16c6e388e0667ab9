"""What is read from messages besides context, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.reading import carries_sdp, forwards_left, twilio_error
from gateway.core.headers import Headers
from gateway.core.message import SipMessage
from tests.bridge.samples import SDP, message, response

INVITE = "INVITE sip:1@gw.example SIP/2.0"


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([], 70),
        (["Max-Forwards: 70"], 70),
        (["Max-Forwards: 1"], 1),
        (["Max-Forwards: 0"], 0),
        (["max-forwards:  007 "], 7),
        (["Max-Forwards: 71"], 70),
        (["Max-Forwards: 255"], 70),
        (["Max-Forwards: 99999999999999999999"], 70),
        (["Max-Forwards: -1"], 70),
        (["Max-Forwards: +5"], 70),
        (["Max-Forwards: 5 5"], 70),
        (["Max-Forwards: five"], 70),
        (["Max-Forwards: \u0665"], 70),
        (["Max-Forwards: \u00b2"], 70),
        (["Max-Forwards:"], 70),
        (["Max-Forwards: 3", "Max-Forwards: 60"], 3),
    ],
)
def test_the_hops_that_are_left(lines: list[str], left: int) -> None:
    assert forwards_left(message(INVITE, *lines)) == left


@given(st.text())
def test_any_max_forwards_gives_a_number_of_hops(value: str) -> None:
    assert 0 <= forwards_left(SipMessage(INVITE, Headers([("Max-Forwards", value)]))) <= 70


@pytest.mark.parametrize(
    ("kind", "described"),
    [
        ("application/sdp", True),
        ("Application/SDP;charset=utf-8", True),
        ("multipart/mixed;boundary=x", True),
        ("application/xml", False),
        ("text/plain", False),
    ],
)
def test_a_body_that_describes_media(kind: str, described: bool) -> None:
    assert carries_sdp(response(183, body=SDP, kind=kind)) is described


def test_what_has_no_body_describes_no_media() -> None:
    assert not carries_sdp(None)
    assert not carries_sdp(response(183, "Content-Type: application/sdp"))
    assert not carries_sdp(SipMessage("SIP/2.0 183 Progress", Headers(), SDP))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("32201 Authentication failure - source IP Address not in ACL", 32201),
        ("10001", 10001),
        ("322011 Too long", None),
        ("3220 Too short", None),
        ("Error 32201", None),
        ("\u0663\u0662\u0662\u0660\u0661", None),
        ("", None),
    ],
)
def test_the_number_of_a_refusal_of_twilio(value: str, number: int | None) -> None:
    assert twilio_error(response(403, f"x-twilio-error: {value}")) == number


def test_a_refusal_without_a_number() -> None:
    assert twilio_error(response(403)) is None
    assert twilio_error(None) is None
