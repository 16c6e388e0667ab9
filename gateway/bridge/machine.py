"""The state machine of one call: one event in, a list of commands out.

Rules for this module. Everything that decides about a call is in `TABLE`: for each state, what each event does. A cell
is a handler (act), `late` (the event is out of date and means nothing any more) or absent (impossible: the shell or
this table is wrong, and the engine gives the call up). An impossible event leaves the call as it was. No clock, no I/O:
timers are events, times are the engine's.

    NEW --invite--> CALLING --18x--> RINGING --2xx--> ANSWERED --ACK--> TALKING
                       |                |                |                 |
                       +----------------+-------+--------+-----------------+--> ENDING --> ENDED

ENDING waits until every leg that was ever up has said that it is gone; the outcome is decided on the way in and
never changes afterwards.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.bridge import outcome as outcomes
from gateway.bridge.commands import (
    Answer,
    Command,
    Finish,
    Hangup,
    HeaderList,
    NoteContext,
    Place,
    Progress,
    Refuse,
    Role,
    StartTimer,
    StopTimer,
)
from gateway.bridge.events import (
    Ending,
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
from gateway.bridge.outcome import Outcome
from gateway.bridge.reading import caller_of, carries_sdp, forwards_left
from gateway.core.mapping import CallFacts, Mapped, apply_rules
from gateway.core.message import SipMessage
from gateway.core.plan import Plan, Trunk
from gateway.core.receipt import ReceiptEntry
from gateway.core.routing import Router, request_uri
from gateway.core.terms import Direction, On, Side
from gateway.core.uri import parse_uri
from gateway.errors import CallRefused, PeerError

REQUEST_TERMINATED = 487
"""How the inbound leg ends when CANCEL arrived, and only then (RFC 3261, section 9.2): we never refuse with it."""


class State(enum.StrEnum):
    """Where a call is in its life."""

    NEW = "new"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    TALKING = "talking"
    ENDING = "ending"
    ENDED = "ended"


class ImpossibleEvent(Exception):
    """An event the table has no cell for."""

    def __init__(self, state: State, kind: EventKind) -> None:
        super().__init__(f"event {kind} cannot happen in state {state}")


class CallMachine:
    """One call: two legs, a direction, and what was decided about it so far."""

    def __init__(self, call_id: str, plan: Plan, router: Router) -> None:
        self.id = call_id
        self.plan = plan
        self.state = State.NEW
        self.outcome: Outcome | None = None
        self.code: int | None = None
        """The final SIP code that ended an unanswered call: the outbound leg's, else the one we refused with."""
        self.receipt: list[ReceiptEntry] = []
        self.context: dict[str, str] = {}
        self.attempts = 0
        self.direction = Direction.TO_TWILIO
        self.from_trunk: Trunk | None = None
        self.to_trunk: Trunk | None = None
        self._router = router
        self._facts = CallFacts(call_id, "", "")
        self._request: SipMessage | None = None
        self._order: Place | None = None
        self._uris: list[str] = []
        self._early_media = False
        self._live: set[Role] = set()

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
        self._decide(outcomes.INTERNAL_ERROR, None if answered else 500)

    # -- the INVITE ----------------------------------------------------------------------------------------------

    def _invite(self, event: InviteReceived) -> Step:
        self._live.add(Role.INBOUND)
        self._request = event.message
        self.from_trunk = event.trunk
        self.direction = Direction.from_source(event.trunk.side)
        self._facts = CallFacts(self.id, event.trunk.name, event.source_address)
        try:
            return self._set_out(event.message, event.trunk)
        except CallRefused as refusal:
            return self._refused(refusal)
        except PeerError as error:
            return self._refused(CallRefused(error.sip_code, "bad-request", str(error)))

    def _set_out(self, message: SipMessage, trunk: Trunk) -> Step:
        destination = self._router.route(trunk, parse_uri(message.request_uri or "").user)
        self.to_trunk = destination.trunk
        mapped = self._map(On.INVITE, message, Role.INBOUND)
        notes = self._note(On.INVITE, mapped)
        if mapped.refused:
            commands, state = self._refused(mapped.refused)
            return [*notes, *commands], state
        self._order = Place(
            trunk=destination.trunk.name,
            request_uri="",
            caller=caller_of(message),
            headers=mapped.headers,
            max_forwards=forwards_left(message) - 1,
        )
        self._uris = [request_uri(uri, destination.user) for uri in destination.trunk.uris]
        ring = StartTimer(Timer.RING, self.plan.limits.ring_seconds)
        return [*notes, *self._place_next(), ring], State.CALLING

    def _place_next(self) -> list[Command]:
        assert self._order is not None
        self._order = replace(self._order, request_uri=self._uris.pop(0))
        self.attempts += 1
        self._live.add(Role.OUTBOUND)
        return [self._order, StartTimer(Timer.RESPONSE, self.plan.limits.response_seconds)]

    def _refused(self, refusal: CallRefused) -> Step:
        found = Outcome(outcomes.Result.CLIENT_ERROR, refusal.reason)
        outcome = found if found in outcomes.OUTCOMES else outcomes.BAD_REQUEST
        self._decide(outcome, refusal.sip_code)
        return [Refuse(refusal.sip_code, (outcomes.warning_header(refusal.warning),))], State.ENDING

    # -- context -------------------------------------------------------------------------------------------------

    def _carry(self, on: On, message: SipMessage | None, sender: Role) -> tuple[HeaderList, list[Command]]:
        """Headers for the other leg from what a later message of the sender carries, and the note of it."""
        if message is None:
            return (), []
        mapped = self._map(on, message, sender)
        return mapped.headers, self._note(on, mapped)

    def _note(self, on: On, mapped: Mapped) -> list[Command]:
        if not mapped.receipt:
            return []
        # A peer may ring without end: all of its messages are counted, of each kind the last is kept.
        self.receipt = [entry for entry in self.receipt if entry.on is not on] + [*mapped.receipt]
        self.context.update(mapped.public_values())
        return [NoteContext(on, mapped)]

    def _map(self, on: On, message: SipMessage, sender: Role) -> Mapped:
        assert self.from_trunk is not None and self.to_trunk is not None
        pbx = self.from_trunk if self.from_trunk.side is Side.PBX else self.to_trunk
        inbound = sender is Role.INBOUND
        side, receiver = (self.direction.source, self.to_trunk) if inbound else (self.direction.target, self.from_trunk)
        facts = self._facts if inbound else CallFacts(self.id, self.to_trunk.name, "")
        rules = self.plan.contract.rules(self.direction, on, side, pbx.dialect, receiver.profile)
        return apply_rules(rules, message, facts)

    # -- before the answer ---------------------------------------------------------------------------------------

    def _trying(self, event: OutboundTrying) -> Step:
        return [StopTimer(Timer.RESPONSE)], self.state

    def _progress(self, event: OutboundProgress) -> Step:
        commands: list[Command] = [StopTimer(Timer.RESPONSE)]
        if event.code == 199:  # RFC 6228: about a branch, not about the call
            return commands, self.state
        headers, notes = self._carry(On.PROGRESS, event.message, Role.OUTBOUND)
        early = carries_sdp(event.message) and carries_sdp(self._request)
        self._early_media = self._early_media or early
        return [*commands, *notes, Progress(183 if early else 180, headers, early)], State.RINGING

    def _answered(self, event: OutboundAnswered) -> Step:
        headers, notes = self._carry(On.ANSWER, event.message, Role.OUTBOUND)
        timers: list[Command] = [
            StopTimer(Timer.RESPONSE),
            StopTimer(Timer.RING),
            StartTimer(Timer.DURATION, self.plan.limits.call_seconds),
        ]
        return [*timers, *notes, Answer(headers)], State.ANSWERED

    def _outbound_failed(self, event: OutboundEnded) -> Step:
        self._live.discard(Role.OUTBOUND)
        if outcomes.tries_next_uri(event.code) and self._uris and not self._early_media:
            return self._place_next(), State.CALLING
        failure = event.code if event.code >= 300 else 480  # a BYE instead of an answer: nobody will
        self._decide(outcomes.outcome_for_code(failure), failure)
        headers, notes = self._carry(On.END, event.message, Role.OUTBOUND)
        silent = failure == 408 and not event.by_peer
        code = 504 if silent else outcomes.answer_for_code(failure)
        return [*notes, Refuse(code, (outcomes.reason_header(failure), *headers))], State.ENDING

    def _no_response(self, event: TimerFired) -> Step:
        if self._uris:
            return [Hangup(Role.OUTBOUND), *self._place_next()], State.CALLING
        self._decide(outcomes.NO_RESPONSE, 408)
        return [Hangup(Role.OUTBOUND), Refuse(504, (outcomes.reason_header(408),))], State.ENDING

    def _no_answer(self, event: TimerFired) -> Step:
        self._decide(outcomes.NO_ANSWER, 480)
        reason = ("Reason", 'Q.850;cause=19;text="No answer from user"')  # ITU-T Q.850, table 1
        return [Hangup(Role.OUTBOUND), Refuse(480, (reason,))], State.ENDING

    def _caller_left(self, event: InboundEnded) -> Step:
        cancelled = event.by_peer or event.code == REQUEST_TERMINATED
        self._decide(outcomes.CANCELLED if cancelled else outcomes.PEER_VANISHED, event.code)
        return self._without_inbound(event)

    # -- after the answer ----------------------------------------------------------------------------------------

    def _confirmed(self, event: InboundConfirmed) -> Step:
        return [], State.TALKING

    def _left_unconfirmed(self, event: InboundEnded) -> Step:
        if event.code == REQUEST_TERMINATED:  # CANCEL was there before our 200 could leave
            return self._caller_left(event)
        self._decide(outcomes.COMPLETED if event.by_peer else outcomes.ACK_MISSING)
        return self._without_inbound(event)

    def _inbound_left(self, event: InboundEnded) -> Step:
        self._decide(outcomes.COMPLETED if event.by_peer else outcomes.PEER_VANISHED)
        return self._without_inbound(event)

    def _without_inbound(self, event: InboundEnded) -> Step:
        self._live.discard(Role.INBOUND)
        headers, notes = self._carry(On.END, event.message, Role.INBOUND)
        return [*notes, Hangup(Role.OUTBOUND, headers)], State.ENDING

    def _outbound_left(self, event: OutboundEnded) -> Step:
        self._live.discard(Role.OUTBOUND)
        self._decide(outcomes.COMPLETED if event.by_peer else outcomes.PEER_VANISHED)
        headers, notes = self._carry(On.END, event.message, Role.OUTBOUND)
        return [*notes, Hangup(Role.INBOUND, headers)], State.ENDING

    def _too_long(self, event: TimerFired) -> Step:
        self._decide(outcomes.MAX_DURATION)
        return [Hangup(Role.INBOUND), Hangup(Role.OUTBOUND)], State.ENDING

    # -- ends ----------------------------------------------------------------------------------------------------

    def _cut_unanswered(self, event: Event) -> Step:
        faulted = isinstance(event, Faulted)
        code = 500 if faulted else 503
        self._decide(outcomes.INTERNAL_ERROR if faulted else outcomes.STOPPED, code)
        return [Hangup(Role.OUTBOUND), Refuse(code, ())], State.ENDING

    def _cut_answered(self, event: Event) -> Step:
        self._decide(OUTCOME_BY_ENDING[event.why] if isinstance(event, EndRequested) else outcomes.INTERNAL_ERROR)
        return [Hangup(Role.INBOUND), Hangup(Role.OUTBOUND)], State.ENDING

    def _cut_again(self, event: Faulted) -> Step:
        """A callback failed, perhaps the one that was to say that a leg is gone."""
        return [Hangup(role) for role in Role if role in self._live], State.ENDING

    def _leg_gone(self, event: Event) -> Step:
        self._live.discard(Role.INBOUND if isinstance(event, InboundEnded) else Role.OUTBOUND)
        if self._live:
            return [], State.ENDING
        assert self.outcome is not None
        return [Finish(self.outcome)], State.ENDED

    def _answered_too_late(self, event: OutboundAnswered) -> Step:
        return [Hangup(Role.OUTBOUND)], State.ENDING

    def _late(self, event: Event) -> Step:
        return [], self.state

    def _decide(self, outcome: Outcome, code: int | None = None) -> None:
        if self.outcome is None:
            self.outcome, self.code = outcome, code


Step = tuple[list[Command], State]
EventKind = type[Event] | Timer
Cell = Callable[[CallMachine, Any], Step]  # Any: each cell takes the one event of its column


def kind_of(event: Event) -> EventKind:
    """What the table knows an event by: its class, or for a timer which one."""
    return event.timer if isinstance(event, TimerFired) else type(event)


_BEFORE_ANSWER: dict[EventKind, Cell] = {
    OutboundTrying: CallMachine._trying,
    OutboundProgress: CallMachine._progress,
    OutboundAnswered: CallMachine._answered,
    OutboundEnded: CallMachine._outbound_failed,
    InboundEnded: CallMachine._caller_left,
    Timer.RESPONSE: CallMachine._no_response,
    Timer.RING: CallMachine._no_answer,
    EndRequested: CallMachine._cut_unanswered,
    Faulted: CallMachine._cut_unanswered,
}

_AFTER_ANSWER: dict[EventKind, Cell] = {
    OutboundTrying: CallMachine._late,
    OutboundProgress: CallMachine._late,
    OutboundAnswered: CallMachine._late,
    OutboundEnded: CallMachine._outbound_left,
    InboundEnded: CallMachine._inbound_left,
    Timer.RESPONSE: CallMachine._late,
    Timer.RING: CallMachine._late,
    Timer.DURATION: CallMachine._too_long,
    EndRequested: CallMachine._cut_answered,
    Faulted: CallMachine._cut_answered,
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
    State.NEW: {InviteReceived: CallMachine._invite},
    State.CALLING: _BEFORE_ANSWER,
    State.RINGING: _BEFORE_ANSWER,
    State.ANSWERED: _AFTER_ANSWER
    | {InboundConfirmed: CallMachine._confirmed, InboundEnded: CallMachine._left_unconfirmed},
    State.TALKING: _AFTER_ANSWER | {InboundConfirmed: CallMachine._late},
    State.ENDING: dict.fromkeys(_LATE_EVENTS, CallMachine._late)
    | {
        OutboundAnswered: CallMachine._answered_too_late,
        Faulted: CallMachine._cut_again,
        OutboundEnded: CallMachine._leg_gone,
        InboundEnded: CallMachine._leg_gone,
    },
    State.ENDED: dict.fromkeys(_LATE_EVENTS, CallMachine._late),
}
"""What each event does in each state; an event without a cell is impossible there."""

OUTCOME_BY_ENDING: dict[Ending, Outcome] = {
    Ending.ADMIN: outcomes.ENDED_BY_ADMIN,
    Ending.DRAIN: outcomes.DRAINED,
    Ending.STOP: outcomes.STOPPED,
}
