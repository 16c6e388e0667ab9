"""The words every layer shares: sides, directions and the messages that carry context."""

from __future__ import annotations

import enum


class Side(enum.StrEnum):
    """Which world a trunk belongs to."""

    PBX = "pbx"
    TWILIO = "twilio"

    @property
    def other(self) -> Side:
        """The side a call from here goes to."""
        return Side.TWILIO if self is Side.PBX else Side.PBX


class Direction(enum.StrEnum):
    """Where a call goes, seen from the gateway; fixed for the call's life."""

    TO_TWILIO = "to_twilio"
    TO_PBX = "to_pbx"

    @property
    def source(self) -> Side:
        """The side that placed the call: that of the inbound leg."""
        return Side.PBX if self is Direction.TO_TWILIO else Side.TWILIO

    @property
    def target(self) -> Side:
        """The side that is called: that of the outbound leg."""
        return self.source.other

    @classmethod
    def from_source(cls, side: Side) -> Direction:
        """The direction of a call that arrives from `side`."""
        return cls.TO_TWILIO if side is Side.PBX else cls.TO_PBX


class On(enum.StrEnum):
    """The messages that carry context. On `ANSWER` and `END` it travels from the side that answers or ends."""

    INVITE = "invite"
    PROGRESS = "progress"
    ANSWER = "answer"
    END = "end"
    REFER = "refer"
