"""The contract as JSON Schema, read by a validator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.core.contract import Contract
from gateway.core.fields import Field, FieldType, Sensitivity
from gateway.core.locators import parse_locator
from gateway.core.profiles import PROFILES
from gateway.core.schema import build_schema
from gateway.core.terms import Direction, On

PROFILE = PROFILES["sip-domain"]
SCHEMA = build_schema(
    Contract(
        (
            Field("text", parse_locator("var:A"), parse_locator("header:X-A"), required=True, max_bytes=4, default="a"),
            Field("count", type=FieldType.INTEGER, default="-7", max_bytes=5),
            Field("vip", type=FieldType.BOOLEAN, default="true"),
            Field("number", type=FieldType.E164, direction=frozenset({Direction.TO_PBX})),
            Field("id", type=FieldType.UUID, on=frozenset({On.END, On.INVITE})),
            Field("queue", type=FieldType.ENUM, values=("a", "b"), default="b"),
            Field("more", type=FieldType.JSON, default='{"a":[1]}'),
            Field("pin", parse_locator("const:1234"), sensitivity=Sensitivity.SECRET, default="1234"),
        )
    ),
    PROFILE,
)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_field_says_where_it_lives() -> None:
    assert SCHEMA["properties"]["text"] == {
        "type": "string",
        "maxLength": 4,
        "x-max-bytes": 4,
        "default": "a",
        "examples": ["a"],
        "x-pbx": "var:A",
        "x-twilio": "header:X-A",
        "x-direction": ["to_twilio", "to_pbx"],
        "x-on": ["invite"],
        "x-class": "public",
        "x-webhook": {"invite": "SipHeader_X-A"},
        "x-sip-uri-header": "X-A",
    }
    assert SCHEMA["properties"]["number"]["x-direction"] == ["to_pbx"]
    assert SCHEMA["properties"]["id"]["x-on"] == ["invite", "end"]


def test_defaults_are_of_the_fields_type() -> None:
    defaults = {name: one.get("default") for name, one in SCHEMA["properties"].items() if "default" in one}
    assert defaults == {"text": "a", "count": -7, "vip": True, "queue": "b", "more": {"a": [1]}}


def test_a_private_constant_is_not_told() -> None:
    assert "1234" not in str(SCHEMA)
    assert SCHEMA["properties"]["pin"]["x-pbx"] == "const:***"


@pytest.mark.parametrize(
    ("context", "valid"),
    [
        ({"text": "a"}, True),
        ({}, False),
        ({"text": "abcde"}, False),
        ({"text": "a", "count": 7, "vip": False, "number": "+1555", "queue": "a", "more": [1]}, True),
        ({"text": "a", "count": "7"}, False),
        ({"text": "a", "number": "1555"}, False),
        ({"text": "a", "queue": "c"}, False),
        ({"text": "a", "other": "x"}, False),
    ],
)
def test_contexts_are_told_apart(context: dict[str, Any], valid: bool) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(context) is valid


def test_every_example_is_valid() -> None:
    for name, one in SCHEMA["properties"].items():
        for example in one["examples"]:
            Draft202012Validator(one, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(example)
        assert one["examples"], name


def test_the_limits_are_told() -> None:
    assert SCHEMA["x-limits"] == {
        "bytes_total": 800,
        "sip_uri_characters_below": 255,
        "sip_uri_headers_characters_below": 1024,
    }
    assert build_schema(Contract(()), replace(PROFILES["elastic-trunk"], bytes_total=None))["x-limits"] == {}


@pytest.mark.parametrize(
    ("twilio", "more", "profile", "names"),
    [
        ("header:X-A", {"on": frozenset(On), "direction": frozenset({Direction.TO_PBX})}, "sip-domain",
         {"x-webhook": {"answer": "SipHeader_X-A", "end": "DialSipHeader_X-A", "refer": "SipHeader_X-A"},
          "x-sip-uri-header": "X-A"}),
        ("uui:k", {}, "sip-domain",
         {"x-webhook": {"invite": "SipHeader_User-to-User"}, "x-sip-uri-header": "User-to-User"}),
        ("header:X-A", {"direction": frozenset({Direction.TO_TWILIO})}, "sip-domain",
         {"x-webhook": {"invite": "SipHeader_X-A"}}),
        ("header:X-Twilio-CallSid", {"direction": frozenset({Direction.TO_PBX})}, "sip-domain", {}),
        ("header:Diversion", {"direction": frozenset({Direction.TO_PBX})}, "sip-domain", {}),
        ("sip:from.user", {"direction": frozenset({Direction.TO_PBX})}, "sip-domain", {}),
        (None, {}, "sip-domain", {}),
        ("header:X-A", {}, "elastic-trunk", {}),
    ],
)  # fmt: skip
def test_a_field_has_its_names_at_twilio(
    twilio: str | None, more: dict[str, Any], profile: str, names: dict[str, Any]
) -> None:
    one = Field("a", parse_locator("var:A"), twilio and parse_locator(twilio), **more)
    found = build_schema(Contract((one,)), PROFILES[profile])["properties"]["a"]
    assert {key: found[key] for key in ("x-webhook", "x-sip-uri-header") if key in found} == names
