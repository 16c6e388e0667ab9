"""The state machine of one call: one event in, a list of commands out.

Rules for this module. Everything that decides about a call is in `TABLE`: for each state, what each event does. A cell
is a function of `setup`, `talk`, `holding`, `transfer`, `relaying` or `ending` (act), `late` (the event is out of date
and means nothing any more) or absent (impossible: the shell or this table is wrong, and the engine gives the call up).
An impossible event leaves the call as it was. No clock, no I/O: timers are events, times are the engine's.

    NEW --invite--> CALLING --18x--> RINGING --2xx--> ANSWERED --ACK--> TALKING
                       |                |                |                 |
                       +----------------+-------+--------+-----------------+--> ENDING --> ENDED

    TALKING --REFER--> TRANSFERRING --who asked leaves--> FORWARDING; from either to TALKING when the target answers,
    and from TRANSFERRING when it does not. Or TALKING --REFER--> RELAYING, where the other side does the transfer: to
    ENDING when it has, back to TALKING when it has not. All of them end as TALKING does.

ENDING waits until every leg that was ever up has said that it is gone; the outcome is decided on the way in and
never changes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.bridge import ending, holding, relaying, setup, talk, transfer
from gateway.bridge import outcome as outcomes
from gateway.bridge.call import Call, State, Step, late
from gateway.bridge.commands import Command
from gateway.bridge.events import (
    AudioHeard,
    EndRequested,
    Event,
    Faulted,
    Glare,
    HoldChanged,
    InboundConfirmed,
    InboundEnded,
    InviteReceived,
    LegTaken,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    OutboundTrying,
    ReferAnswered,
    ReferReceived,
    ReferStatus,
    ReplacementArrived,
    TargetAnswered,
    TargetEnded,
    TargetProgress,
    TargetTrying,
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
        commands, self.state = cell(self, event)
        return commands

    def abandon(self) -> None:
        """Our own code failed on this call and nothing more will be asked of it: ended at once, whatever the state."""
        unanswered = self.state in (State.NEW, State.CALLING, State.RINGING)
        self.state = State.ENDED
        self.decide(outcomes.INTERNAL_ERROR, 500 if unanswered else None)


def kind_of(event: Event) -> EventKind:
    """What the table knows an event by: its class, or for a timer which one."""
    return event.timer if isinstance(event, TimerFired) else type(event)


_HOLD: dict[EventKind, Cell] = {HoldChanged: holding.hold_changed}

_BEFORE_ANSWER: dict[EventKind, Cell] = _HOLD | {
    OutboundTrying: setup.trying,
    OutboundProgress: setup.progress,
    OutboundAnswered: setup.answered,
    OutboundEnded: setup.outbound_failed,
    InboundEnded: setup.caller_left,
    Timer.RESPONSE: setup.no_response,
    Timer.RING: setup.no_answer,
    EndRequested: setup.cut_unanswered,
    Faulted: setup.cut_unanswered,
    ReferReceived: transfer.not_now,
    ReplacementArrived: transfer.not_replaced_now,
}

_AFTER_ANSWER: dict[EventKind, Cell] = _HOLD | {
    OutboundTrying: late,
    OutboundProgress: late,
    OutboundAnswered: late,
    OutboundEnded: talk.outbound_left,
    InboundEnded: talk.inbound_left,
    Timer.RESPONSE: late,
    Timer.RING: late,
    Timer.DURATION: talk.too_long,
    Glare: holding.glare,
    Timer.INBOUND_OFFER: holding.offer_again,
    Timer.OUTBOUND_OFFER: holding.offer_again,
    EndRequested: talk.cut_answered,
    Faulted: talk.cut_answered,
    ReferReceived: transfer.not_now,
    ReplacementArrived: transfer.not_replaced_now,
    ReferAnswered: late,
    ReferStatus: late,
    TargetTrying: late,
    TargetProgress: late,
    TargetAnswered: late,
    TargetEnded: transfer.target_gone,
}

_TRANSFERRING: dict[EventKind, Cell] = _AFTER_ANSWER | {
    InboundConfirmed: transfer.confirmed,
    InboundEnded: transfer.left,
    OutboundEnded: transfer.left,
    TargetTrying: transfer.trying,
    TargetProgress: transfer.progress,
    TargetAnswered: transfer.answered,
    TargetEnded: transfer.failed,
    Timer.RESPONSE: transfer.no_response,
    Timer.RING: transfer.no_answer,
    Timer.DURATION: transfer.too_long,
    AudioHeard: talk.audio_heard,
    Timer.SILENCE: transfer.not_silent,
    EndRequested: transfer.cut,
    Faulted: transfer.cut,
}

_LATE_EVENTS: tuple[EventKind, ...] = (
    OutboundTrying,
    OutboundProgress,
    OutboundAnswered,
    OutboundEnded,
    InboundConfirmed,
    InboundEnded,
    ReferAnswered,
    ReferStatus,
    TargetTrying,
    TargetProgress,
    TargetAnswered,
    TargetEnded,
    HoldChanged,
    Glare,
    AudioHeard,
    EndRequested,
    Faulted,
    *Timer,
)

_RELAYING: dict[EventKind, Cell] = _AFTER_ANSWER | {
    InboundConfirmed: transfer.confirmed,
    InboundEnded: relaying.left,
    OutboundEnded: relaying.left,
    ReferAnswered: relaying.answered,
    ReferStatus: relaying.status,
    Timer.RING: relaying.no_status,
    AudioHeard: talk.audio_heard,
    Timer.SILENCE: transfer.not_silent,
    Timer.DURATION: transfer.too_long,
    EndRequested: transfer.cut,
    Faulted: transfer.cut,
}

TABLE: dict[State, dict[EventKind, Cell]] = {
    State.NEW: {InviteReceived: setup.invite},
    State.CALLING: _BEFORE_ANSWER,
    State.RINGING: _BEFORE_ANSWER,
    State.ANSWERED: _AFTER_ANSWER
    | {
        InboundConfirmed: talk.confirmed,
        InboundEnded: talk.left_unconfirmed,
        ReferReceived: transfer.refer_unconfirmed,
    },
    State.TALKING: _AFTER_ANSWER
    | {
        InboundConfirmed: transfer.confirmed,
        ReferReceived: transfer.refer,
        ReplacementArrived: transfer.replaced,
        LegTaken: transfer.leg_taken,
        AudioHeard: talk.audio_heard,
        Timer.SILENCE: talk.silent,
    },
    State.TRANSFERRING: _TRANSFERRING,
    State.FORWARDING: _TRANSFERRING,
    State.RELAYING: _RELAYING,
    State.ENDING: dict.fromkeys(_LATE_EVENTS, late)
    | {
        OutboundAnswered: ending.answered_too_late,
        Faulted: ending.cut_again,
        OutboundEnded: ending.leg_gone,
        InboundEnded: ending.leg_gone,
        TargetAnswered: ending.answered_too_late,
        TargetEnded: ending.leg_gone,
        ReferReceived: transfer.too_late,
        ReplacementArrived: transfer.replaced_too_late,
    },
    State.ENDED: dict.fromkeys(_LATE_EVENTS, late),
}
"""What each event does in each state; an event without a cell is impossible there."""
