"""Headers escaped in the URI of Refer-To and Contact, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.escaped import lay_over, read_escaped, write_escaped
from gateway.core.headers import Headers
from gateway.core.message import SipMessage
from gateway.core.uri import parse_uri
from gateway.core.uui import UuiSetup, parse_uui


def refer(*headers: tuple[str, str]) -> SipMessage:
    return SipMessage("REFER sip:a@h SIP/2.0", Headers(headers))


RFC_7433 = (
    "<sip:+12125551212@gateway.example.com?"
    "User-to-User=56a390f3d2b7310023a2%3Bencoding%3Dhex%3Bpurpose%3Dfoo%3Bcontent%3Dbar>"
)


@pytest.mark.parametrize(
    ("name", "value", "headers"),
    [
        ("of RFC 7433", RFC_7433, [("User-to-User", "56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar")]),
        (
            "of Twilio",
            "<sip:a@h?X-AcctNumber=1&User-to-User=41%3Bencoding%3Dhex>",
            [("X-AcctNumber", "1"), ("User-to-User", "41;encoding=hex")],
        ),
        ("with a display name", '"A, B" <sip:a@h?X-A=1%2C2>;tag=x', [("X-A", "1,2")]),
        ("a dialog's", "<sip:a@h?Replaces=1&Route=x&X-A=1&Contact=y>", [("X-A", "1")]),
        ("who calls", "<sip:a@h?p-asserted-identity=2&Remote-Party-ID=x&Diversion=y&X-A=1>", [("X-A", "1")]),
        ("no names", "<sip:a@h?a%20b=1&X-A=1>", [("X-A", "1")]),
        ("the second of a list", "nonsense, <sip:a@h?X-A=1>", [("X-A", "1")]),
        ("none", "<sip:a@h>", []),
        ("no URI", "nonsense", []),
        ("nothing", "", []),
    ],
)
@pytest.mark.parametrize("header", ["Refer-To", "Contact"])
def test_escaped_headers_are_the_messages(header: str, name: str, value: str, headers: list[tuple[str, str]]) -> None:
    message = refer((header, value), ("X-Own", "1"))
    assert list(read_escaped(message, header).headers) == [*headers, *message.headers]


def test_compact_names_are_names() -> None:
    assert read_escaped(refer(("r", "<sip:a@h?X-A=1>")), "Refer-To").headers.first("X-A") == "1"


def test_what_is_escaped_takes_the_place_of_the_messages_own() -> None:
    message = refer(("Refer-To", "<sip:a@h?user-to-user=41>"), ("User-to-User", "42"), ("X-A", "1"))
    read = read_escaped(message, "Refer-To")
    assert (read.headers.all("User-to-User"), read.headers.all("X-A")) == (("41",), ("1",))
    assert parse_uui(read.headers.all("User-to-User"), UuiSetup()) == "A"


def test_a_message_without_the_header_stays_as_it_is() -> None:
    message = refer(("X-A", "1"))
    assert read_escaped(message, "Refer-To") is message


def test_headers_are_escaped_behind_those_of_the_uri() -> None:
    uri = parse_uri("sip:a@h;transport=tcp?X-Old=1")
    written = write_escaped(uri, [("User-to-User", "41;encoding=hex"), ("X-A", "a b&c=é")])
    assert written == "sip:a@h;transport=tcp?X-Old=1&User-to-User=41%3Bencoding%3Dhex&X-A=a%20b%26c%3D%C3%A9"


@given(st.lists(st.tuples(st.sampled_from(["X-A", "X-B", "User-to-User"]), st.text(st.characters(codec="utf-8")))))
def test_what_was_written_is_read(headers: list[tuple[str, str]]) -> None:
    value = f"<{write_escaped(parse_uri('sip:a@h'), headers)}>"
    assert list(read_escaped(refer(("Refer-To", value)), "Refer-To").headers)[:-1] == headers


@pytest.mark.parametrize("piece", ["?", "&", "&X-A=1", "<", ",", '"', "%41", "<sip:a@h>,"])
@pytest.mark.timeout(20)
def test_hostile_values_take_linear_time(piece: str) -> None:
    text = piece * (65536 // len(piece))
    for value in (text, f"<sip:a@h?{text}>"):
        assert read_escaped(refer(("Refer-To", value)), "Refer-To")


def test_headers_of_these_names_are_laid_over_those_of_another_message() -> None:
    below = SipMessage("INVITE sip:b@h SIP/2.0", Headers([("X-A", "1"), ("x-a", "2"), ("X-B", "3"), ("X-C", "4")]))
    above = refer(("X-a", "5"), ("X-B", "6"), ("X-D", "7"))
    laid = lay_over(above, below, {"x-a", "x-c", "x-d"})
    assert laid.start_line == below.start_line
    assert list(laid.headers) == [("X-a", "5"), ("X-D", "7"), ("X-B", "3"), ("X-C", "4")]
