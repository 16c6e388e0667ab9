"""The contract as JSON Schema (draft 2020-12) for the people on the other side; `x-` keys say where a value lives."""

from __future__ import annotations

import json
from typing import Any

from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.terms import Direction, On
from gateway.core.values import FieldType

_TYPES: dict[FieldType, dict[str, Any]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.E164: {"type": "string", "pattern": r"^\+[1-9][0-9]{0,14}$"},
    FieldType.UUID: {"type": "string", "format": "uuid"},
    FieldType.ENUM: {"type": "string"},
    FieldType.JSON: {},
}


def build_schema(contract: Contract) -> dict[str, Any]:
    """An object with a property for each field; what a call carries of it depends on `x-direction` and `x-on`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Context of a call",
        "type": "object",
        "properties": {one.name: _property(one) for one in contract.fields},
        "required": [one.name for one in contract.fields if one.required],
        "additionalProperties": False,
    }


def _property(one: Field) -> dict[str, Any]:
    found: dict[str, Any] = dict(_TYPES[one.type])
    if one.type is FieldType.ENUM:
        found["enum"] = list(one.values)
    if one.max_bytes is not None:
        if found.get("type") == "string":
            found["maxLength"] = one.max_bytes
        found["x-max-bytes"] = one.max_bytes
    if one.default is not None and not one.redacted:
        found["default"] = _value(one)
    for side, locator in (("pbx", one.pbx), ("twilio", one.twilio)):
        if locator is not None:
            found[f"x-{side}"] = locator.shown(one.redacted)
    found["x-direction"] = [direction.value for direction in Direction if direction in one.direction]
    found["x-on"] = [on.value for on in On if on in one.on]
    found["x-class"] = one.sensitivity.value
    return found


def _value(one: Field) -> Any:
    typed = one.type in (FieldType.INTEGER, FieldType.BOOLEAN, FieldType.JSON)
    return json.loads(one.default or "") if typed else one.default
