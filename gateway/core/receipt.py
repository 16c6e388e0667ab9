"""What happened to each field of one message, in the fields' order; holds no values of context."""

from __future__ import annotations

import enum
from typing import NamedTuple

from gateway.core.terms import Direction, On


class Outcome(enum.StrEnum):
    """What became of a field."""

    SENT = "sent"
    DEFAULTED = "defaulted"
    """The source had no value, the default was sent."""
    ABSENT = "absent"
    """The source had no value and none was required."""
    MISSING = "missing"
    """The source had no value and one was required."""
    TRUNCATED = "truncated"
    DROPPED = "dropped"
    """A limit of size forbade it."""
    REJECTED = "rejected"
    """Policy refused the field (several values, and the field takes one) or the whole call."""
    INVALID = "invalid"
    """Unreadable, of the wrong type, or with characters that cannot be sent."""

    @property
    def carried(self) -> bool:
        """Whether a value got where it was to go."""
        return self in _CARRIED


_CARRIED = frozenset({Outcome.SENT, Outcome.DEFAULTED, Outcome.TRUNCATED})


class ReceiptEntry(NamedTuple):
    """One field of one message. `source` and `target` are locators, `bytes` counts name and value on the wire.

    A tuple and no dataclass: one is made for every field of every message.
    """

    field: str
    direction: Direction
    on: On
    source: str | None
    target: str | None
    outcome: Outcome
    bytes: int
    reason: str | None

    def as_dict(self) -> dict[str, str | int | None]:
        """The entry as it stands in records, HTTP answers and `explain --json`."""
        return {
            "field": self.field,
            "direction": self.direction.value,
            "on": self.on.value,
            "source": self.source,
            "target": self.target,
            "outcome": self.outcome.value,
            "bytes": self.bytes,
            "reason": self.reason,
        }
