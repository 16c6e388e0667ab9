"""How much fields can take: by their type and limits, by how they are written, and by what the far end takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.contract import Contract
from gateway.core.fields import Field, FieldType
from gateway.core.locators import parse_locator
from gateway.core.plan import Dialect
from gateway.core.profiles import PROFILES
from gateway.core.scopes import Message
from gateway.core.sizes import Room, room
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Lookup, Word
from gateway.core.uui import UuiEncoding, UuiFormat, UuiSetup

INVITE = Message(Direction.TO_TWILIO, On.INVITE, Side.PBX)
BARE = replace(PROFILES["sip-domain"], name="bare", bytes_total=None)


TABLE = Lookup((("1", "basic"), ("2", "gold")))


def field(name: str, twilio: str | None, **more: Any) -> Field:
    return Field(name, parse_locator("var:A"), twilio and parse_locator(twilio), **more)


def room_of(*fields: Field, setup: UuiSetup | None = None, **limits: Any) -> Room:
    contract = Contract(fields, {Side.TWILIO: setup or UuiSetup()})
    return room(contract.fields, INVITE, contract.ways(Dialect.ASTERISK), replace(BARE, **limits))


def test_what_is_not_written_takes_nothing() -> None:
    elsewhere = field("a", "header:X-A", direction=frozenset({Direction.TO_PBX}))
    assert room_of(elsewhere, field("b", None)) == Room((), (), (), (), 0)


@pytest.mark.parametrize(
    ("one", "size"),
    [
        (field("a", "header:X-A", max_bytes=5), 8),
        (field("a", "header:X-A", type=FieldType.BOOLEAN), 8),
        (field("a", "header:X-A", type=FieldType.E164), 19),
        (field("a", "header:X-A", type=FieldType.UUID), 39),
        (field("a", "header:X-A", type=FieldType.ENUM, values=("é", "abc")), 6),
        (field("a", "header:X-A", max_bytes=2, default="four"), 7),
        (Field("a", None, parse_locator("header:X-A"), default="é"), 5),
        (Field("a", None, parse_locator("header:X-A")), 0),
        (Field("a", parse_locator("const:gold"), parse_locator("header:X-A")), 7),
        (
            Field("a", parse_locator("const:gold"), parse_locator("header:X-A"), transform=(Word.UPPER,), max_bytes=9),
            12,
        ),
        (Field("a", parse_locator("call:id"), parse_locator("header:X-A")), 39),
        (Field("a", parse_locator("call:direction"), parse_locator("header:X-A")), 12),
        (Field("a", parse_locator("call:trunk"), parse_locator("header:X-A")), 35),
        (field("a", "header:X-A", transform=(TABLE,)), 8),
        (field("a", "header:X-A", transform=(replace(TABLE, otherwise="something"),)), 12),
    ],
)
def test_a_bound_of_its_own(one: Field, size: int) -> None:
    assert room_of(one) == Room(("a",), ("a",), (), (), size)


@pytest.mark.parametrize(
    "more",
    [{}, {"type": FieldType.INTEGER}, {"type": FieldType.JSON}, {"transform": (TABLE, Word.UPPER)}],
)
def test_no_bound_of_its_own(more: dict[str, Any]) -> None:
    assert room_of(field("a", "header:X-A", **more)) == Room(("a",), (), ("a",), (), 0)


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        ({"value_bytes": 9}, 12),
        ({"header_bytes": 20}, 18),
        ({"value_bytes": 9, "header_bytes": 11}, 9),
        ({"uui_octets": 4}, None),
    ],
)
def test_the_far_end_bounds_what_has_no_bound(limits: dict[str, Any], size: int | None) -> None:
    expected = Room(("a",), () if size is None else ("a",), ("a",), (), size or 0)
    assert room_of(field("a", "header:X-A"), **limits) == expected


def test_what_can_be_longer_than_the_far_end_takes_is_told() -> None:
    fields = (field("a", "header:X-A", max_bytes=9), field("b", "header:X-B", max_bytes=10))
    assert room_of(*fields, value_bytes=9) == Room(("a", "b"), ("a", "b"), (), ("b",), 24)


NAMED = len("User-to-User;encoding=hex")


@pytest.mark.parametrize(
    ("setup", "twilio", "size"),
    [
        (UuiSetup(), "uui", NAMED + 256),
        (UuiSetup(discriminator=0), "uui", NAMED + 258),
        (UuiSetup(encoding=UuiEncoding.ASCII), "uui", len('User-to-User"";encoding=ascii') + 256),
        (UuiSetup(UuiFormat.KV), "uui:k", NAMED + 256),
        (UuiSetup(purpose="own"), "uui", None),
    ],
)
def test_isdn_bounds_user_to_user(setup: UuiSetup, twilio: str, size: int | None) -> None:
    assert room_of(field("a", twilio), setup=setup).total == (size or 0)
    assert room_of(field("a", twilio, max_bytes=1000), setup=setup).too_long == (() if size is None else ("a",))


def test_a_raw_user_to_user_is_bounded_by_nothing() -> None:
    assert room_of(field("a", "header:User-to-User")).bounded == ()


@pytest.mark.parametrize(
    ("setup", "one", "value"),
    [
        (UuiSetup(UuiFormat.KV), field("a", "uui:k", max_bytes=2), "k=%25%25"),
        (UuiSetup(UuiFormat.JSON), field("a", "uui:k", max_bytes=1), '{"k":"\\u0001"}'),
        (UuiSetup(UuiFormat.AVAYA), field("a", "uui:data", max_bytes=2), "\u00c82xx"),
        (UuiSetup(UuiFormat.AVAYA), field("a", "uui:ucid", max_bytes=3), "xxx"),
        (UuiSetup(UuiFormat.AVAYA), field("a", "uui", max_bytes=3), "xxx"),
    ],
)
def test_the_worst_that_a_way_of_writing_makes_of_a_value(setup: UuiSetup, one: Field, value: str) -> None:
    assert room_of(one, setup=setup).total == NAMED + 2 * len(value)


def test_fields_that_share_a_header_have_its_limit_together() -> None:
    fields = tuple(field(name, f"uui:{name}", max_bytes=30) for name in ("a", "b", "c"))
    found = room_of(*fields, setup=UuiSetup(UuiFormat.KV))
    assert found == Room(("a", "b", "c"), ("a", "b", "c"), (), (), NAMED + 256)
