"""A value that a field could have, before and after what is done to it: the examples of a contract.

Nothing that a configuration keeps private is shown: of fields of class `pii` or `secret` no default, constant or table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway.core.explanation import CALL_ID
from gateway.core.fields import Field
from gateway.core.locators import Kind, Locator
from gateway.core.payload import UuiFormat, build_item, build_whole
from gateway.core.refusal import Refusal
from gateway.core.sanitise import limit_bytes
from gateway.core.terms import Side
from gateway.core.transforms import Lookup, compile_steps
from gateway.core.uui import UuiSetup
from gateway.core.values import FieldType, check_for


class Sample(NamedTuple):
    """What the sender's side has, and what is carried of it."""

    given: str
    carried: str


_TYPED = {
    FieldType.INTEGER: "42",
    FieldType.BOOLEAN: "true",
    FieldType.E164: "+15550100",
    FieldType.UUID: "0191a0b2-3c4d-7e5f-8a6b-1c2d3e4f5a6b",
    FieldType.JSON: '{"a":1}',
}
_AVAYA = {"ucid": "00025000160955721139", "ucid_hex": "0019001038F725B3"}
_WHOLE = {UuiFormat.TEXT: "example", UuiFormat.KV: "a=1&b=2", UuiFormat.JSON: '{"a":1}', UuiFormat.AVAYA: "C80141"}
_PLACES = {
    "sip:from.display": "Alice",
    "sip:pai.display": "Alice",
    "sip:diversion.reason": "no-answer",
    "sip:call_id": "f6e4ef37-348d-4ee9-963d-37c3ae76c526",
    "sip:session_id": "ab30317f1a784dc48ff824d0d3715d86",
    "sip:source.address": "203.0.113.7",
    "call:id": CALL_ID,
    "call:trunk": "pbx",
}
_SID = re.compile(r"header:x-twilio-(call|account|recording)sid", re.IGNORECASE)
_SIDS = {"call": "CA", "account": "AC", "recording": "RE"}
_ANYTHING = ("example", "+15550100", "42", "1", "true", "a", '{"a":1}')


def sample(one: Field, sender: Side, uui: Mapping[Side, UuiSetup]) -> Sample:
    """The first of the likely values that the field takes and its places can hold."""
    if one.redacted and any(isinstance(step, Lookup) for step in one.transform):
        return _hidden(one)
    transform, check = compile_steps(one.transform), check_for(one.type, one.values)
    for given in _candidates(one, one.locator(sender), uui):
        changed = given if transform is None else transform(given)
        checked = changed if isinstance(changed, Refusal) or not changed else check(changed)
        if one.max_bytes is not None and isinstance(checked, str):
            checked = limit_bytes(checked, one.max_bytes, "max_bytes")
        if isinstance(checked, Refusal) or not checked:
            continue
        if _is_writable(given, one, sender, uui) and _is_writable(checked, one, sender.other, uui):
            return Sample(given, checked)
    if one.redacted:
        return _hidden(one)
    shown = one.default or "example"
    return Sample(shown, shown)


def _hidden(one: Field) -> Sample:
    """Of a private field whose values stand in the configuration: no more than its type says of it."""
    return Sample("***", one.values[0] if one.values else _TYPED.get(one.type, "***"))


def _candidates(one: Field, source: Locator | None, uui: Mapping[Side, UuiSetup]) -> Iterator[str]:
    if not one.redacted:
        if source is not None and source.kind is Kind.CONST:
            yield source.name
        for step in one.transform:
            yield from (value for value, _ in step.table) if isinstance(step, Lookup) else ()
    yield from one.values
    if one.default is not None and not one.redacted:
        yield one.default
    if one.type in _TYPED:
        yield _TYPED[one.type]
    for side in Side:
        locator = one.locator(side)
        if locator is not None:
            yield from _of_place(locator, one, uui.get(side, UuiSetup()))
    for text in _ANYTHING:
        yield text
        yield text[: one.max_bytes]


def _of_place(locator: Locator, one: Field, setup: UuiSetup) -> Iterator[str]:
    """What usually stands there."""
    sid = _SID.fullmatch(locator.text)
    if sid is not None:
        yield _SIDS[sid[1].lower()] + "0123456789abcdef" * 2
    elif locator.text == "call:direction":
        yield from sorted(one.direction, reverse=True)
    elif locator.text in _PLACES:
        yield _PLACES[locator.text]
    elif locator.kind is Kind.SIP and locator.name.endswith(".user"):
        yield "+15550100"
    elif locator.kind is Kind.UUI:
        yield _AVAYA.get(locator.name, "example") if locator.name else _WHOLE[setup.format]


def _is_writable(value: str, one: Field, side: Side, uui: Mapping[Side, UuiSetup]) -> bool:
    """Whether User-to-User, as set up there, can hold the value, if that is where it goes."""
    locator, setup = one.locator(side), uui.get(side, UuiSetup())
    if locator is None or locator.kind is not Kind.UUI:
        return True
    built = build_whole(value, setup.format)
    if locator.name:
        built = build_item(locator.name, value, one.type, setup.format)
    return not isinstance(built, Refusal)
