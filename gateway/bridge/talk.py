"""A call after its answer, until the first of its legs ends."""

from __future__ import annotations

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import Call, State, Step
from gateway.bridge.carrying import carry
from gateway.bridge.commands import Command, Hangup, Role, StartTimer
from gateway.bridge.events import (
    AudioHeard,
    Ending,
    EndRequested,
    Event,
    InboundConfirmed,
    InboundEnded,
    OutboundEnded,
    Timer,
    TimerFired,
)
from gateway.bridge.holding import tell_held
from gateway.bridge.outcome import Outcome
from gateway.bridge.setup import REQUEST_TERMINATED, caller_left, without_inbound
from gateway.core.terms import On

OUTCOME_BY_ENDING: dict[Ending, Outcome] = {
    Ending.ADMIN: outcomes.ENDED_BY_ADMIN,
    Ending.DRAIN: outcomes.DRAINED,
    Ending.STOP: outcomes.STOPPED,
}

OUTCOME_BY_LOSS: dict[int, Outcome] = {
    408: outcomes.ACK_MISSING,
    488: outcomes.NO_COMMON_CODEC,
    500: outcomes.INTERNAL_ERROR,
}
"""How the inbound leg ends between our 200 and its ACK when no peer ends it: no ACK, no audio that both could have, our
own fault. Anything else is a connection that broke."""


def confirmed(call: Call, event: InboundConfirmed) -> Step:
    """The caller has our answer."""
    return [*tell_held(call), *watch_audio(call)], State.TALKING


def left_unconfirmed(call: Call, event: InboundEnded) -> Step:
    """The inbound leg ends and its ACK never came, or our 200 could not leave."""
    if event.code == REQUEST_TERMINATED:  # CANCEL was there before our 200 could leave
        return caller_left(call, event)
    lost = OUTCOME_BY_LOSS.get(event.code, outcomes.PEER_VANISHED)
    call.decide(outcomes.COMPLETED if event.by_peer else lost)
    return without_inbound(call, event)


def inbound_left(call: Call, event: InboundEnded) -> Step:
    """The caller hangs up, or is not there any more."""
    call.decide(outcomes.COMPLETED if event.by_peer else outcomes.PEER_VANISHED)
    return without_inbound(call, event)


def outbound_left(call: Call, event: OutboundEnded) -> Step:
    """The called side hangs up, or is not there any more."""
    call.live.discard(Role.OUTBOUND)
    call.decide(outcomes.COMPLETED if event.by_peer else outcomes.PEER_VANISHED)
    headers, notes = carry(call, On.END, event.message, Role.OUTBOUND)
    return [*notes, Hangup(Role.INBOUND, headers)], State.ENDING


def too_long(call: Call, event: TimerFired) -> Step:
    """The call is as long as it may be."""
    call.decide(outcomes.MAX_DURATION)
    return call.hang_up(), State.ENDING


def audio_heard(call: Call, event: AudioHeard) -> Step:
    """Neither side is silent for too long yet."""
    return watch_audio(call, event.seconds), call.state


def silent(call: Call, event: TimerFired) -> Step:
    """A side sends no audio any more: its phone is gone, whatever its signalling says."""
    call.decide(outcomes.MEDIA_TIMEOUT)
    return call.hang_up(), State.ENDING


def watch_audio(call: Call, silent_seconds: float = 0.0) -> list[Command]:
    """Look again when both sides may have been silent for too long."""
    timeout = call.plan.media.timeout_seconds
    return [StartTimer(Timer.SILENCE, timeout - silent_seconds)] if timeout else []


def cut_answered(call: Call, event: Event) -> Step:
    """The operator ends it, or our own code failed on it."""
    call.decide(OUTCOME_BY_ENDING[event.why] if isinstance(event, EndRequested) else outcomes.INTERNAL_ERROR)
    return call.hang_up(), State.ENDING
