"""A value is what its fields say, and nobody may change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, replace

from gateway.core.frozen import frozen


@frozen
class Leg:
    """A value with one field that has a default."""

    number: int
    held: bool = False


@frozen
class Twin:
    """Another kind with the same fields."""

    number: int
    held: bool = False


@frozen
class Marked:
    """A value with a default that is made anew for each."""

    marks: Mapping[str, int] = field(default_factory=dict)


def test_a_value_is_equal_to_one_of_its_kind_with_the_same_fields() -> None:
    assert (Leg(1), Leg(1), Leg(1)) == (Leg(1), Leg(1, held=False), replace(Leg(2), number=1))
    assert Leg(1) not in (Leg(2), Leg(1, True), Twin(1))


def test_a_value_finds_its_place_in_a_dictionary() -> None:
    assert {Leg(1): "first", Twin(1): "second"}[Leg(1)] == "first"


def test_each_value_has_its_own_default() -> None:
    assert Marked().marks == {} and Marked().marks is not Marked().marks


def test_a_value_has_its_fields_and_no_more() -> None:
    assert [one.name for one in fields(Leg)] == ["number", "held"]
    assert not hasattr(Leg(1), "__dict__")


def test_the_type_checker_lets_nobody_change_one() -> None:
    leg = Leg(1)
    leg.number = 2  # type: ignore[misc]  # mypy fails here if it would not refuse this (warn_unused_ignores)
