"""A field: one named, typed piece of context with one place on each side; knows nothing of messages."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gateway.core.locators import Locator
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Step
from gateway.core.values import FieldType as FieldType


class Sensitivity(enum.StrEnum):
    """The configuration's `class`: values of `pii` and `secret` never leave a call's context in clear."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PII = "pii"
    SECRET = "secret"


class Duplicates(enum.StrEnum):
    """Which of several values counts."""

    FIRST = "first"
    LAST = "last"
    ALL = "all"
    """All of them, joined with a comma and a blank."""
    REJECT = "reject"
    """None: that there are several is the fault."""


DEFAULT_PRIORITY = 50


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the contract: what a value goes through, in the order of `duplicates`, `transform`, `type`.

    `values` are those of an enum. `max_bytes` bounds the value in UTF-8 octets, before any encoding for the wire.
    `priority` is 0 to 100: when all fields together are too long, the lowest leaves first.
    """

    name: str
    pbx: Locator | None = None
    twilio: Locator | None = None
    direction: frozenset[Direction] = frozenset(Direction)
    on: frozenset[On] = frozenset({On.INVITE})
    type: FieldType = FieldType.TEXT
    required: bool = False
    default: str | None = None
    max_bytes: int | None = None
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    values: tuple[str, ...] = ()
    transform: tuple[Step, ...] = ()
    duplicates: Duplicates = Duplicates.FIRST
    priority: int = DEFAULT_PRIORITY

    def locator(self, side: Side) -> Locator | None:
        """Where the value lives on that side, None when it has no place there."""
        return self.pbx if side is Side.PBX else self.twilio

    @property
    def redacted(self) -> bool:
        """Whether records show `***` instead of the value."""
        return self.sensitivity in (Sensitivity.PII, Sensitivity.SECRET)
