"""The contract as JSON Schema (draft 2020-12) for the people on the other side; `x-` keys say where a value lives."""

from __future__ import annotations

import json
from typing import Any

from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.locators import target_header
from gateway.core.plan import Dialect
from gateway.core.profile import Profile, is_reserved, matches_name
from gateway.core.samples import sample
from gateway.core.scopes import messages, scope_of, takes_part
from gateway.core.sending import TO_THE_PBX
from gateway.core.terms import Direction, On, Side
from gateway.core.values import FieldType
from gateway.core.webhook import webhook_parameters

_TYPES: dict[FieldType, dict[str, Any]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.E164: {"type": "string", "pattern": r"^\+[1-9][0-9]{0,14}$"},
    FieldType.UUID: {"type": "string", "format": "uuid"},
    FieldType.ENUM: {"type": "string"},
    FieldType.JSON: {},
}


def build_schema(contract: Contract, profile: Profile) -> dict[str, Any]:
    """An object with a property for each field; what a call carries of it depends on `x-direction` and `x-on`.

    `profile` is that of the trunk on Twilio's side.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Context of a call",
        "type": "object",
        "properties": {one.name: _property(one, contract, profile) for one in contract.fields},
        "required": [one.name for one in contract.fields if one.required],
        "additionalProperties": False,
        "x-limits": _limits(profile),
    }


def _limits(profile: Profile) -> dict[str, int]:
    """What a message to Twilio may have in all, and what a SIP URI of Twilio's may."""
    found = {} if profile.bytes_total is None else {"bytes_total": profile.bytes_total}
    if profile.sends is not None:
        found["sip_uri_characters_below"] = profile.sends.uri_characters
        found["sip_uri_headers_characters_below"] = profile.sends.headers_characters
    return found


def _property(one: Field, contract: Contract, profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = dict(_TYPES[one.type])
    if one.type is FieldType.ENUM:
        found["enum"] = list(one.values)
    if one.max_bytes is not None:
        if found.get("type") == "string":
            found["maxLength"] = one.max_bytes
        found["x-max-bytes"] = one.max_bytes
    if one.default is not None and not one.redacted:
        found["default"] = _value(one, one.default)
    found["examples"] = [_value(one, sample(one, _sender(one), contract.uui).carried)]
    for side, locator in (("pbx", one.pbx), ("twilio", one.twilio)):
        if locator is not None:
            found[f"x-{side}"] = locator.shown(one.redacted)
    found["x-direction"] = [direction.value for direction in Direction if direction in one.direction]
    found["x-on"] = [on.value for on in On if on in one.on]
    found["x-class"] = one.sensitivity.value
    return found | _twilio_names(one, profile)


def _sender(one: Field) -> Side:
    return Side.PBX if Direction.TO_TWILIO in one.direction else Side.TWILIO


def _twilio_names(one: Field, profile: Profile) -> dict[str, Any]:
    """By message the webhook parameter that has the field, and the header of a SIP URI that sends it."""
    if one.twilio is None or not one.twilio.writable:
        return {}
    header = target_header(one.twilio, Dialect.HEADERS)
    parameters = {
        message.on.value: name
        for message in messages()
        if takes_part(one, message) and scope_of(message, profile)
        for name, _ in webhook_parameters([(header, "")], message)
    }
    found: dict[str, Any] = {"x-webhook": parameters} if parameters else {}
    sent = takes_part(one, TO_THE_PBX) and profile.sends is not None and matches_name(header, profile.sends.names)
    if sent and not is_reserved(header):
        found["x-sip-uri-header"] = header
    return found


def _value(one: Field, text: str) -> Any:
    typed = one.type in (FieldType.INTEGER, FieldType.BOOLEAN, FieldType.JSON)
    return json.loads(text) if typed else text
