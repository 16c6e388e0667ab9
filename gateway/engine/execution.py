"""Carries out what a call's machine decided, through the ports, and notes when. It decides nothing itself."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

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
    Role,
    SendRefer,
    StartTimer,
    StopTimer,
    TakeLeg,
    WriteBack,
)
from gateway.bridge.events import Event, LegTaken
from gateway.bridge.ports import Ports
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
        self.consequences: deque[tuple[str, Event]] = deque()
        """What follows for other calls, by their ids; to be taken by whoever feeds them."""
        self.missed: deque[NoteMiss] = deque()
        """Where calls found nobody; to be taken by whoever minds the trunks."""

    def execute(self, call: ActiveCall, command: Command) -> None:
        """Do one thing that the call's machine said."""
        match command:  # what each call has comes first
            case StartTimer(timer, seconds):
                self._timers.start(call.machine.id, timer, self._clock() + seconds)
            case StopTimer(timer):
                self._timers.stop(call.machine.id, timer)
            case NoteContext(on, mapped):
                self._observer.context_mapped(call.machine.direction, on, mapped.receipt, mapped.bytes)
            case Place():
                self._place(call, command)
            case Progress():
                self._progress(call, command)
            case Answer():
                self._answer(call, command)
            case Hangup(role, headers):
                self._hangup(call, role, headers)
            case Finish():
                self._finish(call)
            case Refuse(code, headers):
                self._sip.refuse(call.inbound, code, headers)
                self._respond(call, code)
            case Offer(role, hold):
                self._offer(call, role, hold)
            case AnswerRefer(by, code, headers):
                self._answer_refer(call, by, code, headers)
            case SendRefer(role, refer_to):
                self._refer(call, role, refer_to)
            case NotifyRefer(by, code, is_final):
                self._notify(call, by, code, is_final)
            case TakeLeg(call_id, role):
                self._take(call, call_id, role)
            case AnswerReplacement():
                self._answer_replacement(call)
            case RefuseReplacement(code, headers):
                self._refuse_replacement(call, code, headers)
            case Preview(role):
                self._join(call, role, Role.TARGET)
            case Promote(role):
                call.promote(role)
                self._sessions.promoted(call)
                self._join(call, role, role.other)
            case NoteTransfer(mode, result):
                self._observer.transfer(mode, result)
            case NoteMiss():
                self.missed.append(command)
            case WriteBack():
                self._write_back(call, command)

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
        self._hangup(call, Role.OUTBOUND, ())
        self._hangup(call, Role.TARGET, ())

    def _cut_inbound(self, call: ActiveCall) -> None:
        if call.answered is None:
            self._sip.refuse(call.inbound, 500, ())
        else:
            self._hangup(call, Role.INBOUND, ())

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
            self._join(call, Role.INBOUND, Role.OUTBOUND)
        self._sip.progress(call.inbound, command.code, command.headers)
        self._respond(call, command.code)
        call.ringing = call.ringing or self._clock()

    def _answer(self, call: ActiveCall, command: Answer) -> None:
        self._join(call, Role.INBOUND, Role.OUTBOUND)
        self._sip.answer(call.inbound, command.headers)
        self._respond(call, 200)
        call.answered = self._clock()

    def _hangup(self, call: ActiveCall, role: Role, headers: HeaderList) -> None:
        leg = call.leg(role)
        if leg is not None and self._registry.owns(call, leg):
            self._sip.hangup(leg, headers)

    def _answer_refer(self, call: ActiveCall, by: Role, code: int, headers: HeaderList) -> None:
        leg = call.leg(by)
        if leg is not None:
            self._sip.answer_refer(leg, code, headers)
            self._observer.response(call.machine.trunks[by].name, "sent", code)

    def _refer(self, call: ActiveCall, role: Role, refer_to: str) -> None:
        leg = call.leg(role)
        if leg is not None:
            self._sip.refer(leg, refer_to)

    def _notify(self, call: ActiveCall, by: Role, code: int, is_final: bool) -> None:
        leg = call.leg(by)
        if leg is not None:
            self._sip.notify_refer(leg, code, is_final)

    def _take(self, call: ActiveCall, call_id: str, role: Role) -> None:
        end = self._registry.calls[call_id].end(role)
        self._registry.take(call, call_id, role)
        self._sessions.taken(call, end)
        self.consequences.append((call_id, LegTaken(role)))

    def _answer_replacement(self, call: ActiveCall) -> None:
        leg, call.replacement = call.replacement, None
        if leg is not None:
            self._registry.adopt(call, leg)
            self._sip.answer(leg, ())
            self._observer.response(call.machine.trunks[Role.TARGET].name, "sent", 200)

    def _refuse_replacement(self, call: ActiveCall, code: int, headers: HeaderList) -> None:
        leg, call.replacement = call.replacement, None
        if leg is not None:
            self._sip.refuse(leg, code, headers)

    def _join(self, call: ActiveCall, role: Role, with_role: Role) -> None:
        one, other = call.leg(role), call.leg(with_role)
        if one is not None and other is not None:
            self._sip.join(one, other)

    def _offer(self, call: ActiveCall, role: Role, hold: bool) -> None:
        leg = call.leg(role)
        if leg is not None:
            self._sip.offer(leg, hold)

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
