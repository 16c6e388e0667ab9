"""The calls of a process: feeds their machines, keeps their timers and carries their commands out through the ports.

Everything but `Control` runs on the SIP thread. A call's machine decides; this module only does what it says and notes
when. No exception of one call reaches another: `_feed` is the guard.
"""

from __future__ import annotations

import concurrent.futures
import logging
import queue
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.bridge import outcome as outcomes
from gateway.bridge.admission import DRAINING, Admission, Rejection
from gateway.bridge.commands import (
    Answer,
    Command,
    Finish,
    Hangup,
    NoteContext,
    Place,
    Progress,
    Refuse,
    Role,
    StartTimer,
    StopTimer,
)
from gateway.bridge.events import Ending, EndRequested, Event, Faulted, InviteReceived, TimerFired
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
from gateway.bridge.record import CallRecord, LegMedia
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


@dataclass(slots=True)
class ActiveCall:
    """A machine, its legs, and when things happened (monotonic seconds)."""

    machine: CallMachine
    inbound: LegId
    inbound_call_id: str
    arrived: float
    started: float
    outbound: LegId | None = None
    outbound_call_id: str = ""
    invited: float | None = None
    ringing: float | None = None
    answered: float | None = None
    ended: float | None = None
    media: list[LegMedia] = field(default_factory=list)

    def leg(self, role: Role) -> LegId | None:
        """The leg that plays `role` now."""
        return self.inbound if role is Role.INBOUND else self.outbound

    def record(self) -> CallRecord:
        """The call as it stands."""
        machine = self.machine
        return CallRecord(
            id=machine.id,
            direction=machine.direction,
            state=machine.state.value,
            from_trunk=machine.from_trunk.name if machine.from_trunk else "",
            to_trunk=machine.to_trunk.name if machine.to_trunk else "",
            inbound_call_id=self.inbound_call_id,
            outbound_call_id=self.outbound_call_id,
            started=self.started,
            plan_hash=machine.plan.hash,
            setup_seconds=self._since_arrival(self.invited),
            post_dial_delay_seconds=self._since_arrival(self.ringing),
            answer_seconds=self._since_arrival(self.answered),
            duration_seconds=self.ended - self.answered if self.ended and self.answered else None,
            ended=self.started + self.ended - self.arrived if self.ended else None,
            outcome=machine.outcome,
            code=machine.code,
            attempts=machine.attempts,
            receipt=tuple(machine.receipt),
            context=dict(machine.context),
            media=tuple(self.media),
        )

    def _since_arrival(self, at: float | None) -> float | None:
        return None if at is None else at - self.arrived


class Engine:
    """Owns every call of the process. `reload` builds a new plan, or says why it cannot."""

    def __init__(self, plan: Plan, sip: SipPort, observer: Observer) -> None:
        self._sip = sip
        self._observer = observer
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
        """Use `plan` for calls from now on; calls in progress keep theirs."""
        self._plan = plan
        self._router = Router(plan.trunks, plan.routes)
        self._admission = Admission(plan)

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until a drain or a stop has ended the last call."""
        self._phase = Phase.RUNNING
        while not self._is_over():
            self.step()

    def step(self) -> None:
        """One round: let the stack work, then do what came of it, the timers and the requests."""
        self._sip.poll(self._patience())
        began = time.monotonic()
        busy = False
        for report in self._sip.reports():
            busy = True
            self._take(report)
        for call_id, timer in self._timers.pop_due(time.monotonic()):
            busy = True
            self._feed(self._calls[call_id], TimerFired(timer))
        self._serve_requests()
        if busy:
            self._observer.loop_lag(time.monotonic() - began)

    def _patience(self) -> float:
        due = self._timers.next_due()
        return POLL_SECONDS if due is None else min(POLL_SECONDS, max(0.0, due - time.monotonic()))

    def _serve_requests(self) -> None:
        while not self._requests.empty():
            self._requests.get()()

    def _is_over(self) -> bool:
        if self._deadline is None:
            return False
        if not self._calls:
            return True
        if time.monotonic() < self._deadline:
            return False
        if self._phase is Phase.STOPPING:
            return True
        log.warning("drain deadline: ending the calls that are left", extra={"calls": len(self._calls)})
        self._end_all(Ending.DRAIN)
        return False

    def _end_all(self, why: Ending) -> None:
        self._phase = Phase.STOPPING
        self._deadline = time.monotonic() + STOP_SECONDS
        for call in list(self._calls.values()):
            self._feed(call, EndRequested(why))

    # -- reports of the stack ------------------------------------------------------------------------------------

    def _take(self, report: Report) -> None:
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
            rejection = rejection or DRAINING  # its trunk left the configuration between two packets
            self._sip.refuse(arrival.leg, rejection.code, rejection.headers)
            self._observer.invite_rejected(rejection.reason, arrival.source_address)
            return
        call = ActiveCall(
            machine=CallMachine(uuid.uuid4().hex, self._plan, self._router),
            inbound=arrival.leg,
            inbound_call_id=arrival.message.headers.first("Call-ID") or "",
            arrived=arrival.at,
            started=time.time() - (time.monotonic() - arrival.at),
        )
        self._calls[call.machine.id] = self._legs[arrival.leg] = call
        self._feed(call, InviteReceived(arrival.message, trunk, arrival.source_address))
        self._observer.call_started(call.record())

    def _rejection(self, arrival: Arrival) -> Rejection | None:
        if self._phase is not Phase.RUNNING:
            return DRAINING
        return self._admission.check(arrival.message, arrival.at, len(self._calls), self._own_call_ids)

    # -- one call ------------------------------------------------------------------------------------------------

    def _feed(self, call: ActiveCall, event: Event) -> None:
        """The guard: whatever goes wrong in a call ends that call and nothing else."""
        try:
            for command in call.machine.handle(event):
                self._execute(call, command)
        except Exception:
            log.exception("call failed", extra={"call": call.machine.id, "event": type(event).__name__})
            if isinstance(event, Faulted):
                self._abandon(call)
            else:
                self._feed(call, Faulted())

    def _abandon(self, call: ActiveCall) -> None:
        """Even the way out failed: cut the legs without asking the machine."""
        for leg in (call.inbound, call.outbound):
            if leg is not None:
                self._sip.hangup(leg, ())
        self._finish(call, call.machine.outcome or outcomes.INTERNAL_ERROR)

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
            case Hangup(role, headers):
                self._hangup(call, role, headers)
            case StartTimer(timer, seconds):
                self._timers.start(call.machine.id, timer, time.monotonic() + seconds)
            case StopTimer(timer):
                self._timers.stop(call.machine.id, timer)
            case NoteContext(on, mapped):
                self._observer.context_mapped(call.machine.direction, on, mapped.receipt, mapped.bytes)
            case Finish(outcome):
                self._finish(call, outcome)

    def _place(self, call: ActiveCall, order: Place) -> None:
        self._disown(call)
        call.outbound = self._sip.place(order)
        call.outbound_call_id = self._sip.call_id(call.outbound)
        self._legs[call.outbound] = call
        self._own_call_ids.add(call.outbound_call_id)
        call.invited = call.invited or time.monotonic()

    def _disown(self, call: ActiveCall) -> None:
        """Stop listening to the current outbound leg; what still comes of it is nobody's business."""
        if call.outbound is not None:
            self._legs.pop(call.outbound, None)
            self._own_call_ids.discard(call.outbound_call_id)

    def _progress(self, call: ActiveCall, command: Progress) -> None:
        if command.early_media and call.outbound is not None:
            self._sip.join(call.inbound, call.outbound)
        self._sip.progress(call.inbound, command.code, command.headers)
        call.ringing = call.ringing or time.monotonic()

    def _answer(self, call: ActiveCall, command: Answer) -> None:
        if call.outbound is not None:
            self._sip.join(call.inbound, call.outbound)
        self._sip.answer(call.inbound, command.headers)
        call.answered = time.monotonic()

    def _hangup(self, call: ActiveCall, role: Role, headers: tuple[tuple[str, str], ...]) -> None:
        leg = call.leg(role)
        if leg is not None:
            self._sip.hangup(leg, headers)

    def _finish(self, call: ActiveCall, outcome: outcomes.Outcome) -> None:
        call.machine.outcome = outcome
        call.ended = time.monotonic()
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
                self._deadline = time.monotonic() + self._plan.limits.drain_seconds
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
