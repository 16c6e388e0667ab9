"""The calls of a process: feeds their machines, keeps their timers and carries their commands out through the ports.

Everything but what the operator asks runs on the SIP thread. A call's machine decides; this module only does what it
says and notes when. No exception of one call reaches another: `_feed` and `_take` are the guards.
"""

from __future__ import annotations

import concurrent.futures
import logging
import queue
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.admission import DRAINING, NOT_ALLOWED, Admission, Rejection
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
    InviteReceived,
    OutboundTrying,
    Timer,
    TimerFired,
    response_code,
)
from gateway.bridge.machine import CallMachine
from gateway.bridge.ports import (
    Arrival,
    LegId,
    MediaReport,
    Observer,
    Phase,
    Refusal,
    Report,
    SipPort,
    Status,
    TrunkStatus,
)
from gateway.bridge.record import CallRecord
from gateway.bridge.timers import Timers
from gateway.core.plan import Plan
from gateway.core.routing import Router

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
"""Longest wait of the loop: an admin request waits as long at worst."""
STOP_SECONDS = 2.0
"""How long a stop waits for the BYEs and CANCELs it caused to leave."""
ANSWER_SECONDS = 5.0
"""How long an admin request waits for the SIP thread."""

T = TypeVar("T")
Clock = Callable[[], float]


class Engine:
    """Owns every call of the process. `clock` is monotonic, in seconds, and the one that arrivals are stamped with."""

    def __init__(self, plan: Plan, sip: SipPort, observer: Observer, clock: Clock = time.monotonic) -> None:
        self._sip = sip
        self._observer = observer
        self._clock = clock
        self._calls: dict[str, ActiveCall] = {}
        self._legs: dict[LegId, ActiveCall] = {}
        self._own_call_ids: set[str] = set()
        self._timers = Timers()
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._phase = Phase.STARTING
        self._deadline: float | None = None
        self._started = time.time()
        self.adopt(plan)

    def adopt(self, plan: Plan) -> None:
        """Use `plan` for calls from now on; calls in progress keep theirs.

        Raises:
            ValueError: its routes and trunks do not fit; nothing changed.
        """
        self._router = Router(plan.trunks, plan.routes)
        self._admission = Admission(plan)
        self._plan = plan

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until a drain or a stop has ended the last call, or STOP_SECONDS after it cut those that were left."""
        self._phase = Phase.RUNNING
        while not self._is_over():
            self.step()
        for call in list(self._calls.values()):  # their legs still have not said that they are gone
            self._abandon(call)

    def step(self) -> None:
        """One round: let the stack work, then do what came of it, the timers and the requests."""
        self._sip.poll(self._patience())
        began = self._clock()
        busy = False
        for report in self._sip.reports():
            busy = True
            self._take(report)
        for call_id, timer in self._timers.pop_due(self._clock()):
            busy = True
            if call := self._calls.get(call_id):  # else: another of the timers due was its end
                self._feed(call, TimerFired(timer))
        self._serve_requests()
        if busy:
            self._observer.loop_lag(self._clock() - began)

    def _patience(self) -> float:
        due = self._timers.next_due()
        return POLL_SECONDS if due is None else min(POLL_SECONDS, max(0.0, due - self._clock()))

    def _serve_requests(self) -> None:
        while not self._requests.empty():
            self._requests.get()()

    def _is_over(self) -> bool:
        if self._deadline is None:
            return False
        if not self._calls:
            return True
        if self._clock() < self._deadline:
            return False
        if self._phase is Phase.STOPPING:
            return True
        log.warning("drain deadline: ending the calls that are left", extra={"calls": len(self._calls)})
        self._end_all(Ending.DRAIN)
        return False

    def _end_all(self, why: Ending) -> None:
        if self._phase is Phase.STOPPING:  # asking again does not make it take longer
            return
        self._phase = Phase.STOPPING
        self._deadline = self._clock() + STOP_SECONDS
        for call in list(self._calls.values()):
            self._feed(call, EndRequested(why))

    # -- reports of the stack ------------------------------------------------------------------------------------

    def _take(self, report: Report) -> None:
        """The guard of what belongs to no call yet: a fault costs this report and nothing else."""
        try:
            self._dispatch(report)
        except Exception:
            log.exception("report failed", extra={"report": type(report).__name__})

    def _dispatch(self, report: Report) -> None:
        if isinstance(report, Arrival):
            self._arrive(report)
        elif isinstance(report, Refusal):
            self._observer.invite_rejected(report.reason, report.source_address)
        elif call := self._legs.get(report.leg):  # else: of an attempt that was given up
            if isinstance(report, MediaReport):
                call.media.append(report.media)
            else:
                self._feed(call, report.event)

    def _arrive(self, arrival: Arrival) -> None:
        rejection = self._rejection(arrival)
        trunk = next((trunk for trunk in self._plan.trunks if trunk.name == arrival.trunk), None)
        if rejection or trunk is None:
            rejection = rejection or NOT_ALLOWED  # a reload took its trunk away between two packets
            self._sip.refuse(arrival.leg, rejection.code, rejection.headers)
            self._observer.invite_rejected(rejection.reason, arrival.source_address)
            self._observer.response(arrival.trunk, "sent", rejection.code)
            return
        call = ActiveCall(
            machine=CallMachine(uuid.uuid4().hex, self._plan, self._router),
            inbound=arrival.leg,
            inbound_call_id=arrival.message.headers.first("Call-ID") or "",
            arrived=arrival.at,
            started=time.time() - (self._clock() - arrival.at),
        )
        self._calls[call.machine.id] = self._legs[arrival.leg] = call
        self._feed(call, InviteReceived(arrival.message, trunk, arrival.source_address))
        self._announce(call)

    def _announce(self, call: ActiveCall) -> None:
        """Once, when it is known where the call goes; a call that failed at once starts before it ends all the same."""
        if not call.announced:
            call.announced = True
            self._observer.call_started(call.record())

    def _rejection(self, arrival: Arrival) -> Rejection | None:
        if self._phase is not Phase.RUNNING:
            return DRAINING
        return self._admission.check(arrival.message, arrival.at, len(self._calls), self._own_call_ids)

    # -- one call ------------------------------------------------------------------------------------------------

    def _feed(self, call: ActiveCall, event: Event) -> None:
        """The guard: whatever goes wrong in a call ends that call and nothing else."""
        try:
            self._handle(call, event)
        except Exception:
            log.exception("call failed", extra={**call.names(), "event": type(event).__name__})
            self._abandon(call)

    def _handle(self, call: ActiveCall, event: Event) -> None:
        if event == TimerFired(Timer.RESPONSE) and call.outbound is not None and self._sip.heard(call.outbound):
            event = OutboundTrying()  # a 100 alone is not reported by the stack; here is where it matters
        commands = call.machine.handle(event)
        self._count_response(call, event)
        for command in commands:
            self._execute(call, command)

    def _count_response(self, call: ActiveCall, event: Event) -> None:
        """A response from the trunk we called; what it answers was placed, so the trunk is known."""
        code = response_code(event)
        if code and call.machine.to_trunk:
            self._observer.response(call.machine.to_trunk.name, "received", code)

    def _respond(self, call: ActiveCall, code: int) -> None:
        if call.machine.from_trunk:
            self._observer.response(call.machine.from_trunk.name, "sent", code)

    def _abandon(self, call: ActiveCall) -> None:
        """Be done with a call that cannot be trusted to end by itself: cut both legs and close its record."""
        call.machine.abandon()
        for step in (self._announce, self._cut_outbound, self._cut_inbound, self._finish):
            try:
                step(call)
            except Exception:
                log.exception("call failed while it was given up", extra=call.names())

    def _cut_outbound(self, call: ActiveCall) -> None:
        self._hangup(call, Role.OUTBOUND, ())

    def _cut_inbound(self, call: ActiveCall) -> None:
        if call.answered is None:
            self._sip.refuse(call.inbound, 500, ())
        else:
            self._sip.hangup(call.inbound, ())

    def _execute(self, call: ActiveCall, command: Command) -> None:
        match command:
            case Place():
                self._place(call, command)
            case Progress():
                self._progress(call, command)
            case Answer():
                self._answer(call, command)
            case Refuse(code, headers):
                self._sip.refuse(call.inbound, code, headers)
                self._respond(call, code)
            case Hangup(role, headers):
                self._hangup(call, role, headers)
            case StartTimer(timer, seconds):
                self._timers.start(call.machine.id, timer, self._clock() + seconds)
            case StopTimer(timer):
                self._timers.stop(call.machine.id, timer)
            case NoteContext(on, mapped):
                self._observer.context_mapped(call.machine.direction, on, mapped.receipt, mapped.bytes)
            case Finish():
                self._finish(call)

    def _place(self, call: ActiveCall, order: Place) -> None:
        self._disown(call)
        call.outbound = self._sip.place(order)
        call.outbound_call_id = self._sip.call_id(call.outbound)
        self._legs[call.outbound] = call
        if call.outbound_call_id:  # else: it could not even start, which the next report says
            self._own_call_ids.add(call.outbound_call_id)
        call.invited = call.invited or self._clock()

    def _disown(self, call: ActiveCall) -> None:
        """Stop listening to the current outbound leg; what still comes of it is nobody's business."""
        if call.outbound is not None:
            self._legs.pop(call.outbound, None)
            self._own_call_ids.discard(call.outbound_call_id)

    def _progress(self, call: ActiveCall, command: Progress) -> None:
        if command.early_media and call.outbound is not None:
            self._sip.join(call.inbound, call.outbound)
        self._sip.progress(call.inbound, command.code, command.headers)
        self._respond(call, command.code)
        call.ringing = call.ringing or self._clock()

    def _answer(self, call: ActiveCall, command: Answer) -> None:
        if call.outbound is not None:
            self._sip.join(call.inbound, call.outbound)
        self._sip.answer(call.inbound, command.headers)
        self._respond(call, 200)
        call.answered = self._clock()

    def _hangup(self, call: ActiveCall, role: Role, headers: HeaderList) -> None:
        leg = call.leg(role)
        if leg is not None:
            self._sip.hangup(leg, headers)

    def _finish(self, call: ActiveCall) -> None:
        call.ended = self._clock()
        self._timers.forget(call.machine.id)
        self._disown(call)
        self._legs.pop(call.inbound, None)
        if self._calls.pop(call.machine.id, None):
            self._observer.call_ended(call.record())

    # -- the operator (any thread) -------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take no new calls; `run` returns when the last one ended or `limits.drain_seconds` are over."""

        def begin() -> None:
            if self._phase is Phase.RUNNING:
                self._phase = Phase.DRAINING
                self._deadline = self._clock() + self._plan.limits.drain_seconds
                log.info("draining", extra={"calls": len(self._calls)})

        self._requests.put(begin)

    def change_plan(self, plan: Plan) -> None:
        """Have calls from now on use `plan`; returns when they do."""

        def change() -> None:
            self._sip.adopt(plan)
            self.adopt(plan)

        self._ask(change)

    def stop(self) -> None:
        """End every call now; `run` returns as soon as they are gone."""
        self._requests.put(lambda: self._end_all(Ending.STOP))

    def status(self) -> Status:
        """The process at a glance."""
        return self._ask(self._status)

    def calls(self) -> tuple[CallRecord, ...]:
        """Calls in progress."""
        return self._ask(lambda: tuple(call.record() for call in self._calls.values()))

    def call(self, call_id: str) -> CallRecord | None:
        """One call in progress."""

        def find() -> CallRecord | None:
            call = self._calls.get(call_id)
            return call.record() if call else None

        return self._ask(find)

    def end_call(self, call_id: str) -> bool:
        """End a call; False if there is none of that id."""

        def end() -> bool:
            call = self._calls.get(call_id)
            if call:
                self._feed(call, EndRequested(Ending.ADMIN))
            return call is not None

        return self._ask(end)

    def _status(self) -> Status:
        trunks = tuple(TrunkStatus(trunk.name, trunk.side.value, bool(trunk.uris)) for trunk in self._plan.trunks)
        return Status(self._phase, self._started, len(self._calls), self._plan.hash, trunks)

    def _ask(self, question: Callable[[], T]) -> T:
        """Have the SIP thread answer.

        Raises:
            TimeoutError: it did not within ANSWER_SECONDS.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def answer() -> None:
            try:
                future.set_result(question())
            except Exception as error:
                future.set_exception(error)

        self._requests.put(answer)
        return future.result(ANSWER_SECONDS)
