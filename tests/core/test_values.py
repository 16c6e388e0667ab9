"""Types: the canonical text of each, and that checking takes linear time."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.refusal import Refusal
from gateway.core.values import FieldType, check_for

NOT_E164 = Refusal("not an E.164 number (+ and at most 15 digits)")
NOT_UUID = Refusal("not a UUID")
NOT_JSON = Refusal("not JSON")
VALUES = ("general", "sales", "1")
UUID = "0191a0b2-3c4d-7e5f-8a6b-1c2d3e4f5a6b"

NOT_INTEGER = Refusal("not an integer")
NOT_BOOLEAN = Refusal("not a boolean (true or false)")


@pytest.mark.parametrize(
    ("type_", "text", "canonical"),
    [
        (FieldType.TEXT, " any\x00thing ", " any\x00thing "),
        (FieldType.INTEGER, "42", "42"),
        (FieldType.INTEGER, " +007 ", "7"),
        (FieldType.INTEGER, "-007", "-7"),
        (FieldType.INTEGER, "000", "0"),
        (FieldType.INTEGER, "-0", "0"),
        (FieldType.INTEGER, "9" * 5000, "9" * 5000),
        (FieldType.INTEGER, "", NOT_INTEGER),
        (FieldType.INTEGER, "-", NOT_INTEGER),
        (FieldType.INTEGER, "4.2", NOT_INTEGER),
        (FieldType.INTEGER, "1_000", NOT_INTEGER),
        (FieldType.INTEGER, "٤٢", NOT_INTEGER),
        (FieldType.INTEGER, "42\n43", NOT_INTEGER),
        (FieldType.BOOLEAN, "true", "true"),
        (FieldType.BOOLEAN, " YES ", "true"),
        (FieldType.BOOLEAN, "1", "true"),
        (FieldType.BOOLEAN, "off", "false"),
        (FieldType.BOOLEAN, "N", "false"),
        (FieldType.BOOLEAN, "", NOT_BOOLEAN),
        (FieldType.BOOLEAN, "maybe", NOT_BOOLEAN),
        (FieldType.BOOLEAN, "\udcff", NOT_BOOLEAN),
        (FieldType.E164, "+15551234567", "+15551234567"),
        (FieldType.E164, " +1 (555) 123-45.67", "+15551234567"),
        (FieldType.E164, "+123456789012345", "+123456789012345"),
        (FieldType.E164, "+1234567890123456", NOT_E164),
        (FieldType.E164, "15551234567", NOT_E164),
        (FieldType.E164, "+0123", NOT_E164),
        (FieldType.E164, "+", NOT_E164),
        (FieldType.E164, "+1;ext=2", NOT_E164),
        (FieldType.E164, "+١٢٣", NOT_E164),
        (FieldType.E164, "", NOT_E164),
        (FieldType.UUID, UUID, UUID),
        (FieldType.UUID, f" {{{UUID.upper()}}} ", UUID),
        (FieldType.UUID, f"urn:uuid:{UUID}", UUID),
        (FieldType.UUID, UUID.replace("-", ""), UUID),
        (FieldType.UUID, UUID[:-1], NOT_UUID),
        (FieldType.UUID, f"{UUID}0", NOT_UUID),
        (FieldType.UUID, UUID.replace("a", "g"), NOT_UUID),
        (FieldType.UUID, "", NOT_UUID),
        (FieldType.ENUM, "sales", "sales"),
        (FieldType.ENUM, "1", "1"),
        (FieldType.ENUM, "Sales", Refusal("not one of general, sales, 1")),
        (FieldType.ENUM, "", Refusal("not one of general, sales, 1")),
        (
            FieldType.JSON,
            ' {"b" : [1.50, 1e400, -0, null],\n"a": "x  \\" y"} ',
            '{"b":[1.50,1e400,-0,null],"a":"x  \\" y"}',
        ),
        (FieldType.JSON, '"é"', '"é"'),
        (FieldType.JSON, "9" * 5000, "9" * 5000),
        (FieldType.JSON, "", NOT_JSON),
        (FieldType.JSON, "{'a': 1}", NOT_JSON),
        (FieldType.JSON, "[NaN]", NOT_JSON),
        (FieldType.JSON, "-Infinity", NOT_JSON),
        (FieldType.JSON, '"a\nb"', NOT_JSON),
        (FieldType.JSON, "1 2", NOT_JSON),
        (FieldType.JSON, "[" * 65536, Refusal("JSON that is nested too deeply")),
    ],
)
def test_a_value_has_one_canonical_text(type_: FieldType, text: str, canonical: str | Refusal) -> None:
    assert check_for(type_, VALUES)(text) == canonical


@given(st.integers())
def test_an_integer_is_itself(number: int) -> None:
    assert check_for(FieldType.INTEGER)(f"{number:+030}") == str(number)


@given(st.sampled_from(FieldType), st.text(st.characters()))
def test_a_canonical_text_stays_as_it_is(type_: FieldType, text: str) -> None:
    once = check_for(type_, VALUES)(text)
    if not isinstance(once, Refusal):
        assert check_for(type_, VALUES)(once) == once


def test_a_long_list_of_values_is_not_shown_whole() -> None:
    values = tuple(f"value-{number}" for number in range(20))
    refused = check_for(FieldType.ENUM, values)("x")
    assert refused == Refusal(f"not one of {', '.join(values)[:80]}…")


@given(st.uuids())
def test_a_uuid_is_itself(number: uuid.UUID) -> None:
    assert check_for(FieldType.UUID)(number.hex) == str(number)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON, st.sampled_from([None, 1, "\t"]))
def test_json_means_what_it_meant(value: object, indent: int | str | None) -> None:
    compact = check_for(FieldType.JSON)(json.dumps(value, indent=indent))
    assert isinstance(compact, str)
    assert json.loads(compact) == value
    assert compact == json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("type_", [type_ for type_ in FieldType if type_ is not FieldType.TEXT])
@pytest.mark.parametrize(
    ("piece", "end"),
    [("0", "x"), ("1", " x"), (" ", "1 1"), ("-", "x"), ("{", ""), ("[1,", ""), ('"', "x"), ('"\\', ""), (" ", '"')],
)
@pytest.mark.timeout(20)
def test_hostile_values_take_linear_time(type_: FieldType, piece: str, end: str) -> None:
    assert isinstance(check_for(type_, VALUES)(piece * 65536 + end), Refusal)
