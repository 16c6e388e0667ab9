"""A call whose outcome is decided and whose legs have not all said that they are gone."""

from __future__ import annotations

from gateway.bridge.call import Call, State, Step
from gateway.bridge.commands import Finish, Hangup, Role
from gateway.bridge.events import (
    ROLE_OF,
    Faulted,
    LegEnded,
    OutboundAnswered,
    TargetAnswered,
)


def leg_gone(call: Call, event: LegEnded) -> Step:
    """With the last of them the call is over."""
    call.live.discard(ROLE_OF[type(event)])
    if call.live:
        return [], State.ENDING
    assert call.outcome is not None
    return [Finish(call.outcome)], State.ENDED


def answered_too_late(call: Call, event: OutboundAnswered | TargetAnswered) -> Step:
    """A 200 that crossed our CANCEL."""
    return [Hangup(Role.OUTBOUND if isinstance(event, OutboundAnswered) else Role.TARGET)], State.ENDING


def cut_again(call: Call, event: Faulted) -> Step:
    """A callback failed, perhaps the one that was to say that a leg is gone."""
    return call.hang_up(), State.ENDING
