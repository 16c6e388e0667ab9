"""Locators: their text, what they read from a message, and the header they are written as."""

from __future__ import annotations

import re

import pytest

from gateway.core.locators import CallFacts, Kind, Locator, Origin, Ways, parse_locator, reader_for, target_header
from gateway.core.message import parse_message
from gateway.core.plan import Dialect
from gateway.core.refusal import Refusal
from gateway.core.terms import Direction
from gateway.core.uui import UuiSetup

INVITE = """\
INVITE sip:+15551234567;isub=1@gw.example.com:5060;transport=udp;x-note=a%20b;lr SIP/2.0
f: "Liddell, Alice \\"A\\"" <sip:alice@pbx.example.com>;tag=1
To: "Support" <sip:4711@gw.example.com>
i: 8a7b6c5d@10.0.0.5
X-Queue: support
x-queue: sales
X-Empty:
X-PBX-CUSTOMER-ID: 42
X-CUSTOMER_ID: 43
P-Asserted-Identity: <mailto:alice@example.com>, "Alice" <sip:100@pbx.example.com>
P-Asserted-Identity: <tel:+15550100>
Remote-Party-ID: "Bob" <sip:200@pbx.example.com>;party=calling;screen=yes
Diversion: <sip:first@pbx.example.com>;reason="user-busy", <sip:second@pbx.example.com>;reason=no-answer
Session-ID: ab30317f1a784dc48ff824d0d3715d86 ;remote=00000000000000000000000000000000
User-to-User: 414243;encoding=hex

"""

BARE = "OPTIONS mailto:a SIP/2.0\r\nFrom: nobody\r\nDiversion: <sip:x@h>\r\nUser-to-User: xyz;encoding=hex\r\n\r\n"


def read(locator: str, text: str = INVITE, dialect: Dialect = Dialect.ASTERISK) -> list[str] | Refusal:
    origin = Origin(parse_message(text), CallFacts("call-7", "pbx-a", "10.0.0.5"), Direction.TO_TWILIO)
    values = reader_for(parse_locator(locator), Ways(dialect, UuiSetup()))(origin)
    return values if isinstance(values, Refusal) else list(values)


@pytest.mark.parametrize(
    ("locator", "values"),
    [
        ("header:X-Queue", ["support", "sales"]),
        ("header:x-QUEUE", ["support", "sales"]),
        ("header:X-Empty", [""]),
        ("header:X-None", []),
        ("header:Call-ID", ["8a7b6c5d@10.0.0.5"]),
        ("var:CUSTOMER_ID", ["42"]),
        ("var:OTHER", []),
        ("sip:request.user", ["+15551234567;isub=1"]),
        ("sip:request.param.Transport", ["udp"]),
        ("sip:request.param.x-note", ["a b"]),
        ("sip:request.param.lr", [""]),
        ("sip:request.param.none", []),
        ("sip:from.user", ["alice"]),
        ("sip:from.display", ['Liddell, Alice "A"']),
        ("sip:to.user", ["4711"]),
        ("sip:pai.user", ["100"]),
        ("sip:pai.display", ["Alice"]),
        ("sip:rpid.user", ["200"]),
        ("sip:diversion.user", ["first"]),
        ("sip:diversion.reason", ["user-busy"]),
        ("sip:call_id", ["8a7b6c5d@10.0.0.5"]),
        ("sip:session_id", ["ab30317f1a784dc48ff824d0d3715d86"]),
        ("sip:source.address", ["10.0.0.5"]),
        ("uui", ["ABC"]),
        ("const:a: b", ["a: b"]),
        ("call:id", ["call-7"]),
        ("call:direction", ["to_twilio"]),
        ("call:trunk", ["pbx-a"]),
    ],
)
def test_a_locator_reads_its_value(locator: str, values: list[str]) -> None:
    assert read(locator) == values


@pytest.mark.parametrize(
    "locator",
    [
        "sip:request.user",
        "sip:request.param.lr",
        "sip:from.user",
        "sip:from.display",
        "sip:pai.user",
        "sip:diversion.reason",
        "sip:session_id",
        "sip:call_id",
    ],
)
def test_what_is_not_there_or_unreadable_is_no_value(locator: str) -> None:
    assert read(locator, BARE) == []


def test_a_response_has_no_request_uri() -> None:
    assert read("sip:request.user", "SIP/2.0 200 OK\r\n\r\n") == []


def test_no_user_to_user_is_no_value() -> None:
    assert read("uui", "SIP/2.0 200 OK\r\n\r\n") == []


def test_an_unreadable_user_to_user_says_so() -> None:
    assert read("uui", BARE) == Refusal("User-to-User says encoding=hex and is not pairs of hex digits")


@pytest.mark.parametrize(
    "value",
    ["Liddell, Alice <sip:alice@h>", '"Liddell, Alice" <sip:alice@h>', '"Liddell, Alice" <sip:alice@h>, <sip:b@h>'],
)
def test_a_comma_in_the_name_of_from_is_part_of_it(value: str) -> None:
    text = f"INVITE sip:a@h SIP/2.0\r\nFrom: {value}\r\n\r\n"
    assert read("sip:from.display", text) == ["Liddell, Alice"]
    assert read("sip:from.user", text) == ["alice"]


@pytest.mark.parametrize(
    ("dialect", "header", "value"),
    [
        (Dialect.ASTERISK, "X-PBX-CUSTOMER-ID", "42"),
        (Dialect.HEADERS, "X-PBX-CUSTOMER-ID", "42"),
        (Dialect.FREESWITCH, "X-CUSTOMER_ID", "43"),
    ],
)
def test_a_variable_is_a_header_in_each_dialect(dialect: Dialect, header: str, value: str) -> None:
    assert target_header(parse_locator("var:CUSTOMER_ID"), dialect) == header
    assert read("var:CUSTOMER_ID", dialect=dialect) == [value]


@pytest.mark.parametrize(
    ("locator", "header"), [("header:X-Queue", "X-Queue"), ("header:x-queue", "x-queue"), ("uui", "User-to-User")]
)
def test_a_writable_locator_is_a_header_spelled_as_given(locator: str, header: str) -> None:
    assert target_header(parse_locator(locator), Dialect.ASTERISK) == header


@pytest.mark.parametrize(
    ("text", "writable"),
    [
        ("header:X-Queue", True),
        ("var:QUEUE", True),
        ("uui", True),
        ("sip:from.user", False),
        ("const:x", False),
        ("call:id", False),
    ],
)
def test_only_headers_variables_and_uui_are_written(text: str, writable: bool) -> None:
    assert parse_locator(text).writable is writable


def test_a_locator_keeps_its_text_and_its_halves() -> None:
    assert parse_locator("header:X-Queue") == Locator("header:X-Queue", Kind.HEADER, "X-Queue")
    assert parse_locator("uui") == Locator("uui", Kind.UUI, "")


NOT_ONE = "it is neither uui nor starts with one of header: var: sip: const: call: uui:."
NOT_A_NAME = "is not a header name (letters, digits and -.!%*_+`'~ only)."
SIP_NAMES = (
    "sip: knows request.user, from.user, from.display, to.user, pai.user, pai.display, rpid.user, diversion.user, "
    "diversion.reason, call_id, session_id, source.address and request.param.NAME."
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", NOT_ONE),
        ("X-Queue", NOT_ONE),
        ("Header:X-Queue", NOT_ONE),
        ("heder:X-Queue", NOT_ONE),
        ("uui:", "'' is not a key of User-to-User (letters, digits and _.- only, a letter or _ first)."),
        ("uui:a b", "'a b' is not a key of User-to-User (letters, digits and _.- only, a letter or _ first)."),
        ("header", NOT_ONE),
        ("header:", f"'' {NOT_A_NAME}"),
        ("header:X Queue", f"'X Queue' {NOT_A_NAME}"),
        ("header:X-Queue:", f"'X-Queue:' {NOT_A_NAME}"),
        ("var:CUSTOMER-ID", "'CUSTOMER-ID' is not a variable name (letters, digits and _ only)."),
        ("var:", "'' is not a variable name (letters, digits and _ only)."),
        ("sip:from", SIP_NAMES),
        ("sip:request.param.", SIP_NAMES),
        ("sip:request.param.a b", SIP_NAMES),
        ("const:", "const: needs a text."),
        ("const:  ", "const: needs a text."),
        ("const:a\nb", "const: cannot hold control characters."),
        ("call:name", "call: knows id, direction, trunk."),
    ],
)
def test_a_bad_locator_is_refused_with_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{text!r} is not a locator: {problem}")):
        parse_locator(text)
