"""Examples of a contract: each is a value that its field takes, as it is given and as it is carried."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.fields import Field, FieldType, Sensitivity
from gateway.core.locators import parse_locator
from gateway.core.patterns import parse_pattern, parse_template
from gateway.core.samples import Sample, sample
from gateway.core.terms import Direction, Side
from gateway.core.transforms import Lookup, Replace, Word
from gateway.core.uui import UuiFormat, UuiSetup

TABLE = Lookup((("1", "basic"), ("2", "premium")))
PATTERN = parse_pattern("^.*$")
TO_THIS = Replace(PATTERN, parse_template("sales", PATTERN))
NOTHING = Replace(PATTERN, parse_template("", PATTERN))
TO_PBX = frozenset({Direction.TO_PBX})


def field(pbx: str | None = "var:A", twilio: str | None = "header:X-A", **more: Any) -> Field:
    return Field("f", pbx and parse_locator(pbx), twilio and parse_locator(twilio), **more)


def same(value: str) -> Sample:
    return Sample(value, value)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (field(), same("example")),
        (field(type=FieldType.INTEGER), same("42")),
        (field(type=FieldType.BOOLEAN), same("true")),
        (field(type=FieldType.E164), same("+15550100")),
        (field(type=FieldType.UUID), same("0191a0b2-3c4d-7e5f-8a6b-1c2d3e4f5a6b")),
        (field(type=FieldType.JSON), same('{"a":1}')),
        (field(type=FieldType.ENUM, values=("b", "a")), same("b")),
        (field(default="general"), same("general")),
        (field(max_bytes=3), same("exa")),
        (field(type=FieldType.INTEGER, max_bytes=1), same("4")),
        (field(transform=(TABLE,)), Sample("1", "basic")),
        (field(transform=(Word.TRIM, TABLE), max_bytes=5), Sample("1", "basic")),
        (field(transform=(TABLE,), type=FieldType.ENUM, values=("premium",)), Sample("2", "premium")),
        (field(transform=(Word.UPPER,)), Sample("example", "EXAMPLE")),
        (field(transform=(Word.DIGITS,)), Sample("+15550100", "15550100")),
        (field(transform=(TO_THIS,), type=FieldType.ENUM, values=("sales",)), same("sales")),
        (field("const:gold"), same("gold")),
        (field("sip:from.user"), same("+15550100")),
        (field("sip:from.display"), same("Alice")),
        (field("call:id"), same("00000000-0000-4000-8000-000000000000")),
        (field("call:direction", direction=TO_PBX), same("to_pbx")),
        (field("call:direction"), same("to_twilio")),
        (field(None, None), same("example")),
        (field(twilio="header:x-twilio-callsid"), same("CA0123456789abcdef0123456789abcdef")),
        (field(twilio="header:X-Twilio-AccountSid"), same("AC0123456789abcdef0123456789abcdef")),
    ],
)
def test_an_example_is_what_the_field_takes(one: Field, expected: Sample) -> None:
    assert sample(one, Side.PBX, {}) == expected


@pytest.mark.parametrize(
    ("twilio", "format_", "expected"),
    [
        ("uui", UuiFormat.TEXT, same("example")),
        ("uui", UuiFormat.KV, same("a=1&b=2")),
        ("uui", UuiFormat.JSON, same('{"a":1}')),
        ("uui", UuiFormat.AVAYA, same("C80141")),
        ("uui:ucid", UuiFormat.AVAYA, same("00025000160955721139")),
        ("uui:ucid_hex", UuiFormat.AVAYA, same("0019001038F725B3")),
        ("uui:data", UuiFormat.AVAYA, same("example")),
        ("uui:key", UuiFormat.JSON, same("example")),
    ],
)
def test_an_example_fits_into_user_to_user(twilio: str, format_: UuiFormat, expected: Sample) -> None:
    setup = {Side.TWILIO: UuiSetup(format_)}
    assert sample(field(twilio=twilio), Side.PBX, setup) == expected
    assert sample(field(twilio=twilio), Side.TWILIO, setup) == expected
    assert sample(field(twilio, "header:X-A"), Side.PBX, {Side.PBX: UuiSetup(format_)}) == expected


def test_what_user_to_user_cannot_hold_is_no_example() -> None:
    setup = {Side.TWILIO: UuiSetup(UuiFormat.AVAYA)}
    assert sample(field(twilio="uui:ucid", default="none"), Side.PBX, setup) == same("00025000160955721139")


PRIVATE = {"sensitivity": Sensitivity.PII}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (field(default="1234", **PRIVATE), same("example")),
        (field("const:1234", **PRIVATE), same("example")),
        (field(transform=(Lookup((("secret", "hidden"),)),), default="shown", **PRIVATE), same("***")),
        (field(transform=(Lookup((("1", "hidden"),)),), **PRIVATE), same("***")),
        (field(transform=(Lookup((("1", "7"),)),), type=FieldType.INTEGER, **PRIVATE), Sample("***", "42")),
        (field(transform=(TABLE,), type=FieldType.ENUM, values=("basic",), **PRIVATE), Sample("***", "basic")),
        (field(transform=(NOTHING,), **PRIVATE), same("***")),
        (field(transform=(NOTHING,), default="shown"), same("shown")),
        (field(transform=(NOTHING,)), same("example")),
    ],
)
def test_what_is_private_is_not_shown(one: Field, expected: Sample) -> None:
    assert sample(one, Side.PBX, {}) == expected
