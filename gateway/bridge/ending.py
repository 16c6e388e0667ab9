"""A call whose outcome is decided and whose legs have not all said that they are gone."""

from __future__ import annotations

from gateway.bridge.call import Call, State, Step
from gateway.bridge.commands import Finish, Hangup, Role
from gateway.bridge.events import Faulted, InboundEnded, OutboundAnswered, OutboundEnded


def leg_gone(call: Call, event: InboundEnded | OutboundEnded) -> Step:
    """With the last of them the call is over."""
    call.live.discard(Role.INBOUND if isinstance(event, InboundEnded) else Role.OUTBOUND)
    if call.live:
        return [], State.ENDING
    assert call.outcome is not None
    return [Finish(call.outcome)], State.ENDED


def answered_too_late(call: Call, event: OutboundAnswered) -> Step:
    """A 200 that crossed our CANCEL."""
    return [Hangup(Role.OUTBOUND)], State.ENDING


def cut_again(call: Call, event: Faulted) -> Step:
    """A callback failed, perhaps the one that was to say that a leg is gone."""
    return [Hangup(role) for role in Role if role in call.live], State.ENDING
