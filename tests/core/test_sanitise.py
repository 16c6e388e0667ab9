"""The gate for outgoing headers: nothing gets through that would end a header or that the far end refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.octets import is_utf8
from gateway.core.profiles import PROFILES, Characters, Profile
from gateway.core.refusal import Oversize, Refusal
from gateway.core.sanitise import find_control, is_clean, is_plain, limit_bytes, sanitise, sanitise_value

DOMAIN = PROFILES["sip-domain"]
ASCII = replace(DOMAIN, name="ascii", characters=Characters.ASCII)
SHORT = replace(DOMAIN, name="short", value_bytes=4)


@pytest.mark.parametrize("value", ["a", "a b", 'say "hi"; a=b, <c> \\ %0d%0a', "José ☎ 𝄞", "\u2028\ufeff"])
def test_text_passes(value: str) -> None:
    assert sanitise("X-Name", value, DOMAIN) == value


def test_blanks_at_the_ends_are_taken_off() -> None:
    assert sanitise_value("  a b ", DOMAIN) == "a b"


@pytest.mark.parametrize("control", ["\r\n", "\n", "\r", "\0", "\t", "\x0b", "\x1b", "\x7f", "\x85", "\x9b"])
def test_no_control_character_passes(control: str) -> None:
    refused = sanitise("X-Name", f"a{control}Via: b", DOMAIN)
    assert refused == Refusal(f"control character U+{ord(control[0]):04X} is not allowed in a header")


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("X-Name", "Jos\udce9", Refusal("octets that are not UTF-8 are not allowed in a header")),
        ("X-Name", "\ud800", Refusal("octets that are not UTF-8 are not allowed in a header")),
        ("X-Name", "", Refusal("nothing but blanks, a header without a value says nothing")),
        ("X-Name", "   ", Refusal("nothing but blanks, a header without a value says nothing")),
        ("Via", "a", Refusal("Via belongs to the SIP dialog, context cannot be written to it")),
        ("X: a\r\nVia", "a", Refusal("'X: a\\r\\nVia' is not a header name (letters, digits and -.!%*_+`'~ only)")),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_reason(name: str, value: str, refusal: Refusal) -> None:
    assert sanitise(name, value, DOMAIN) == refusal


def test_a_profile_of_ascii_refuses_more() -> None:
    assert sanitise("X-Name", "José", ASCII) == Refusal("only ASCII characters are allowed (profile ascii)")
    assert sanitise("X-Name", "Jose", ASCII) == "Jose"


@pytest.mark.parametrize(
    ("value", "size"), [("abc", None), ("abcd", None), ("abcde", 5), ("éé", None), ("ééa", 5), ("    abcd   ", None)]
)
def test_a_value_is_as_long_as_the_profile_allows(value: str, size: int | None) -> None:
    expected = value.strip() if size is None else Oversize(f"{size} bytes, 4 allowed (profile short)")
    assert sanitise_value(value, SHORT) == expected


def test_sizes_are_octets() -> None:
    assert limit_bytes("é", 2, "max_bytes") == "é"
    assert limit_bytes("é", 1, "max_bytes") == Oversize("2 bytes, 1 allowed (max_bytes)")
    assert limit_bytes("\udcff", 1, "max_bytes") == "\udcff"


def test_controls_are_found() -> None:
    assert find_control("a\tb\n") == "\t"
    assert find_control("José") is None


@given(st.text(st.characters()) | st.text("aZ ~!\t\x7f\xa0", max_size=6), st.sampled_from([DOMAIN, ASCII]))
def test_what_is_plain_every_far_end_takes_as_it_is(value: str, profile: Profile) -> None:
    expected = value.isascii() and sanitise_value(value, profile) == value
    assert is_plain(value) is expected


@given(st.text(st.characters()))
def test_clean_is_what_any_far_end_may_be_sent(text: str) -> None:
    assert is_clean(text) is (find_control(text) is None and is_utf8(text))


@given(st.text(st.characters()), st.text(st.characters()), st.sampled_from([DOMAIN, ASCII, SHORT, PROFILES["pbx"]]))
def test_whatever_passes_can_stand_in_a_message(name: str, value: str, profile: Profile) -> None:
    result = sanitise(name, value, profile)
    if isinstance(result, Refusal):
        assert result.reason
    else:
        assert result.encode("utf-8").isascii() or profile.characters is Characters.UTF8
        assert result.strip() != ""
        assert find_control(result) is None
