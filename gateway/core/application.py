"""The context as an application at Twilio has it: the headers that it is given, and those that it sends.

`read_headers` and `build_headers` undo each other. A value was worked on when it passed the gateway, so here it is only
what its type says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.core.fields import Field
from gateway.core.headers import Headers
from gateway.core.locators import UUI_HEADER, CallFacts, Kind, Origin, Ways, reader_for
from gateway.core.message import SipMessage
from gateway.core.octets import byte_length
from gateway.core.payload import build_item, build_whole, join_items
from gateway.core.plan import Dialect
from gateway.core.refusal import Refusal
from gateway.core.sanitise import limit_bytes
from gateway.core.uui import UuiSetup, build_uui
from gateway.core.uui_fields import FieldProblem
from gateway.core.values import check_for


class Written(NamedTuple):
    """One header, and the fields that it carries."""

    fields: tuple[str, ...]
    header: str
    value: str


def build_headers(
    fields: Iterable[Field], values: Mapping[str, str], setup: UuiSetup
) -> tuple[list[Written], list[FieldProblem]]:
    """The headers on Twilio's side of those fields that have a value; beside them, what cannot be written."""
    written: list[Written] = []
    problems: list[FieldProblem] = []
    shared: list[tuple[str, str]] = []
    for one in fields:
        value, locator = values.get(one.name), one.twilio
        if value is None or locator is None or not locator.writable:
            continue
        is_uui = locator.kind is Kind.UUI
        built = _payload(one, locator.name, value, setup) if is_uui else value
        if isinstance(built, Refusal):
            problems.append(FieldProblem(one.name, "twilio", built.reason))
        elif is_uui and locator.name:
            shared.append((one.name, built))
        elif is_uui:
            written.append(Written((one.name,), UUI_HEADER, build_uui(built, setup)))
        else:
            written.append(Written((one.name,), locator.name, built))
    if shared:
        payload = join_items([item for _, item in shared], setup.format)
        written.append(Written(tuple(name for name, _ in shared), UUI_HEADER, build_uui(payload, setup)))
    return written, problems


def _payload(one: Field, key: str, value: str, setup: UuiSetup) -> str | Refusal:
    return build_item(key, value, one.type, setup.format) if key else build_whole(value, setup.format)


def read_headers(fields: Iterable[Field], headers: Sequence[tuple[str, str]], setup: UuiSetup) -> dict[str, str]:
    """The value of each field that has one in these headers; of several the first."""
    origin = Origin(SipMessage("INVITE sip:a@h SIP/2.0", Headers(headers)), CallFacts("", "", ""), "")
    found: dict[str, str] = {}
    for one in fields:
        if one.twilio is None or not one.twilio.writable:
            continue
        values = reader_for(one.twilio, Ways(Dialect.HEADERS, setup))(origin)
        if not isinstance(values, Refusal) and values and values[0]:
            found[one.name] = values[0]
    return found


def accepted(fields: Iterable[Field], values: Mapping[str, str]) -> tuple[dict[str, str], list[FieldProblem]]:
    """The values that are what their fields say, in canonical form; beside them, why the others are not."""
    found: dict[str, str] = {}
    problems: list[FieldProblem] = []
    for one in fields:
        if one.name not in values:
            continue
        checked = check_for(one.type, one.values)(values[one.name])
        if isinstance(checked, str) and one.max_bytes is not None:
            checked = limit_bytes(checked, one.max_bytes, "max_bytes")
        if isinstance(checked, Refusal):
            problems.append(FieldProblem(one.name, "type", checked.reason))
        else:
            found[one.name] = checked
    return found, problems


def parameter_bytes(values: Mapping[str, str]) -> int:
    """What custom parameters take, as Twilio counts them: names and values."""
    return sum(byte_length(name) + byte_length(value) for name, value in values.items())


def fit(
    fields: Iterable[Field], values: Mapping[str, str], fits: Callable[[Mapping[str, str]], bool]
) -> tuple[dict[str, str], list[str]]:
    """As many values as fit, and who left: those of the lowest priority first, of equal ones the last."""
    kept = dict(values)
    named = [one for one in fields if one.name in kept]
    leaving = sorted(reversed(named), key=lambda one: one.priority)
    left: list[str] = []
    while leaving and not fits(kept):
        gone = leaving.pop(0)
        del kept[gone.name]
        left.append(gone.name)
    return kept, left
