"""A field: one named, typed piece of context with one place on each side; knows nothing of messages."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from gateway.core.locators import Locator
from gateway.core.refusal import Refusal
from gateway.core.terms import Direction, On, Side


class FieldType(enum.StrEnum):
    """What a value must be; each has one canonical text."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"


class Sensitivity(enum.StrEnum):
    """The configuration's `class`: values of `pii` and `secret` never leave a call's context in clear."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PII = "pii"
    SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the contract. `max_bytes` bounds the value in UTF-8 octets, before any encoding for the wire."""

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

    def locator(self, side: Side) -> Locator | None:
        """Where the value lives on that side, None when it has no place there."""
        return self.pbx if side is Side.PBX else self.twilio

    @property
    def redacted(self) -> bool:
        """Whether records show `***` instead of the value."""
        return self.sensitivity in (Sensitivity.PII, Sensitivity.SECRET)


_INTEGER = re.compile(r"([+-]?)([0-9]++)")

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "t", "y"), "true"),
    **dict.fromkeys(("false", "no", "off", "0", "f", "n"), "false"),
}


def check_text(text: str) -> str | Refusal:
    """Any text is one."""
    return text


def check_integer(text: str) -> str | Refusal:
    """Decimal digits with an optional sign, to the shortest spelling: `+007` is `7`; any size."""
    found = _INTEGER.fullmatch(text.strip())
    if found is None:
        return Refusal("not an integer")
    digits = found[2].lstrip("0") or "0"
    return "-" + digits if found[1] == "-" and digits != "0" else digits


def check_boolean(text: str) -> str | Refusal:
    """`true` or `false`, from the usual words in any case."""
    return _BOOLEANS.get(text.strip().lower(), Refusal("not a boolean (true or false)"))


TYPE_CHECKS = {
    FieldType.TEXT: check_text,
    FieldType.INTEGER: check_integer,
    FieldType.BOOLEAN: check_boolean,
}
"""For each type the check that gives a value's canonical text, or why it is none."""
