"""The words of a call's life: the roles of its legs, and what can come of a transfer."""

from __future__ import annotations

import enum


class Role(enum.StrEnum):
    """The legs of a call, seen from the gateway."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    TARGET = "target"
    """The one that a transfer calls; and then, the two having changed places, the one that it sends away."""

    @property
    def other(self) -> Role:
        """Who talks to whom."""
        return INBOUND if self is OUTBOUND else OUTBOUND


ROLES = tuple(Role)
INBOUND, OUTBOUND, TARGET = ROLES
"""By themselves, for what each call asks often: until Python 3.12 a look into the class takes as long as a call."""


class TransferResult(enum.StrEnum):
    """What came of a transfer that a peer asked for."""

    COMPLETED = "completed"
    """Whom it leads to has answered."""
    FAILED = "failed"
    """Whom it leads to did not; the call went on as it was, if both sides were still there."""
    ABANDONED = "abandoned"
    """The call ended first."""
    REJECTED = "rejected"
    """The trunk's `transfer` is `reject`."""
    NO_ROUTE = "no-route"
    BAD_REQUEST = "bad-request"
    """It names nobody to call, or more than one."""
    CONTEXT_REFUSED = "context-refused"
    """The contract refuses what it carries, or what is missing."""
    PENDING = "pending"
    """The call is not answered yet, or another transfer is under way."""
    LIMITED = "limited"
    """`limits.calls_per_second` are used up."""
