"""Reading SIP messages: what is tolerated, what is skipped and said, what is refused, and that it stays linear."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.headers import Headers
from gateway.core.message import SipMessage, parse_message
from gateway.core.octets import build_octets
from gateway.errors import MessageError

INVITE = "INVITE sip:bob@example.com SIP/2.0\r\n"

NAMES = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20).map(
    lambda text: text.strip(" \t")
)


def headers_of(text: str) -> list[tuple[str, str]]:
    return list(parse_message(INVITE + text).headers)


def test_a_request_is_read() -> None:
    message = parse_message(INVITE + "Via: SIP/2.0/UDP a\r\nX-Queue: support\r\n\r\nbody")
    assert message.is_request
    assert (message.method, message.request_uri) == ("INVITE", "sip:bob@example.com")
    assert (message.status_code, message.reason_phrase) == (None, None)
    assert message.headers == Headers([("Via", "SIP/2.0/UDP a"), ("X-Queue", "support")])
    assert message.body == "body"
    assert message.defects == ()


@pytest.mark.parametrize(
    ("line", "code", "phrase"),
    [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("SIP/2.0 486 Busy Here", 486, "Busy Here"),
        ("sip/2.0 180 ", 180, ""),
        ("SIP/2.0 603", 603, ""),
        ("SIP/2.0 480 Zeitüberschreitung", 480, "Zeitüberschreitung"),
    ],
)
def test_a_response_is_read(line: str, code: int, phrase: str) -> None:
    message = parse_message(line + "\r\n\r\n")
    assert not message.is_request
    assert (message.status_code, message.reason_phrase) == (code, phrase)
    assert (message.method, message.request_uri) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\r\n\r\n",
        "hello",
        "INVITE sip:a@b SIP/3.0",
        "INVITE sip:a@b",
        "INVITE  sip:a@b SIP/2.0",
        "INV@TE sip:a@b SIP/2.0",
        "INVITE sip:a b@c SIP/2.0",
        "SIP/2.0 99 Low",
        "SIP/2.0 700 High",
        "SIP/2.0 20x OK",
        "SIP/2.0 200OK",
        "\x00\xff",
    ],
)
def test_what_starts_like_no_sip_is_refused(text: str) -> None:
    with pytest.raises(MessageError, match="the first line is neither a SIP/2.0 request nor a SIP/2.0 response"):
        parse_message(text + "\r\nVia: x\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("no headers", "\r\n", []),
        ("no end", "X-A: 1", [("X-A", "1")]),
        ("line feeds alone", "X-A: 1\nX-B: 2\n\nbody", [("X-A", "1"), ("X-B", "2")]),
        ("blanks around", "X-A \t:\t 1 \t\r\n\r\n", [("X-A", "1")]),
        ("blanks behind", "X-A: 1 \r\nX-B: 2\t\r\nX-C: 3\r\n\r\n", [("X-A", "1"), ("X-B", "2"), ("X-C", "3")]),
        ("no blanks", "X-A:1\r\n\r\n", [("X-A", "1")]),
        ("empty value", "X-A:\r\nX-B: \r\n\r\n", [("X-A", ""), ("X-B", "")]),
        ("colon in value", "X-A: b: c\r\n\r\n", [("X-A", "b: c")]),
        ("folded by a blank", "X-A: 1\r\n 2\r\nX-B: 3\r\n\r\n", [("X-A", "1 2"), ("X-B", "3")]),
        ("folded by a tab", "X-A: 1\r\n\t2\r\n\r\n", [("X-A", "1 2")]),
        ("folded with blanks all over", "X-A: 1 \t \r\n \t 2\r\n\r\n", [("X-A", "1 2")]),
        ("folded twice", "X-A: 1\r\n 2\r\n 3\r\n\r\n", [("X-A", "1 2 3")]),
        ("folded over a blank line", "X-A: 1\r\n \r\n  2\r\n\r\n", [("X-A", "1 2")]),
        ("value on the next line", "X-A:\r\n 1\r\n\r\n", [("X-A", "1")]),
        ("name folded from its colon", "X-A\r\n : 1\r\n\r\n", [("X-A", "1")]),
        ("duplicates", "X-A: 1\r\nx-a: 2\r\n\r\n", [("X-A", "1"), ("x-a", "2")]),
        (
            "other line ends are text",
            "X-A: 1\x0b2\x0c3\x1c4\x855\u20286\r\n\r\n",
            [("X-A", "1\x0b2\x0c3\x1c4\x855\u20286")],
        ),
        ("a lone carriage return is text", "X-A: 1\r2\r\n\r\n", [("X-A", "1\r2")]),
        ("odd name", "x.!%*_+`'~-9: 1\r\n\r\n", [("x.!%*_+`'~-9", "1")]),
    ],
)
def test_header_lines(name: str, text: str, expected: list[tuple[str, str]]) -> None:
    message = parse_message(INVITE + text)
    assert list(message.headers) == expected
    assert message.defects == ()


@pytest.mark.parametrize(
    ("bad", "number"),
    [
        ("no colon here", 2),
        (": no name", 2),
        ("two words: x", 2),
        ("Näme: x", 2),
        ("X-(A): x", 2),
        ("X-\x00: x", 2),
        ("bad line\r\n folded: x", 2),
        ("\r", 2),
    ],
)
def test_a_bad_header_line_is_skipped_alone_and_said(bad: str, number: int) -> None:
    message = parse_message(f"{INVITE}X-A: 1\r\n{bad}\r\nX-B: 2\r\n\r\nbody")
    assert list(message.headers) == [("X-A", "1"), ("X-B", "2")]
    assert message.defects == (f"header {number} was skipped: no header name stands before a colon",)
    assert message.body == "body"


def test_a_fold_before_any_header_is_a_bad_header_line() -> None:
    message = parse_message(INVITE + " folded: x\r\nX-A: 1\r\n\r\n")
    assert list(message.headers) == [("X-A", "1")]
    assert message.defects == ("header 1 was skipped: no header name stands before a colon",)


def test_octets_that_are_not_utf8_survive() -> None:
    raw = INVITE.encode() + b"X-Name: Jos\xe9 \xff\r\n\r\n\xfe"
    message = parse_message(raw)
    assert build_octets(message.headers.first("X-Name") or "") == b"Jos\xe9 \xff"
    assert build_octets(message.body) == b"\xfe"
    assert parse_message(raw.decode("utf-8", "surrogateescape")) == message


def test_blank_lines_before_a_message_are_ignored() -> None:
    assert parse_message(b"\r\n\r\n" + INVITE.encode() + b"\r\n").method == "INVITE"


@pytest.mark.parametrize(
    ("length", "body", "kept", "defects"),
    [
        ("4", "body", "body", ()),
        ("0", "", "", ()),
        ("2", "body", "bo", ("2 octets after the body were cut",)),
        ("9", "body", "body", ("the body has 4 of 9 octets that Content-Length says",)),
        ("5", "Jos\u00e9", "Jos\u00e9", ()),
        ("4", "Jos\u00e9", "Jos\udcc3", ("1 octets after the body were cut",)),
        ("-1", "body", "body", ("Content-Length is not a number of octets",)),
        ("four", "body", "body", ("Content-Length is not a number of octets",)),
        ("\u0664", "body", "body", ("Content-Length is not a number of octets",)),
        ("9" * 5000, "body", "body", ("Content-Length is not a number of octets",)),
        ("", "body", "body", ("Content-Length is not a number of octets",)),
    ],
)
def test_a_body_is_as_long_as_it_says(length: str, body: str, kept: str, defects: tuple[str, ...]) -> None:
    message = parse_message(f"{INVITE}l: {length}\r\n\r\n{body}")
    assert message.body == kept
    assert message.defects == defects


def test_printing_shows_neither_body_nor_values() -> None:
    message = parse_message(INVITE + "X-Pin: 1234\r\n\r\nsecret")
    assert "1234" not in repr(message)
    assert "secret" not in repr(message)


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("one value of 64 KB", "X-A: " + "v" * 65536),
        ("64 KB of blanks", "X-A: 1" + " " * 65536 + "2"),
        ("64 KB of blanks in a bad line", "X" + " " * 65536 + "y"),
        ("20,000 folds", "X-A: 1" + "\r\n  2" * 20000),
        ("20,000 blank folds", "X-A: 1" + "\r\n " * 20000),
        ("1,000 headers", "\r\n".join(f"X-{number}: {number}" for number in range(1000))),
        ("20,000 bad lines", "\r\n".join("bad" for _ in range(20000))),
        ("a name of 64 KB", "X" * 65536 + ": 1"),
        ("a name of 64 KB without a colon", "X" * 65536),
        ("64 KB of line feeds", "X-A: 1\r" + "\n" * 65536),
    ],
)
@pytest.mark.timeout(20)
def test_large_messages_are_read_in_linear_time(name: str, section: str) -> None:
    message = parse_message(f"{INVITE}{section}\r\n\r\n")
    assert len(message.headers) + len(message.defects) >= 1


def test_1000_headers_are_all_there() -> None:
    section = "\r\n".join(f"X-{number}: {number}" for number in range(1000))
    assert len(parse_message(f"{INVITE}{section}\r\n\r\n").headers) == 1000


@given(st.lists(st.tuples(NAMES, VALUES), max_size=10), st.text(st.characters(codec="utf-8"), max_size=30))
def test_what_is_written_is_read(pairs: list[tuple[str, str]], body: str) -> None:
    section = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    message = parse_message(f"{INVITE}{section}\r\n{body}")
    assert list(message.headers) == pairs
    assert message.body == body or "content-length" in message.headers
    assert message.defects == ()


@given(st.text(st.characters()))
def test_nothing_but_the_first_line_is_ever_refused(text: str) -> None:
    message = parse_message(INVITE + text)
    assert message == SipMessage(INVITE.rstrip(), message.headers, message.body, message.defects)


@given(st.binary())
def test_any_octets_are_a_message_or_a_message_error(data: bytes) -> None:
    try:
        parse_message(data)
    except MessageError as error:
        assert error.sip_code == 400


@pytest.mark.parametrize(("stated", "cut"), [("4", False), ("5", True), ("3", False), ("many", False)])
def test_a_body_that_lacks_something_is_cut(stated: str, cut: bool) -> None:
    assert parse_message(f"INVITE sip:a@b SIP/2.0\r\nContent-Length: {stated}\r\n\r\nbody").is_cut is cut


@given(st.text(st.sampled_from("\r\n a:")))
def test_the_body_begins_behind_the_first_empty_line(text: str) -> None:
    message = parse_message(f"OPTIONS sip:a SIP/2.0\n{text}")
    _, *rest = re.split(r"\r?\n\r?\n", f"OPTIONS sip:a SIP/2.0\n{text}", maxsplit=1)
    assert [message.body] == (rest or [""])
