"""A call in progress as the engine keeps it: its machine, its legs and its times. Times are given, never read."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.bridge.machine import CallMachine
from gateway.bridge.ports import LegId
from gateway.bridge.record import CallRecord, LegMedia
from gateway.bridge.session import End, make_end
from gateway.bridge.terms import INBOUND, OUTBOUND, TARGET, Role


@dataclass(slots=True)
class ActiveCall:
    """A machine, its legs, and when things happened (monotonic seconds)."""

    machine: CallMachine
    inbound: LegId
    inbound_call_id: str
    arrived: float
    started: float
    outbound: LegId | None = None
    outbound_call_id: str = ""
    target: LegId | None = None
    """The leg of the last transfer; after it, the one that was sent away."""
    replacement: LegId | None = None
    """What an INVITE with Replaces brought, until it is known what becomes of it."""
    ends: dict[LegId, End] = field(default_factory=dict)
    """Who is at the far ends of its legs, as far as they named themselves or are not who was there first."""
    first_ends: dict[Role, End] = field(default_factory=dict)
    """Who was there first, as far as anybody asked."""
    own_call_ids: set[str] = field(default_factory=set)
    """SIP Call-IDs of the legs we placed."""
    invited: float | None = None
    ringing: float | None = None
    answered: float | None = None
    ended: float | None = None
    announced: bool = False
    """Whether its start was told."""
    media: list[LegMedia] = field(default_factory=list)

    def names(self) -> dict[str, str]:
        """What a log line about the call is found by: our id and the Call-IDs that are known."""
        return {
            "call": self.machine.id,
            "inbound_call_id": self.inbound_call_id,
            "outbound_call_id": self.outbound_call_id,
        }

    def leg(self, role: Role) -> LegId | None:
        """The leg that plays `role` now."""
        if role is INBOUND:
            return self.inbound
        return self.outbound if role is OUTBOUND else self.target

    def role_of(self, leg: LegId) -> Role:
        """What one of its legs is now."""
        if leg == self.inbound:
            return INBOUND
        return OUTBOUND if leg == self.outbound else TARGET

    def end(self, role: Role) -> End:
        """Who is at the far end of the leg that plays `role`, or will be."""
        leg = self.leg(role)
        found = None if leg is None else self.ends.get(leg)
        return found or self.first_ends.get(role) or self.first_ends.setdefault(role, make_end(self.machine.id, role))

    def promote(self, role: Role) -> None:
        """Let the target and the leg of this role change places."""
        assert self.target is not None
        if role is INBOUND:
            self.inbound, self.target = self.target, self.inbound
        else:
            self.outbound, self.target = self.target, self.outbound

    def record(self) -> CallRecord:
        """The call as it stands."""
        machine = self.machine
        # A call with a final code was not answered: the caller's CANCEL was there before our 200 could leave.
        answered = self.answered if machine.code is None else None
        return CallRecord(
            id=machine.id,
            direction=machine.direction,
            state=machine.state.value,
            from_trunk=machine.from_trunk.name if machine.from_trunk else "",
            to_trunk=machine.to_trunk.name if machine.to_trunk else "",
            inbound_call_id=self.inbound_call_id,
            outbound_call_id=self.outbound_call_id,
            inbound_session_id=self.end(INBOUND).uuid,
            outbound_session_id=self.end(OUTBOUND).uuid,
            started=self.started,
            plan_hash=machine.plan.hash,
            setup_seconds=self._since_arrival(self.invited),
            post_dial_delay_seconds=self._since_arrival(self.ringing),
            answer_seconds=self._since_arrival(answered),
            duration_seconds=None if self.ended is None or answered is None else self.ended - answered,
            ended=None if self.ended is None else self.started + self.ended - self.arrived,
            outcome=machine.outcome,
            code=machine.code,
            twilio_error=machine.twilio_error,
            attempts=machine.attempts,
            receipt=tuple(machine.receipt),
            context=dict(machine.context),
            media=tuple(self.media),
            transfers=tuple(machine.transfers),
        )

    def _since_arrival(self, at: float | None) -> float | None:
        return None if at is None else at - self.arrived
