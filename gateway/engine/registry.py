"""Every call of the process, found by its id or by one of its legs."""

from __future__ import annotations

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.ports import LegId
from gateway.bridge.terms import Role


class CallRegistry:
    """Calls in progress. A leg that nobody listens to any more leads to no call."""

    def __init__(self) -> None:
        self.calls: dict[str, ActiveCall] = {}
        self.legs: dict[LegId, ActiveCall] = {}
        self.own_call_ids: set[str] = set()
        """Call-IDs of the legs we placed: an INVITE that has one went round in a circle."""

    def add(self, call: ActiveCall) -> None:
        """A call with its inbound leg."""
        self.calls[call.machine.id] = self.legs[call.inbound] = call

    def place(self, call: ActiveCall, role: Role, leg: LegId, call_id: str) -> None:
        """Give a call a leg that we placed, in the place of the one that it had; nobody listens to that any more."""
        self._ignore(call.leg(role))
        if role is Role.TARGET:
            call.target = leg
        else:
            call.outbound, call.outbound_call_id = leg, call_id
        self.legs[leg] = call
        if call_id:  # else: it could not even start, which the next report says
            call.own_call_ids.add(call_id)
            self.own_call_ids.add(call_id)

    def adopt(self, call: ActiveCall, leg: LegId) -> None:
        """Give a call a leg that is there already, as its target."""
        self._ignore(call.target)
        call.target = leg
        self.legs[leg] = call

    def take(self, call: ActiveCall, call_id: str, role: Role) -> None:
        """Give a call the leg of another, as its target."""
        other = self.calls[call_id]
        leg = other.leg(role)
        assert leg is not None
        self.adopt(call, leg)
        call.own_call_ids |= other.own_call_ids
        other.own_call_ids = set()

    def remove(self, call: ActiveCall) -> bool:
        """Forget a call and its legs; False if it was forgotten before."""
        for leg in (call.inbound, call.outbound, call.target):
            if self.owns(call, leg):
                self._ignore(leg)
        self.own_call_ids -= call.own_call_ids
        return self.calls.pop(call.machine.id, None) is not None

    def owns(self, call: ActiveCall, leg: LegId | None) -> bool:
        """Whether a leg is this call's: it may have been given up, or taken by another."""
        return leg is not None and self.legs.get(leg) is call

    def _ignore(self, leg: LegId | None) -> None:
        if leg is not None:
            self.legs.pop(leg, None)
