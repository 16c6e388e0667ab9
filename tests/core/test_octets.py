"""Octets and text: nothing a peer sends is lost, nothing raises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.octets import build_octets, byte_length, is_utf8, parse_octets


@given(st.binary())
def test_octets_survive_being_text(data: bytes) -> None:
    text = parse_octets(data)
    assert build_octets(text) == data
    assert byte_length(text) == len(data)


@given(st.text(st.characters()))
def test_any_text_has_octets(text: str) -> None:
    assert byte_length(text) == len(build_octets(text))


def test_surrogates_without_an_octet_are_three_octets() -> None:
    assert build_octets("a\ud800") == b"a\xed\xa0\x80"
    assert byte_length("\udc80") == 1
    assert byte_length("\ud800") == 3


def test_utf8_is_told_from_other_octets() -> None:
    assert is_utf8("plain")
    assert is_utf8("José ☎")
    assert not is_utf8(parse_octets(b"Jos\xe9"))
