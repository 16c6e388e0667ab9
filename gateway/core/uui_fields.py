"""Whether the fields that live in User-to-User can do so as a side uses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.core.fields import Field
from gateway.core.locators import Kind, Locator
from gateway.core.payload import AVAYA_KEYS, UuiFormat
from gateway.core.terms import Side
from gateway.core.uui import UuiEncoding, UuiSetup


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why a field cannot work: `key` is the key of the field that is wrong, `text` says what, and what is right."""

    field: str
    key: str
    text: str


def uui_problems(fields: Sequence[Field], side: Side, setup: UuiSetup) -> Iterator[FieldProblem]:
    """What keeps fields from their keys on a side, and from each other: the payload is one value or it has keys."""
    whole: str | None = None
    for one in fields:
        locator = one.locator(side)
        if locator is not None and _is_whole(locator):
            whole = whole or one.name
    for one in fields:
        locator = one.locator(side)
        if locator is None or locator.kind is not Kind.UUI or not locator.name:
            continue
        text = _key_problem(locator, side, setup)
        if text is None and whole is not None:
            text = f"{locator.text} is a part of User-to-User, and {whole} takes the whole: use keys for both, or one"
        if text is not None:
            yield FieldProblem(one.name, side.value, text)


def _is_whole(locator: Locator) -> bool:
    return locator.kind is Kind.UUI and not locator.name


def _key_problem(locator: Locator, side: Side, setup: UuiSetup) -> str | None:
    if not setup.format.keyed:
        return f"{locator.text} needs keys: set uui.{side}.format to kv, json or avaya, or use uui"
    if setup.format is UuiFormat.AVAYA and setup.encoding is UuiEncoding.ASCII:
        return f"{locator.text} is binary in format avaya: set uui.{side}.encoding to hex"
    if setup.format is UuiFormat.AVAYA and locator.name not in AVAYA_KEYS:
        return f"{locator.text} is no key of format avaya, which has {', '.join(AVAYA_KEYS)}"
    return None
