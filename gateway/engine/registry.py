"""Every call of the process, found by its id or by one of its legs."""

from __future__ import annotations

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.ports import LegId


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

    def place(self, call: ActiveCall, leg: LegId, call_id: str) -> None:
        """Give a call its outbound leg, in the place of the one that it had."""
        self._disown(call)
        call.outbound, call.outbound_call_id = leg, call_id
        self.legs[leg] = call
        if call_id:  # else: it could not even start, which the next report says
            self.own_call_ids.add(call_id)

    def remove(self, call: ActiveCall) -> bool:
        """Forget a call and its legs; False if it was forgotten before."""
        self._disown(call)
        self.legs.pop(call.inbound, None)
        return self.calls.pop(call.machine.id, None) is not None

    def _disown(self, call: ActiveCall) -> None:
        """Stop listening to the current outbound leg; what still comes of it is nobody's business."""
        if call.outbound is not None:
            self.legs.pop(call.outbound, None)
            self.own_call_ids.discard(call.outbound_call_id)
