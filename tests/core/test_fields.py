"""Fields: sides, classes, and the canonical text of each type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.fields import TYPE_CHECKS, Field, FieldType, Sensitivity
from gateway.core.locators import parse_locator
from gateway.core.refusal import Refusal
from gateway.core.terms import Direction, On, Side

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
    ],
)
def test_a_value_has_one_canonical_text(type_: FieldType, text: str, canonical: str | Refusal) -> None:
    assert TYPE_CHECKS[type_](text) == canonical


def test_every_type_has_a_check() -> None:
    assert set(TYPE_CHECKS) == set(FieldType)


@given(st.integers())
def test_an_integer_is_itself(number: int) -> None:
    assert TYPE_CHECKS[FieldType.INTEGER](f"{number:+030}") == str(number)


@given(st.sampled_from(FieldType), st.text(st.characters()))
def test_a_canonical_text_stays_as_it_is(type_: FieldType, text: str) -> None:
    once = TYPE_CHECKS[type_](text)
    if not isinstance(once, Refusal):
        assert TYPE_CHECKS[type_](once) == once


@pytest.mark.parametrize(("piece", "end"), [("0", "x"), ("1", " x"), (" ", "1 1")])
@pytest.mark.timeout(2)
def test_hostile_values_take_linear_time(piece: str, end: str) -> None:
    text = piece * 65536 + end
    assert TYPE_CHECKS[FieldType.INTEGER](text) == NOT_INTEGER
    assert TYPE_CHECKS[FieldType.BOOLEAN](text) == NOT_BOOLEAN


def test_a_field_has_a_place_on_each_side() -> None:
    field = Field("queue", pbx=parse_locator("var:QUEUE"))
    assert field.locator(Side.PBX) == parse_locator("var:QUEUE")
    assert field.locator(Side.TWILIO) is None


def test_a_field_travels_both_ways_on_invite_by_default() -> None:
    field = Field("queue")
    assert field.direction == {Direction.TO_PBX, Direction.TO_TWILIO}
    assert field.on == {On.INVITE}


@pytest.mark.parametrize(
    ("sensitivity", "redacted"),
    [
        (Sensitivity.PUBLIC, False),
        (Sensitivity.INTERNAL, False),
        (Sensitivity.PII, True),
        (Sensitivity.SECRET, True),
    ],
)
def test_private_classes_are_redacted(sensitivity: Sensitivity, redacted: bool) -> None:
    assert Field("x", sensitivity=sensitivity).redacted is redacted
