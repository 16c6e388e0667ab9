"""The loop of the SIP thread: takes what the stack, the clock and the operator bring, and feeds it to the calls.

Everything but what the operator asks runs on that thread. A call's machine decides, and `Execution` does what it says.
No exception of one call reaches another: `_feed` and `_take` are the guards.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable
from dataclasses import replace

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.admission import (
    DRAINING,
    NOT_ALLOWED,
    Admission,
    Rejection,
    TrunkAdmission,
    takes_a_place,
    trunk_of,
)
from gateway.bridge.events import (
    AudioHeard,
    Ending,
    EndRequested,
    Event,
    InboundEnded,
    InviteReceived,
    OutboundTrying,
    ReferReceived,
    ReplacementArrived,
    TargetTrying,
    Timer,
    TimerFired,
    believed,
    message_of,
    response_code,
    seen_as,
)
from gateway.bridge.health import ProbeEnded
from gateway.bridge.machine import CallMachine
from gateway.bridge.outcome import CANCELLED
from gateway.bridge.ports import (
    Arrival,
    LegReport,
    MediaReport,
    Phase,
    Ports,
    Refusal,
    Report,
    Status,
    TrunkStatus,
)
from gateway.bridge.record import CallRecord
from gateway.bridge.session import HEADER as SESSION_ID
from gateway.bridge.session import is_malformed
from gateway.bridge.setup import REQUEST_TERMINATED
from gateway.bridge.terms import Role
from gateway.bridge.timers import Timers
from gateway.bridge.tls import TlsFailure
from gateway.core.identity import believe
from gateway.core.plan import Plan
from gateway.core.routing import Router
from gateway.engine.dialogs import Dialogs
from gateway.engine.execution import Clock, Execution
from gateway.engine.registry import CallRegistry
from gateway.engine.requests import Requests
from gateway.engine.sessions import Sessions
from gateway.engine.trunks import Trunks

log = logging.getLogger(__name__)

POLL_SECONDS = 0.02
"""Longest wait of the loop: an admin request waits as long at worst."""
STOP_SECONDS = 2.0
"""How long a stop waits for the BYEs and CANCELs it caused to leave."""


class Engine:
    """Owns every call of the process. `clock` is monotonic, in seconds, and the one that arrivals are stamped with."""

    def __init__(self, plan: Plan, ports: Ports, clock: Clock = time.monotonic) -> None:
        self._sip = ports.sip
        self._observer = ports.observer
        self._clock = clock
        self._registry = CallRegistry()
        self._timers = Timers()
        self._sessions = Sessions(ports.sip)
        self._execution = Execution(ports, clock, self._registry, self._timers, self._sessions)
        self._dialogs = Dialogs(ports.sip, self._registry)
        self._trunks = Trunks(ports, clock, self._execution.missed)
        self._requests = Requests()
        self._phase = Phase.STARTING
        self._deadline: float | None = None
        self._started = time.time()
        self.adopt(plan)

    def adopt(self, plan: Plan) -> None:
        """Use `plan` for calls from now on; calls in progress keep theirs.

        Raises:
            ValueError: its routes and trunks do not fit; nothing changed.
        """
        self._router = Router(plan.trunks, plan.routes, self._trunks.health.in_order)
        self._trunks.adopt(plan)
        self._admission = Admission(plan)
        self._trunk_admissions = {trunk.name: TrunkAdmission(trunk) for trunk in plan.trunks}
        self._plan = plan

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until a drain or a stop has ended the last call, or STOP_SECONDS after it cut those that were left."""
        self._phase = Phase.RUNNING
        while not self._is_over():
            self.step()
        for call in list(self._registry.calls.values()):  # their legs still have not said that they are gone
            self._execution.abandon(call)
        self._requests.close()

    def step(self) -> None:
        """One round: let the stack work, then do what came of it, the timers and the requests."""
        self._sip.poll(self._patience())
        began = self._clock()
        busy = False
        for report in self._sip.reports():
            busy = True
            self._take(report)
        for call_id, timer in self._timers.pop_due(began):
            busy = True
            if call := self._registry.calls.get(call_id):  # else: another of the timers due was its end
                self._feed(call, TimerFired(timer))
        self._trunks.mind(began)
        self._requests.serve()
        if busy:
            self._observer.loop_lag(self._clock() - began)

    def _patience(self) -> float:
        return min(POLL_SECONDS, max(0.0, self._timers.next_due - self._clock()))

    def _is_over(self) -> bool:
        if self._deadline is None:
            return False
        if not self._registry.calls:
            return True
        if self._clock() < self._deadline:
            return False
        if self._phase is Phase.STOPPING:
            return True
        log.warning("drain deadline: ending the calls that are left", extra={"calls": len(self._registry.calls)})
        self._end_all(Ending.DRAIN)
        return False

    def _end_all(self, why: Ending) -> None:
        if self._phase is Phase.STOPPING:  # asking again does not make it take longer
            return
        self._phase = Phase.STOPPING
        self._deadline = self._clock() + STOP_SECONDS
        for call in list(self._registry.calls.values()):
            self._feed(call, EndRequested(why))

    # -- reports of the stack ------------------------------------------------------------------------------------

    def _take(self, report: Report) -> None:
        """The guard of what belongs to no call yet: a fault costs this report and nothing else."""
        try:
            self._dispatch(report)
        except Exception:
            log.exception("report failed", extra={"report": type(report).__name__})

    def _dispatch(self, report: Report) -> None:
        if isinstance(report, LegReport):
            if call := self._registry.legs.get(report.leg):  # else: of an attempt that was given up
                self._feed(call, self._event(call, report))
        elif isinstance(report, MediaReport):
            if call := self._registry.legs.get(report.leg):
                call.media.append(report.media)
        elif isinstance(report, Arrival):
            self._arrive(report)
        elif isinstance(report, Refusal):
            self._refused(report)
        elif isinstance(report, TlsFailure):
            self._observer.tls_failed(report)
        elif isinstance(report, ProbeEnded):
            self._trunks.learn(report)
        else:
            self._trunks.registered(report)

    def _event(self, call: ActiveCall, report: LegReport) -> Event:
        role = call.role_of(report.leg)
        event = report.event
        if message_of(event) is not None:
            event = self._heard_from(call, role, report)
        event = seen_as(event, role)
        if not isinstance(event, ReferReceived):
            return event
        consultation = self._dialogs.consultation(call, event.by, event.message)
        admitted = consultation is not None or self._admission.takes_another(self._clock())
        return replace(event, admitted=admitted, consultation=consultation)

    def _heard_from(self, call: ActiveCall, role: Role, report: LegReport) -> Event:
        """The event with what is believed of the peer's message."""
        trunk = call.machine.trunks[role]
        event, left_out = believed(report.event, trunk)
        self._note_left_out(trunk.name, left_out)
        if self._sessions.hear(call, report.leg, event):
            self._note_left_out(trunk.name, (SESSION_ID,))
        return event

    def _note_left_out(self, trunk: str, left_out: Iterable[str]) -> None:
        for header in left_out:
            self._observer.header_unbelieved(trunk, header)

    def _arrive(self, arrival: Arrival) -> None:
        rejection = self._rejection(arrival)
        trunk = next((trunk for trunk in self._plan.trunks if trunk.name == arrival.trunk), None)
        if rejection or trunk is None:
            self._reject(arrival, rejection or NOT_ALLOWED)  # a reload took its trunk away between two packets
            return
        message, left_out = believe(arrival.message, trunk)
        self._note_left_out(trunk.name, (*left_out, SESSION_ID) if is_malformed(message) else left_out)
        if left_out:
            arrival = replace(arrival, message=message)
        if takes_a_place(arrival.message):
            self._replace(arrival)
            return
        call = ActiveCall(
            machine=CallMachine(uuid.uuid4().hex, self._plan, self._router),
            inbound=arrival.leg,
            inbound_call_id=arrival.message.headers.first("Call-ID") or "",
            arrived=arrival.at,
            started=time.time() - (self._clock() - arrival.at),
        )
        self._registry.add(call)
        self._sessions.begin(call, arrival.message)
        self._feed(call, InviteReceived(arrival.message, trunk, arrival.source_address))
        self._execution.announce(call)

    def _replace(self, arrival: Arrival) -> None:
        """An INVITE that is no call of its own: it wants the place of a leg."""
        found = self._dialogs.replaced(arrival.message, arrival.trunk)
        if isinstance(found, Rejection):
            self._reject(arrival, found)
            return
        call, role = found
        call.replacement = arrival.leg
        self._sessions.takes_place(call, role, arrival.leg, arrival.message)
        self._feed(call, ReplacementArrived(role, arrival.message))
        if call.replacement is not None:  # the call failed before it could say anything
            self._sip.refuse(arrival.leg, 500, ())

    def _reject(self, arrival: Arrival, rejection: Rejection) -> None:
        self._sip.refuse(arrival.leg, rejection.code, rejection.headers)
        self._observer.invite_rejected(rejection.reason, arrival.source_address)
        self._observer.response(arrival.trunk, "sent", rejection.code)

    def _refused(self, refusal: Refusal) -> None:
        self._observer.invite_rejected(refusal.reason, refusal.source_address, refusal.count)
        trunk = trunk_of(refusal.source_address, self._plan.trunks) if refusal.code else None
        if trunk is not None:
            self._observer.response(trunk, "sent", refusal.code)

    def _rejection(self, arrival: Arrival) -> Rejection | None:
        goes_on = self._phase is Phase.DRAINING and takes_a_place(arrival.message)
        if self._phase is not Phase.RUNNING and not goes_on:
            return DRAINING
        strict = self._trunk_admissions.get(arrival.trunk)
        refused = strict and strict.check(arrival.message, arrival.source_address, arrival.at)
        if refused:
            return refused
        calls, own_call_ids = len(self._registry.calls), self._registry.own_call_ids
        return self._admission.check(arrival.message, arrival.at, calls, own_call_ids)

    # -- one call ------------------------------------------------------------------------------------------------

    def _feed(self, call: ActiveCall, event: Event) -> None:
        """The guard: whatever goes wrong in a call ends that call and nothing else."""
        try:
            self._handle(call, event)
        except Exception:
            log.exception("call failed", extra={**call.names(), "event": type(event).__name__})
            self._execution.abandon(call)

    def _handle(self, call: ActiveCall, event: Event) -> None:
        if isinstance(event, TimerFired):
            event = self._instead(call, event.timer) or event
        commands = call.machine.handle(event)
        self._count_response(call, event)
        for command in commands:
            self._execution.execute(call, command)
        while self._execution.consequences:
            call_id, consequence = self._execution.consequences.popleft()
            self._feed(self._registry.calls[call_id], consequence)

    def _instead(self, call: ActiveCall, timer: Timer) -> Event | None:
        """What is true instead of what a timer says, if it is asked only when it matters."""
        if timer is Timer.RESPONSE:
            return self._heard(call)
        return self._audio(call) if timer is Timer.SILENCE else None

    def _heard(self, call: ActiveCall) -> Event | None:
        """A 100 alone is not reported by the stack; here is where it matters."""
        leg, trying = (call.outbound, OutboundTrying()) if call.target is None else (call.target, TargetTrying())
        return trying if leg is not None and self._sip.heard(leg) else None

    def _audio(self, call: ActiveCall) -> Event | None:
        """Audio comes without end, and nobody tells of it; how long it did not is asked now and then."""
        silence = max((self._sip.silence(leg) for leg in (call.inbound, call.outbound) if leg is not None), default=0.0)
        return AudioHeard(silence) if silence < call.machine.plan.media.timeout_seconds else None

    def _count_response(self, call: ActiveCall, event: Event) -> None:
        """A response from the trunk we called, which is known as the INVITE was placed; what a caller gets who left."""
        if isinstance(event, InboundEnded) and call.machine.outcome == CANCELLED:
            self._observer.response(call.machine.trunks[Role.INBOUND].name, "sent", REQUEST_TERMINATED)
        code = response_code(event)
        if code and call.machine.order:
            self._observer.response(call.machine.order.trunk, "received", code)

    # -- the operator (any thread) -------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take no new calls; `run` returns when the last one ended or `limits.drain_seconds` are over."""

        def begin() -> None:
            if self._phase is Phase.RUNNING:
                self._phase = Phase.DRAINING
                self._deadline = self._clock() + self._plan.limits.drain_seconds
                log.info("draining", extra={"calls": len(self._registry.calls)})

        self._requests.post(begin)

    def change_plan(self, plan: Plan) -> None:
        """Have calls from now on use `plan`; returns when they do."""

        def change() -> None:
            self._sip.adopt(plan)
            self.adopt(plan)

        self._requests.ask(change)

    def stop(self) -> None:
        """End every call now; `run` returns as soon as they are gone."""
        self._requests.post(lambda: self._end_all(Ending.STOP))

    def status(self) -> Status:
        """The process at a glance."""
        return self._requests.ask(self._status)

    def calls(self) -> tuple[CallRecord, ...]:
        """Calls in progress."""
        return self._requests.ask(lambda: tuple(call.record() for call in self._registry.calls.values()))

    def call(self, call_id: str) -> CallRecord | None:
        """One call in progress."""

        def find() -> CallRecord | None:
            call = self._registry.calls.get(call_id)
            return call.record() if call else None

        return self._requests.ask(find)

    def end_call(self, call_id: str) -> bool:
        """End a call; False if there is none of that id."""

        def end() -> bool:
            call = self._registry.calls.get(call_id)
            if call:
                self._feed(call, EndRequested(Ending.ADMIN))
            return call is not None

        return self._requests.ask(end)

    def _status(self) -> Status:
        usable, down = self._trunks.health.is_usable, self._trunks.health.down
        trunks = tuple(TrunkStatus(one.name, one.side.value, usable(one), down(one)) for one in self._plan.trunks)
        return Status(self._phase, self._started, len(self._registry.calls), self._plan.hash, trunks)
