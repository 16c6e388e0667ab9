"""How much the fields of a message can take at most, by what they are and by what the far end takes.

Reads no message: it is for those who write a contract, and for `gateway check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.fields import Field
from gateway.core.headers import canonical_name
from gateway.core.locators import UUI_HEADER, Kind, Locator, Ways, target_header
from gateway.core.octets import byte_length
from gateway.core.payload import build_item, build_whole, join_items
from gateway.core.profile import Profile
from gateway.core.refusal import Refusal
from gateway.core.sanitise import octet_limit
from gateway.core.scopes import Message, takes_part
from gateway.core.terms import Side
from gateway.core.transforms import Lookup
from gateway.core.uui import UuiSetup, build_uui
from gateway.core.values import FieldType

Measure = Callable[[str], int]
"""How much a value takes where it is written."""

# Each is what some way of writing makes the most of: a plain header, percent-encoding, quotes, JSON.
_CHARACTERS = 'x%"\x01'

_CALL = {"call:id": "0" * 36, "call:direction": "to_twilio", "call:trunk": "x" * 32}
_LONGEST = {FieldType.BOOLEAN: "false", FieldType.E164: "+" + "1" * 15, FieldType.UUID: "0" * 36}


def written(value: str, locator: Locator, type_: FieldType, setup: UuiSetup) -> str:
    """What stands in the header for a value; a part of a shared User-to-User as if it were alone in it."""
    if locator.kind is not Kind.UUI:
        return value
    payload = build_whole(value, setup.format)
    if locator.name:
        item = build_item(locator.name, value, type_, setup.format)
        payload = item if isinstance(item, Refusal) else join_items([item], setup.format)
    # Of what Avaya does not take, the length alone is of use.
    return build_uui(value if isinstance(payload, Refusal) else payload, setup)


def most(one: Field, sender: Side, measure: Measure) -> int | None:
    """The most that a value of the field can take; None when nothing of the field bounds it."""
    known = _known_values(one, one.locator(sender))
    if known is None:
        return None
    default = [] if one.default is None else [one.default]
    return max(map(measure, [*default, *known]), default=0)


def _known_values(one: Field, source: Locator | None) -> Sequence[str] | None:
    """Values of which one is the longest; None when there is no longest."""
    if one.type is FieldType.ENUM:
        return one.values
    if one.type in _LONGEST:
        return [_LONGEST[one.type]]
    if one.transform:
        last = one.transform[-1]
        if isinstance(last, Lookup):
            return [*(text for _, text in last.table), last.otherwise or ""]
    elif source and source.kind is Kind.CONST:
        return [source.name]
    elif source and source.text in _CALL:
        return [_CALL[source.text]]
    if one.max_bytes is not None:
        return [character * one.max_bytes for character in _CHARACTERS]
    return [] if source is None else None


@dataclass(frozen=True, slots=True)
class Room:
    """What the fields of a message can take: `total` is the most of those that `bounded` names.

    `open_ended` are fields that have no bound of their own, `too_long` those whose bound is above the far end's.
    """

    fields: tuple[str, ...]
    bounded: tuple[str, ...]
    open_ended: tuple[str, ...]
    too_long: tuple[str, ...]
    total: int


def room(fields: Iterable[Field], message: Message, sides: Mapping[Side, Ways], profile: Profile) -> Room:
    """The octets of all names and values of a message to a far end of this profile."""
    receiver = message.sender.other
    ways = sides[receiver]
    found: dict[str, int | None] = {}
    open_ended, too_long = [], []
    totals: dict[str, int] = {}
    for one in fields:
        target = one.locator(receiver)
        if target is None or not takes_part(one, message):
            continue
        header = target_header(target, ways.dialect)
        size = most(one, message.sender, _octets(header, target, one, ways))
        limit = _limit(target, header, ways, profile)
        if size is None:
            open_ended.append(one.name)
        elif limit is not None and size > limit:
            too_long.append(one.name)
        found[one.name] = bounded = min((value for value in (size, limit) if value is not None), default=None)
        if bounded is not None:
            together = totals.get(canonical_name(header), 0) + bounded
            totals[canonical_name(header)] = together if limit is None else min(together, limit)
    named = tuple(name for name, size in found.items() if size is not None)
    return Room(tuple(found), named, tuple(open_ended), tuple(too_long), sum(totals.values()))


def _octets(header: str, target: Locator, one: Field, ways: Ways) -> Measure:
    return lambda value: byte_length(header) + byte_length(written(value, target, one.type, ways.uui))


def _limit(target: Locator, header: str, ways: Ways, profile: Profile) -> int | None:
    """The most octets that one header, name and value, may have there."""
    limits = []
    if profile.value_bytes is not None:
        limits.append(byte_length(header) + profile.value_bytes)
    if profile.header_bytes is not None:
        limits.append(profile.header_bytes - len(": "))
    payload = octet_limit(ways.uui, profile) if target.kind is Kind.UUI else None
    if payload is not None:
        longest = max(len(build_uui(character * payload[0], ways.uui)) for character in _CHARACTERS)
        limits.append(byte_length(UUI_HEADER) + longest)
    return min(limits, default=None)
