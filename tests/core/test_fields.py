"""Fields: sides, classes and defaults."""

from __future__ import annotations

import pytest

from gateway.core.fields import Field, Sensitivity
from gateway.core.locators import parse_locator
from gateway.core.terms import Direction, On, Side


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
