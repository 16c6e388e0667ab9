"""The header multimap: any case, compact forms, duplicates, order and spelling kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.headers import COMPACT_FORMS, Headers, canonical_name, is_header_name, is_token

NAMES = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
PAIRS = st.lists(st.tuples(NAMES, st.text(max_size=10)), max_size=20)

SAMPLE = Headers([("Via", "one"), ("X-Queue", ""), ("v", "two"), ("VIA", "three"), ("i", "abc@host")])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Via", ("one", "two", "three")),
        ("via", ("one", "two", "three")),
        ("V", ("one", "two", "three")),
        ("Call-ID", ("abc@host",)),
        ("x-queue", ("",)),
        ("X-Other", ()),
    ],
)
def test_a_name_finds_its_values_in_any_case_and_form(name: str, values: tuple[str, ...]) -> None:
    assert SAMPLE.all(name) == values
    assert SAMPLE.first(name) == (values[0] if values else None)
    assert (name in SAMPLE) is bool(values)


def test_iteration_keeps_order_and_spelling() -> None:
    assert list(SAMPLE)[2:4] == [("v", "two"), ("VIA", "three")]
    assert len(SAMPLE) == 5


@pytest.mark.parametrize(("name", "value"), [("x-pin", "1"), ("X-PIN", "1"), ("to", "x"), ("T", "x"), ("X-P", None)])
def test_where_no_name_stands_twice_each_is_found_as_well(name: str, value: str | None) -> None:
    headers = Headers([("X-Pin", "1"), ("To", "x")])
    assert headers.first(name) == value
    assert headers.all(name) == (() if value is None else (value,))


@pytest.mark.parametrize(
    ("name", "starts"),
    [("X-Twilio-CallSid", True), ("x-twilio-", True), ("X-Twilio", False), ("X-My-X-Twilio-A", False)],
)
def test_the_start_of_a_name_is_found_in_any_case(name: str, starts: bool) -> None:
    assert Headers([("To", "x"), (name, "1")]).any_starts("X-Twilio-") is starts


def test_only_text_is_a_name() -> None:
    assert 5 not in SAMPLE


@pytest.mark.parametrize(("compact", "long"), COMPACT_FORMS.items())
def test_a_compact_form_is_its_long_name(compact: str, long: str) -> None:
    assert Headers([(compact.upper(), "x")]) == Headers([(long.title(), "x")])


def test_every_registered_compact_form_is_known() -> None:
    assert set("abcdefijklmnorstuvxy") == set(COMPACT_FORMS)


def test_equality_is_by_meaning() -> None:
    assert Headers([("a", "1"), ("a", "2")]) != Headers([("a", "2"), ("a", "1")])
    assert hash(Headers([("F", "1")])) == hash(Headers([("from", "1")]))
    assert Headers() != ()


def test_printing_shows_names_and_no_values() -> None:
    assert repr(Headers([("X-Pin", "1234"), ("To", "x")])) == "Headers(X-Pin, To)"


@pytest.mark.parametrize(
    ("text", "good"),
    [("X-Queue", True), ("a.!%*_+`'~-9", True), ("", False), ("X Queue", False), ("X:", False), ("Né", False)],
)
def test_header_names_are_tokens(text: str, good: bool) -> None:
    assert is_header_name(text) is good
    assert is_token(text) is good


@given(PAIRS)
def test_every_pair_is_found_again(pairs: list[tuple[str, str]]) -> None:
    headers = Headers(pairs)
    assert list(headers) == pairs
    for name, _ in pairs:
        expected = tuple(value for other, value in pairs if canonical_name(other) == canonical_name(name))
        assert headers.all(name.swapcase()) == expected
