"""Carries out what a call's machine decided, through the ports, and notes when. It decides nothing itself."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.commands import (
    Answer,
    AnswerRefer,
    AnswerReplacement,
    Command,
    Finish,
    Hangup,
    HeaderList,
    NoteContext,
    NoteMiss,
    NoteTransfer,
    NotifyRefer,
    Offer,
    Place,
    Preview,
    Progress,
    Promote,
    Refuse,
    RefuseReplacement,
    SendRefer,
    StartTimer,
    StopTimer,
    TakeLeg,
    WriteBack,
)
from gateway.bridge.events import Event, LegTaken
from gateway.bridge.ports import Ports
from gateway.bridge.terms import INBOUND, OUTBOUND, TARGET, Role
from gateway.bridge.timers import Timers
from gateway.core.variables import VariableWrite
from gateway.engine.registry import CallRegistry
from gateway.engine.sessions import Sessions

log = logging.getLogger(__name__)

Clock = Callable[[], float]


class Execution:
    """The hands of the engine."""

    def __init__(self, ports: Ports, clock: Clock, registry: CallRegistry, timers: Timers, sessions: Sessions) -> None:
        self._registry = registry
        self._timers = timers
        self._sessions = sessions
        self._sip = ports.sip
        self._observer = ports.observer
        self._variables = ports.variables
        self._clock = clock
        self._hands: dict[type[Command], Callable[[ActiveCall, Any], None]] = {
            StartTimer: self._start_timer,
            StopTimer: self._stop_timer,
            NoteContext: self._note_context,
            Place: self._place,
            Progress: self._progress,
            Answer: self._answer,
            Hangup: lambda call, command: self._hangup(call, command.role, command.headers),
            Finish: lambda call, command: self._finish(call),
            Refuse: self._refuse,
            Offer: self._offer,
            AnswerRefer: self._answer_refer,
            SendRefer: self._refer,
            NotifyRefer: self._notify,
            TakeLeg: self._take,
            AnswerReplacement: self._answer_replacement,
            RefuseReplacement: self._refuse_replacement,
            Preview: lambda call, command: self._join(call, command.role, TARGET),
            Promote: self._promote,
            NoteTransfer: lambda call, command: self._observer.transfer(command.mode, command.result),
            NoteMiss: lambda call, command: self.missed.append(command),
            WriteBack: self._write_back,
        }
        self.consequences: deque[tuple[str, Event]] = deque()
        """What follows for other calls, by their ids; to be taken by whoever feeds them."""
        self.missed: deque[NoteMiss] = deque()
        """Where calls found nobody; to be taken by whoever minds the trunks."""

    def execute(self, call: ActiveCall, command: Command) -> None:
        """Do one thing that the call's machine said."""
        self._hands[type(command)](call, command)

    def announce(self, call: ActiveCall) -> None:
        """Once, when it is known where the call goes; a call that failed at once starts before it ends all the same."""
        if not call.announced:
            call.announced = True
            self._observer.call_started(call.machine.direction)

    def abandon(self, call: ActiveCall) -> None:
        """Be done with a call that cannot be trusted to end by itself: cut its legs and close its record."""
        call.machine.abandon()
        for step in (self.announce, self._cut_placed, self._cut_inbound, self._finish):
            try:
                step(call)
            except Exception:
                log.exception("call failed while it was given up", extra=call.names())

    def _cut_placed(self, call: ActiveCall) -> None:
        self._hangup(call, OUTBOUND, ())
        self._hangup(call, TARGET, ())

    def _cut_inbound(self, call: ActiveCall) -> None:
        if call.answered is None:
            self._sip.refuse(call.inbound, 500, ())
        else:
            self._hangup(call, INBOUND, ())

    def _start_timer(self, call: ActiveCall, command: StartTimer) -> None:
        self._timers.start(call.machine.id, command.timer, self._clock() + command.seconds)

    def _stop_timer(self, call: ActiveCall, command: StopTimer) -> None:
        self._timers.stop(call.machine.id, command.timer)

    def _note_context(self, call: ActiveCall, command: NoteContext) -> None:
        self._observer.context_mapped(call.machine.direction, command.on, command.mapped.receipt, command.mapped.bytes)

    def _refuse(self, call: ActiveCall, command: Refuse) -> None:
        self._sip.refuse(call.inbound, command.code, command.headers)
        self._respond(call, command.code)

    def _respond(self, call: ActiveCall, code: int) -> None:
        if call.machine.from_trunk:
            self._observer.response(call.machine.from_trunk.name, "sent", code)

    def _place(self, call: ActiveCall, order: Place) -> None:
        leg = self._sip.place(order, self._sessions.for_invite(call, order.role))
        if order.caller.is_hidden:
            self._observer.caller_hidden(order.trunk)
        self._registry.place(call, order.role, leg, self._sip.call_id(leg))
        self._sessions.placed(call, order.role)
        call.invited = call.invited or self._clock()

    def _progress(self, call: ActiveCall, command: Progress) -> None:
        if command.early_media:
            self._join(call, INBOUND, OUTBOUND)
        self._sip.progress(call.inbound, command.code, command.headers)
        self._respond(call, command.code)
        call.ringing = call.ringing or self._clock()

    def _answer(self, call: ActiveCall, command: Answer) -> None:
        self._join(call, INBOUND, OUTBOUND)
        self._sip.answer(call.inbound, command.headers)
        self._respond(call, 200)
        call.answered = self._clock()

    def _hangup(self, call: ActiveCall, role: Role, headers: HeaderList) -> None:
        leg = call.leg(role)
        if leg is not None and self._registry.owns(call, leg):
            self._sip.hangup(leg, headers)

    def _answer_refer(self, call: ActiveCall, command: AnswerRefer) -> None:
        leg = call.leg(command.by)
        if leg is not None:
            self._sip.answer_refer(leg, command.code, command.headers)
            self._observer.response(call.machine.trunks[command.by].name, "sent", command.code)

    def _refer(self, call: ActiveCall, command: SendRefer) -> None:
        leg = call.leg(command.role)
        if leg is not None:
            self._sip.refer(leg, command.refer_to)

    def _notify(self, call: ActiveCall, command: NotifyRefer) -> None:
        leg = call.leg(command.by)
        if leg is not None:
            self._sip.notify_refer(leg, command.code, command.is_final)

    def _take(self, call: ActiveCall, command: TakeLeg) -> None:
        end = self._registry.calls[command.call_id].end(command.role)
        self._registry.take(call, command.call_id, command.role)
        self._sessions.taken(call, end)
        self.consequences.append((command.call_id, LegTaken(command.role)))

    def _promote(self, call: ActiveCall, command: Promote) -> None:
        call.promote(command.role)
        self._sessions.promoted(call)
        self._join(call, command.role, command.role.other)

    def _answer_replacement(self, call: ActiveCall, command: AnswerReplacement) -> None:
        leg, call.replacement = call.replacement, None
        if leg is not None:
            self._registry.adopt(call, leg)
            self._sip.answer(leg, ())
            self._observer.response(call.machine.trunks[TARGET].name, "sent", 200)

    def _refuse_replacement(self, call: ActiveCall, command: RefuseReplacement) -> None:
        leg, call.replacement = call.replacement, None
        if leg is not None:
            self._sip.refuse(leg, command.code, command.headers)

    def _join(self, call: ActiveCall, role: Role, with_role: Role) -> None:
        one, other = call.leg(role), call.leg(with_role)
        if one is not None and other is not None:
            self._sip.join(one, other)

    def _offer(self, call: ActiveCall, command: Offer) -> None:
        leg = call.leg(command.role)
        if leg is not None:
            self._sip.offer(leg, command.hold)

    def _write_back(self, call: ActiveCall, command: WriteBack) -> None:
        leg = call.leg(command.role)
        if leg is not None:
            call_id = self._sip.call_id(leg)
            self._variables.write(VariableWrite(call.machine.id, command.trunk, call_id, command.on, command.variables))

    def _finish(self, call: ActiveCall) -> None:
        call.ended = self._clock()
        self._timers.forget(call.machine.id)
        if self._registry.remove(call):
            self._observer.call_ended(call.record())
