"""One call: where it is in its life, what is known of it, and what was decided about it so far.

What happens to it is in `machine.TABLE`. The cells of that table are functions of `setup`, `talk`, `transfer` and
`ending`: each takes the call and one event, and returns a step.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from gateway.bridge.commands import Command, Hangup, NoteMiss, Place, StartTimer
from gateway.bridge.events import Event, Timer
from gateway.bridge.outcome import Outcome
from gateway.bridge.record import TransferRecord
from gateway.bridge.terms import ROLES, Role
from gateway.core.identity import Party
from gateway.core.mapping import CallFacts
from gateway.core.message import SipMessage
from gateway.core.plan import Plan, Trunk
from gateway.core.receipt import ReceiptEntry
from gateway.core.routing import Router, trunk_uri
from gateway.core.terms import Direction, Side


class State(enum.StrEnum):
    """Where a call is in its life."""

    NEW = "new"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    TALKING = "talking"
    TRANSFERRING = "transferring"
    """Both sides talk, and one of them had us call a target."""
    FORWARDING = "forwarding"
    """As that, and who asked for it has left."""
    RELAYING = "relaying"
    """Both sides talk, and one of them was asked for a transfer by the other."""
    ENDING = "ending"
    ENDED = "ended"


Step = tuple[list[Command], State]
"""What to do, in order, and where the call is then."""


class Call:
    """Two legs, a direction, and what was decided about them so far."""

    def __init__(self, call_id: str, plan: Plan, router: Router) -> None:
        self.id = call_id
        self.plan = plan
        self.state = State.NEW
        self.outcome: Outcome | None = None
        self.code: int | None = None
        """The final SIP code that ended an unanswered call: the outbound leg's, else the one we refused with."""
        self.twilio_error: int | None = None
        """What Twilio gave as the reason of its refusal."""
        self.receipt: list[ReceiptEntry] = []
        self.context: dict[str, str] = {}
        self.attempts = 0
        self.direction = Direction.TO_TWILIO
        self.from_trunk: Trunk | None = None
        self.to_trunk: Trunk | None = None
        self.router = router
        self.facts = CallFacts(call_id, "", "")
        self.request: SipMessage | None = None
        """The INVITE that began it."""
        self.order: Place | None = None
        self.uris: list[str] = []
        """Where the next attempts would go."""
        self.redirects = 0
        self.early_media = False
        self.live: set[Role] = set()
        """Legs that have not said that they are gone."""
        self.held: set[Role] = set()
        """Legs that the other side holds and that are to know it."""
        self.postponed = dict.fromkeys(ROLES, 0)
        """How often the offer that each leg is to get had something in its way."""
        self.trunks: dict[Role, Trunk] = {}
        """Whose legs they are; those of the first two are `from_trunk` and `to_trunk` until a transfer."""
        self.told: dict[Side, Iterable[tuple[str, str]]] = {}
        """What each side knows of the call: the headers of the INVITE that it sent or got."""
        self.parties: dict[Role, Party] = {}
        """Who is at each leg."""
        self.transfers: list[TransferRecord] = []
        self.accepted = False
        """Whether who asked for the last of them was told that it is tried."""

    def hang_up(self) -> list[Command]:
        """End every leg that is left."""
        return [Hangup(role) for role in ROLES if role in self.live]

    def decide(self, outcome: Outcome, code: int | None = None) -> None:
        """Settle how the call ends; what was settled stays."""
        if self.outcome is None:
            self.outcome, self.code = outcome, code

    def place_next(self) -> list[Command]:
        """Call the next of the trunk's URIs."""
        assert self.order is not None
        self.order = self.order.to(self.uris.pop(0))
        self.live.add(self.order.role)
        return [self.order, StartTimer(Timer.RESPONSE, self.plan.limits.response_seconds)]

    def missed(self, code: int = 408) -> NoteMiss:
        """Nobody was at the URI that was called last: it was silent, or there was no connection (503)."""
        assert self.order is not None
        waited = self.plan.limits.response_seconds if code == 408 else 0.0
        return NoteMiss(self.order.trunk, trunk_uri(self.order.request_uri), waited)


def late(call: Call, event: Event) -> Step:
    """What is out of date and means nothing any more."""
    return [], call.state
