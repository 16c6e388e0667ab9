"""The state machine of one call: one event in, a list of commands out.

Rules for this module. Everything that decides about a call is in `TABLE`: for each state, what each event does. A cell
is a function of `setup`, `talk` or `ending` (act), `late` (the event is out of date and means nothing any more) or
absent (impossible: the shell or this table is wrong, and the engine gives the call up). An impossible event leaves the
call as it was. No clock, no I/O: timers are events, times are the engine's.

    NEW --invite--> CALLING --18x--> RINGING --2xx--> ANSWERED --ACK--> TALKING
                       |                |                |                 |
                       +----------------+-------+--------+-----------------+--> ENDING --> ENDED

ENDING waits until every leg that was ever up has said that it is gone; the outcome is decided on the way in and
never changes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.bridge import ending, setup, talk
from gateway.bridge import outcome as outcomes
from gateway.bridge.call import Call, State, Step, late
from gateway.bridge.commands import Command
from gateway.bridge.events import (
    EndRequested,
    Event,
    Faulted,
    InboundConfirmed,
    InboundEnded,
    InviteReceived,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    OutboundTrying,
    Timer,
    TimerFired,
)

EventKind = type[Event] | Timer
Cell = Callable[[Call, Any], Step]  # Any: each cell takes the one event of its column


class ImpossibleEvent(Exception):
    """An event the table has no cell for."""

    def __init__(self, state: State, kind: EventKind) -> None:
        super().__init__(f"event {kind} cannot happen in state {state}")


class CallMachine(Call):
    """A call that takes events as the table says."""

    def handle(self, event: Event) -> list[Command]:
        """Take one event; return what to do, in order.

        Raises:
            ImpossibleEvent: the table has no cell for it; nothing changed.
        """
        kind = kind_of(event)
        cell = TABLE[self.state].get(kind)
        if cell is None:
            raise ImpossibleEvent(self.state, kind)
        commands, state = cell(self, event)
        self.state = state
        return commands

    def abandon(self) -> None:
        """Our own code failed on this call and nothing more will be asked of it: ended at once, whatever the state."""
        answered = self.state in (State.ANSWERED, State.TALKING)
        self.state = State.ENDED
        self.decide(outcomes.INTERNAL_ERROR, None if answered else 500)


def kind_of(event: Event) -> EventKind:
    """What the table knows an event by: its class, or for a timer which one."""
    return event.timer if isinstance(event, TimerFired) else type(event)


_BEFORE_ANSWER: dict[EventKind, Cell] = {
    OutboundTrying: setup.trying,
    OutboundProgress: setup.progress,
    OutboundAnswered: setup.answered,
    OutboundEnded: setup.outbound_failed,
    InboundEnded: setup.caller_left,
    Timer.RESPONSE: setup.no_response,
    Timer.RING: setup.no_answer,
    EndRequested: setup.cut_unanswered,
    Faulted: setup.cut_unanswered,
}

_AFTER_ANSWER: dict[EventKind, Cell] = {
    OutboundTrying: late,
    OutboundProgress: late,
    OutboundAnswered: late,
    OutboundEnded: talk.outbound_left,
    InboundEnded: talk.inbound_left,
    Timer.RESPONSE: late,
    Timer.RING: late,
    Timer.DURATION: talk.too_long,
    EndRequested: talk.cut_answered,
    Faulted: talk.cut_answered,
}

_LATE_EVENTS: tuple[EventKind, ...] = (
    OutboundTrying,
    OutboundProgress,
    OutboundAnswered,
    OutboundEnded,
    InboundConfirmed,
    InboundEnded,
    EndRequested,
    Faulted,
    *Timer,
)

TABLE: dict[State, dict[EventKind, Cell]] = {
    State.NEW: {InviteReceived: setup.invite},
    State.CALLING: _BEFORE_ANSWER,
    State.RINGING: _BEFORE_ANSWER,
    State.ANSWERED: _AFTER_ANSWER | {InboundConfirmed: talk.confirmed, InboundEnded: talk.left_unconfirmed},
    State.TALKING: _AFTER_ANSWER | {InboundConfirmed: late},
    State.ENDING: dict.fromkeys(_LATE_EVENTS, late)
    | {
        OutboundAnswered: ending.answered_too_late,
        Faulted: ending.cut_again,
        OutboundEnded: ending.leg_gone,
        InboundEnded: ending.leg_gone,
    },
    State.ENDED: dict.fromkeys(_LATE_EVENTS, late),
}
"""What each event does in each state; an event without a cell is impossible there."""
