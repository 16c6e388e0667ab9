"""Hold inside a call that is up: each leg's own affair, unless the trunk of the side that holds says otherwise."""

from __future__ import annotations

from gateway.bridge.call import Call, State, Step
from gateway.bridge.commands import Command, Offer, StartTimer, StopTimer
from gateway.bridge.events import Glare, HoldChanged, Timer, TimerFired
from gateway.bridge.terms import ROLES, Role
from gateway.core.plan import Hold

OFFER_TIMER = {Role.INBOUND: Timer.INBOUND_OFFER, Role.OUTBOUND: Timer.OUTBOUND_OFFER}
NOT_UP = (State.CALLING, State.RINGING, State.ANSWERED)
"""Before the ACK a leg can be offered nothing."""

MOST_OFFERS = 64
"""Of one with something in its way, half a second apart: no transaction lasts longer (RFC 3261, section 17.1.1.2)."""


def hold_changed(call: Call, event: HoldChanged) -> Step:
    """One side holds or resumes: the other is told, now or as soon as the call is up."""
    other = event.by.other
    local = event.by is Role.TARGET or call.trunks[event.by].hold is Hold.LOCAL
    if local or event.held == (other in call.held):
        return [], call.state
    call.held ^= {other}
    return ([] if call.state in NOT_UP else _offer(call, other)), call.state


def tell_held(call: Call) -> list[Command]:
    """What was held before the call was up."""
    return [command for role in ROLES if role in call.held for command in _offer(call, role)]


def replaced(call: Call, role: Role) -> list[Command]:
    """A leg took the place of one that may have held the other, or that was held."""
    commands = _offer(call, role) if role in call.held else []
    if role.other in call.held:
        call.held.discard(role.other)
        commands += _offer(call, role.other)
    return commands


def glare(call: Call, event: Glare) -> Step:
    """Both sides made an offer: ours is made again later (RFC 3261, section 14.1), unless it never gets through."""
    if event.by is Role.TARGET or call.postponed[event.by] == MOST_OFFERS:
        return [], call.state
    call.postponed[event.by] += 1
    return [StartTimer(OFFER_TIMER[event.by], event.seconds)], call.state


def offer_again(call: Call, event: TimerFired) -> Step:
    """Nothing is in the way any more."""
    role = Role.INBOUND if event.timer is Timer.INBOUND_OFFER else Role.OUTBOUND
    return [Offer(role, role in call.held)], call.state


def _offer(call: Call, role: Role) -> list[Command]:
    call.postponed[role] = 0
    return [StopTimer(OFFER_TIMER[role]), Offer(role, role in call.held)]
