"""What is read from messages besides context, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.reading import MAX_CALLER_CHARACTERS, caller_of, carries_sdp, forwards_left
from gateway.core.headers import Headers
from gateway.core.message import SipMessage
from tests.bridge.samples import SDP, message, response

INVITE = "INVITE sip:1@gw.example SIP/2.0"


@pytest.mark.parametrize(
    ("line", "caller"),
    [
        ("From: <sip:1001@pbx.example>;tag=a", "1001"),
        ('f: "Bob, of sales" <sip:bob@pbx.example>', "bob"),
        ("From: sip:1001@pbx.example;tag=a", "1001"),
        ("From: <tel:+15550100>", "+15550100"),
        ("From: <sip:a%20b@pbx.example>", "a%20b"),
        ("From: <sip:a:secret@pbx.example>", "a"),
        ("From: <sip:m%C3%BCller@pbx.example>", "m%C3%BCller"),
        ("From: <sip:pbx.example>", ""),
        ("From: <sips:>", ""),
        ("From: Anonymous", ""),
        ("From: <sip:1001@pbx.example", ""),
        ("From:", ""),
        ("X-From: <sip:1001@pbx.example>", ""),
        ("From: <sip:a%00b@pbx.example>", ""),
        ("From: <sip:a%0D%0AX-Evil:1@pbx.example>", ""),
        ("From: <sip:a%FFb@pbx.example>", ""),
        ("From: <sip:a\udcffb@pbx.example>", ""),
    ],
)
def test_the_caller(line: str, caller: str) -> None:
    assert caller_of(message(INVITE, line)) == caller


@pytest.mark.parametrize(
    ("user", "known"),
    [
        ("9" * MAX_CALLER_CHARACTERS, True),
        ("9" * (MAX_CALLER_CHARACTERS + 1), False),
        ("%20" * 85, True),
        ("%20" * 86, False),
        ("9" * 60_000, False),
    ],
    ids=["fits", "one too many", "fits escaped", "escaped one too many", "hostile"],
)
def test_a_caller_is_as_long_as_a_uri_can_hold(user: str, known: bool) -> None:
    assert caller_of(message(INVITE, f"From: <sip:{user}@pbx.example>")) == (user if known else "")


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_from_gives_a_caller_that_can_stand_in_a_uri(value: str) -> None:
    caller = caller_of(SipMessage(INVITE, Headers([("From", value)])))
    assert caller.isascii() and caller.isprintable() and len(caller) <= MAX_CALLER_CHARACTERS
    assert not set(caller) & set(' <>@"')


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
