"""URIs and name-addr values: read, written, and each the undoing of the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.uri import (
    NameAddr,
    SipUri,
    build_name_addr,
    build_uri,
    escape_user,
    parse_addr,
    parse_name_addr,
    parse_params,
    parse_uri,
    quote_string,
    split_at,
    split_list,
    unquote_string,
)
from gateway.errors import UriError

# Text as peers can make it: UTF-8, and octets that are not.
TEXT = st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))
SOME = TEXT.filter(bool)
TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?", fullmatch=True),
    st.ip_addresses(v=6).map(str),
    st.just("10.0.0.5"),
)
URI_PARAMS = st.lists(st.tuples(SOME, st.none() | TEXT), max_size=3).map(tuple)
SIP_URIS = st.builds(
    SipUri,
    st.sampled_from(["sip", "sips"]),
    TEXT,
    HOSTS,
    st.none() | st.integers(1, 65535),
    URI_PARAMS,
    st.lists(st.tuples(SOME, TEXT), max_size=3).map(tuple),
)
TEL_URIS = st.builds(SipUri, st.just("tel"), SOME, st.just(""), st.none(), URI_PARAMS)
URIS = SIP_URIS | TEL_URIS
NAME_ADDRS = st.builds(NameAddr, TEXT, URIS, st.lists(st.tuples(TOKENS, st.none() | TEXT), max_size=3).map(tuple))


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:alice@atlanta.com", SipUri("sip", "alice", "atlanta.com")),
        ("SIP:atlanta.com", SipUri("sip", "", "atlanta.com")),
        (
            "sip:alice:secretword@atlanta.com;transport=tcp",
            SipUri("sip", "alice", "atlanta.com", None, (("transport", "tcp"),)),
        ),
        (
            "sips:alice@atlanta.com?subject=a%20b&priority=urgent",
            SipUri("sips", "alice", "atlanta.com", None, (), (("subject", "a b"), ("priority", "urgent"))),
        ),
        (
            "sip:+1-212-555-1212:1234@gateway.com;user=phone",
            SipUri("sip", "+1-212-555-1212", "gateway.com", None, (("user", "phone"),)),
        ),
        ("sip:alice;day=tuesday@atlanta.com", SipUri("sip", "alice;day=tuesday", "atlanta.com")),
        ("sip:a?b/c@h", SipUri("sip", "a?b/c", "h")),
        ("sip:%61lice@atlanta.com:5070;lr", SipUri("sip", "alice", "atlanta.com", 5070, (("lr", None),))),
        ("sip:j%C3%B6rg@h", SipUri("sip", "jörg", "h")),
        ("sip:jörg@h", SipUri("sip", "jörg", "h")),
        ("sip:%ff@h", SipUri("sip", "\udcff", "h")),
        ("sip:%zz%4@h", SipUri("sip", "%zz%4", "h")),
        ("sip:a@[2001:db8::1]:5060;p=", SipUri("sip", "a", "2001:db8::1", 5060, (("p", ""),))),
        ("sip:a@my_host-1.lan;;=x;q", SipUri("sip", "a", "my_host-1.lan", None, (("q", None),))),
        ("sip:a@h?=x&y", SipUri("sip", "a", "h", None, (), (("y", ""),))),
        ("tel:+1-201-555-0123;phone-context=x", SipUri("tel", "+1-201-555-0123", "", None, (("phone-context", "x"),))),
    ],
)
def test_a_uri_is_read(text: str, uri: SipUri) -> None:
    assert parse_uri(text) == uri
    assert parse_uri(build_uri(uri)) == uri


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a sip, sips or tel URI"),
        ("alice@atlanta.com", "not a sip, sips or tel URI"),
        ("http://atlanta.com", "not a sip, sips or tel URI"),
        ("sip:a b@h", "not a sip, sips or tel URI"),
        ("sip:a@h\r\nX: y", "not a sip, sips or tel URI"),
        ("sip:a\x00@h", "not a sip, sips or tel URI"),
        ("sip:a@h>", "not a sip, sips or tel URI"),
        ("sip:", "the host of the URI is malformed"),
        ("sip:a@", "the host of the URI is malformed"),
        ("sip:a@b@c", "the host of the URI is malformed"),
        ("sip:a@h:x", "the host of the URI is malformed"),
        ("sip:a@h:123456", "the host of the URI is malformed"),
        ("sip:a@höst", "the host of the URI is malformed"),
        ("sip:a@h:0", "the port of the URI is not between 1 and 65535"),
        ("sip:a@h:65536", "the port of the URI is not between 1 and 65535"),
        ("sip:a@[2001:db8::g]", "the host of the URI is not an IPv6 address"),
        ("sip:a@[fe80::1%25eth0]", "the host of the URI is not an IPv6 address"),
        ("sip:a@[::1", "the host of the URI is malformed"),
        ("tel:", "a tel URI needs a number"),
        ("tel:;x=y", "a tel URI needs a number"),
    ],
)
def test_a_bad_uri_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UriError, match=problem):
        parse_uri(text)


def uri_or_problem(text: str) -> SipUri | str:
    try:
        return parse_uri(text)
    except UriError as error:
        return str(error)


@given(st.from_regex(r"[a+.~%:;1-]{0,5}@?[a._:0-9-]{1,9}(;x|\?y=)?", fullmatch=True))
def test_a_plain_uri_is_read_as_any_other(rest: str) -> None:
    assert uri_or_problem(f"sip:{rest}") == uri_or_problem(f"SIP:{rest}")


def test_a_password_is_never_kept() -> None:
    assert "hunter2" not in build_uri(parse_uri("sip:alice:hunter2@h"))


def test_parameters_are_found_in_any_case() -> None:
    uri = parse_uri("sip:h;Transport=TLS;lr")
    assert (uri.param("transport"), uri.param("LR"), uri.param("maddr")) == ("TLS", "", None)
    value = parse_name_addr("<sip:h>;Tag=5")
    assert (value.param("tag"), value.param("x")) == ("5", None)


@pytest.mark.parametrize(
    ("user", "escaped"),
    [
        ("+15551234567", "+15551234567"),
        ("a b", "a%20b"),
        ("a@b:c", "a%40b%3Ac"),
        ("\r\nX: y", "%0D%0AX%3A%20y"),
        ("é\udcff", "%C3%A9%FF"),
    ],
)
def test_a_user_part_is_escaped(user: str, escaped: str) -> None:
    assert escape_user(user) == escaped


ALICE = SipUri("sip", "alice", "atlanta.com")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"Alice" <sip:alice@atlanta.com>;tag=88', NameAddr("Alice", ALICE, (("tag", "88"),))),
        ("Alice Liddell <sip:alice@atlanta.com>", NameAddr("Alice Liddell", ALICE)),
        ("<sip:alice@atlanta.com>", NameAddr("", ALICE)),
        ("sip:alice@atlanta.com;tag=88", NameAddr("", ALICE, (("tag", "88"),))),
        (
            ' "A, \\"B\\" \\\\ <x>"<sip:alice@atlanta.com> ; a ; b="c;d" ',
            NameAddr('A, "B" \\ <x>', ALICE, (("a", None), ("b", "c;d"))),
        ),
        ('"" <sip:alice@atlanta.com>', NameAddr("", ALICE)),
        ("Jörg Ü. <sip:alice@atlanta.com>", NameAddr("Jörg Ü.", ALICE)),
        ('"unfinished <sip:alice@atlanta.com>', NameAddr('"unfinished', ALICE)),
        ("< sip:alice@atlanta.com >;tag=", NameAddr("", ALICE, (("tag", ""),))),
        (
            "<sip:alice@atlanta.com;p=1>;p=2;(x)=3;=4",
            NameAddr("", SipUri("sip", "alice", "atlanta.com", None, (("p", "1"),)), (("p", "2"),)),
        ),
    ],
)
def test_a_name_addr_is_read(text: str, value: NameAddr) -> None:
    assert parse_name_addr(text) == value
    assert parse_addr(text) == value.uri
    assert parse_name_addr(build_name_addr(value)) == value


@pytest.mark.parametrize("text", ["", "Alice", '"Alice"', "<sip:a@h", "<>", "<http://h>", "Alice <mailto:a@h>"])
def test_a_bad_name_addr_is_refused(text: str) -> None:
    for parse in (parse_name_addr, parse_addr):
        with pytest.raises(UriError):
            parse(text)


def test_a_display_name_is_written_in_quotes() -> None:
    value = NameAddr('Say "hi" \\', ALICE, (("tag", "x y"), ("lr", None), ("n", "1")))
    assert build_name_addr(value) == '"Say \\"hi\\" \\\\" <sip:alice@atlanta.com>;tag="x y";lr;n=1'


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a,b" <sip:c,d@h>, e', ['"a,b" <sip:c,d@h>', "e"]),
        ('"a\\",b", c', ['"a\\",b"', "c"]),
        ('"never, closed', ['"never, closed']),
        ("<never, closed", ["<never, closed"]),
        ('"a\\', ['"a\\']),
        ("a\\,b<", ["a\\", "b<"]),
        ("<a;b>,c;d", ["<a;b>", "c;d"]),
    ],
)
def test_a_list_is_split_outside_quotes_and_brackets(value: str, members: list[str]) -> None:
    assert split_list(value) == members


def test_parameters_are_split_outside_quotes() -> None:
    assert split_at('a;"b;c";<d;e>', ";") == ["a", '"b;c"', "<d;e>"]
    assert parse_params(' ; a = "b;c" ;d') == (("a", "b;c"), ("d", None))


@pytest.mark.parametrize("text", ["", "plain", 'say "hi"', "back\\slash", "a\r\nb", '\\"'])
def test_quoting_is_undone(text: str) -> None:
    assert unquote_string(quote_string(text)) == text


@pytest.mark.parametrize("text", ["plain", '"', '"open', 'a"b"', '"a"b"', '"a\\"'])
def test_what_is_not_quoted_stays_as_it_is(text: str) -> None:
    assert unquote_string(text) == text


@given(URIS)
def test_a_written_uri_is_read_as_itself(uri: SipUri) -> None:
    text = build_uri(uri)
    assert text.isascii()
    assert text.isprintable()
    assert parse_uri(text) == uri


@given(NAME_ADDRS)
def test_a_written_name_addr_is_read_as_itself(value: NameAddr) -> None:
    assert parse_name_addr(build_name_addr(value)) == value
    assert split_list(f"{build_name_addr(value)}, x") == [build_name_addr(value), "x"]


@given(st.text(st.characters()) | st.text('"\\<>;,:@=% sipa', max_size=40))
def test_any_text_is_read_or_is_a_uri_error(text: str) -> None:
    split_list(text)
    for parse in (parse_uri, parse_addr, parse_name_addr):
        try:
            parse(text)
        except UriError as error:
            assert error.sip_code == 416


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "\\",
        "<",
        ">",
        ",",
        ";",
        '",',
        "\\\\",
        '\\"',
        "a=",
        "%",
        ":",
        "@",
        "[",
        " ",
        ";a=b",
        ',"<',
        "=;",
        "%41",
        "&",
    ],
)
@pytest.mark.timeout(20)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (65536 // len(piece))
    for hostile in (text, f"sip:{text}", f"sip:a@{text}", f'"{text}" <sip:a@h>', f"<sip:a@h>{text}", f"sip:h;{text}"):
        split_list(hostile)
        try:
            parse_name_addr(hostile)
        except UriError as error:
            assert str(error)
