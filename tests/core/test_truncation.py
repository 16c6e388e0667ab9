"""Cutting: as much as fits, and never inside something."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.octets import byte_length
from gateway.core.truncation import truncate


def cut(value: str, size: int) -> str | None:
    return truncate(value, lambda start: byte_length(start) <= size)


@pytest.mark.parametrize(
    ("name", "value", "size", "expected"),
    [
        ("text", "general", 3, "gen"),
        ("text that fits", "general", 7, "general"),
        ("nothing fits", "general", 0, None),
        ("inside a character", "aé", 2, "a"),
        ("inside a character of four octets", "a😀", 4, "a"),
        ("after a character", "aéb", 3, "aé"),
        ("a blank at the end", "a b", 2, "a"),
        ("only a blank", " b", 1, None),
        ("hex pairs", "0A1B2C", 5, "0A1B"),
        ("hex pairs, even", "0A1B2C", 4, "0A1B"),
        ("odd hex is text", "0A1B2", 3, "0A1"),
        ("before an escape", "ab%20c", 2, "ab"),
        ("in an escape, one", "ab%20c", 3, "ab"),
        ("in an escape, two", "ab%20c", 4, "ab"),
        ("after an escape", "ab%20c", 5, "ab%20"),
        ("half an escaped character", "a%C3%A9", 4, "a"),
        ("a third of an escaped character", "a%E2%82%AC", 4, "a"),
        ("two thirds of an escaped character", "a%E2%82%AC", 7, "a"),
        ("a quarter of an escaped character", "a%F0%9F%98%80", 4, "a"),
        ("three quarters of an escaped character", "a%f0%9f%98%80", 10, "a"),
        ("an escaped character", "a%C3%A9%C3%A9", 7, "a%C3%A9"),
        ("half an escaped character at the end of all", "a%C3", 4, "a%C3"),
        ("a per cent sign", "100% of", 5, "100%"),
        ("a JSON object", '{"a": 1}', 5, None),
        ("a JSON list", " [1, 2]", 5, None),
        ("a JSON string", '"abc"', 3, None),
        ("almost JSON", "{a: 1}", 3, "{a:"),
        ("a number", "12345", 3, "123"),
    ],
)
def test_a_value_is_cut_where_it_means_something(name: str, value: str, size: int, expected: str | None) -> None:
    assert cut(value, size) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(0, 40))
def test_a_cut_text_is_a_start_that_fits(value: str, size: int) -> None:
    start = cut(value, size)
    assert start is None or (start and value.startswith(start) and byte_length(start) <= size)


@given(st.text(st.characters(codec="utf-8"), max_size=10), st.integers(0, 90))
def test_cut_escapes_stay_whole(value: str, size: int) -> None:
    start = cut(f"x{quote(value, safe='')}", size)
    if start is not None:
        assert re.fullmatch(r"(?:[^%]|%[0-9A-F]{2})*", start)
        assert unquote_to_bytes(start).decode()


@given(st.binary(min_size=1, max_size=20), st.integers(0, 40))
def test_cut_pairs_stay_whole(data: bytes, size: int) -> None:
    assert data.startswith(bytes.fromhex(cut(data.hex(), size) or ""))


@given(st.dictionaries(st.text(), st.integers()) | st.lists(st.text()) | st.text(), st.integers(0, 40))
def test_json_is_never_cut(value: object, size: int) -> None:
    assert cut(json.dumps(value), size) is None


@pytest.mark.parametrize("value", ["%C3" * 20000, "a" * 65536, "[" * 65536, "%" * 65536, "é" * 30000])
@pytest.mark.timeout(20)
def test_hostile_values_are_cut_in_time(value: str) -> None:
    assert cut(value, 30001) is not None
