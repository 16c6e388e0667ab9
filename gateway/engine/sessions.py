"""Has each leg told the Session-ID of its call, whatever becomes of the legs (see `bridge.session`)."""

from __future__ import annotations

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.events import Event, OutboundAnswered, OutboundEnded, OutboundProgress
from gateway.bridge.ports import LegId, SipPort
from gateway.bridge.session import End, hear_end, is_malformed, make_end, session_id
from gateway.bridge.terms import INBOUND, OUTBOUND, TARGET, Role
from gateway.core.message import SipMessage

_OF_WHO_IS_CALLED = (OutboundProgress, OutboundAnswered, OutboundEnded)


class Sessions:
    """Keeps the ends of each call up to date, and what the legs are told of them."""

    def __init__(self, sip: SipPort) -> None:
        self._sip = sip

    def begin(self, call: ActiveCall, invite: SipMessage) -> None:
        """A call comes in. Whom it leads to has a name before it is called: a refusal tells it too."""
        call.ends[call.inbound] = hear_end(invite, call.end(INBOUND))
        self._tell(call, INBOUND)

    def for_invite(self, call: ActiveCall, role: Role) -> str:
        """What whoever is called as this leg is told first."""
        return session_id(call.end(_partner(call, role)))

    def placed(self, call: ActiveCall, role: Role) -> None:
        """A leg was placed; whoever was at the one before it is forgotten."""
        legs, before = (call.inbound, call.outbound, call.target), call.ends
        call.ends = {leg: end for leg, end in before.items() if leg in legs}
        if role is OUTBOUND and len(call.ends) < len(before):
            self._tell(call, INBOUND)
        if role is TARGET and call.target is not None:
            call.ends[call.target] = make_end(call.machine.id, str(call.target))

    def hear(self, call: ActiveCall, leg: LegId, event: Event) -> bool:
        """Whoever was called says what it calls itself; whether that made no sense."""
        if not isinstance(event, _OF_WHO_IS_CALLED) or event.message is None:
            return False
        role = call.role_of(leg)
        before = call.end(role)
        end = hear_end(event.message, before)
        if end != before:
            call.ends[leg] = end
            self._tell(call, role)
            if role is not TARGET:
                self._tell(call, role.other)
        return is_malformed(event.message)

    def takes_place(self, call: ActiveCall, role: Role, leg: LegId, invite: SipMessage) -> None:
        """An INVITE wants the place of the leg of this role."""
        call.ends[leg] = hear_end(invite, make_end(call.machine.id, str(leg)))
        self._sip.identify(leg, session_id(call.end(role.other), call.ends[leg]))

    def taken(self, call: ActiveCall, end: End) -> None:
        """The leg of another call is the target."""
        if call.target is not None:
            call.ends[call.target] = end

    def promoted(self, call: ActiveCall) -> None:
        """The target talks now, and the two have to hear of each other."""
        self._tell(call, INBOUND)
        self._tell(call, OUTBOUND)

    def _tell(self, call: ActiveCall, role: Role) -> None:
        leg = call.leg(role)
        if leg is not None:
            self._sip.identify(leg, session_id(call.end(_partner(call, role)), call.end(role)))


def _partner(call: ActiveCall, role: Role) -> Role:
    """Who is talked to: by the target of a transfer, who did not ask for it."""
    return call.machine.transfers[-1].by.other if role is TARGET else role.other
