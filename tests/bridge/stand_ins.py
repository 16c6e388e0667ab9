"""A SIP stack, an observer and a clock for tests of the engine: they obey, and keep what they were told."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.bridge.commands import HeaderList, Place
from gateway.bridge.events import Event, InboundEnded, OutboundEnded
from gateway.bridge.health import Probe, RegistrationEnded
from gateway.bridge.ports import Arrival, LegId, LegReport, Report
from gateway.bridge.record import CallRecord
from gateway.bridge.terms import TransferResult
from gateway.bridge.tls import TlsFailure
from gateway.core.message import SipMessage
from gateway.core.plan import Plan, TransferMode
from gateway.core.receipt import ReceiptEntry
from gateway.core.referral import DialogId
from gateway.core.terms import Direction, On
from gateway.core.variables import VariableWrite


class TestClock:
    """Stands still until it is moved."""

    __test__ = False

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class RecordingSip:
    """A `SipPort` whose legs end as soon as they are told to, as those of the real one do.

    `broken` names operations that raise, `silent` legs that never had a response, `silences` how long no RTP came.
    `mute`: no leg says that it ended.
    """

    def __init__(self, clock: TestClock) -> None:
        self.clock = clock
        self.done: list[tuple[Any, ...]] = []
        self.broken: set[str] = set()
        self.silent: set[LegId] = set()
        self.silences: dict[LegId, float] = {}
        self.mute = False
        self.sessions: dict[LegId, list[str]] = {}
        self.dialogs: dict[DialogId, LegId] = {}
        self.waits: list[float] = []
        self.time_flows = False
        self.plan: Plan | None = None
        self._ids = itertools.count(1)
        self._reports: deque[Report] = deque()
        self._live: dict[LegId, type[InboundEnded] | type[OutboundEnded]] = {}

    # -- what a test makes happen --------------------------------------------------------------------------------

    def arrive(self, message: SipMessage, trunk: str = "pbx") -> LegId:
        """An INVITE comes in."""
        leg = next(self._ids)
        self._live[leg] = InboundEnded
        self._reports.append(Arrival(leg, trunk, "192.0.2.9", message, self.clock()))
        return leg

    def report(self, leg: LegId, event: Event) -> None:
        """Something happens to a leg."""
        if isinstance(event, InboundEnded | OutboundEnded):
            self._live.pop(leg, None)
        self._reports.append(LegReport(leg, event))

    def push(self, report: Report) -> None:
        """Anything else happens."""
        self._reports.append(report)

    def named(self, name: str) -> list[list[Any]]:
        """What was done by this name, without the name."""
        return [rest for word, *rest in self.done if word == name]

    # -- SipPort -------------------------------------------------------------------------------------------------

    def adopt(self, plan: Plan) -> None:
        self._do("adopt", plan)
        self.plan = plan

    def poll(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.time_flows:
            self.clock.now += seconds

    def reports(self) -> Iterator[Report]:
        while self._reports:
            yield self._reports.popleft()

    def identify(self, leg: LegId, session_id: str) -> None:
        self.sessions.setdefault(leg, []).append(session_id)

    def place(self, order: Place, session_id: str) -> LegId:
        self._do("place", order)
        leg = next(self._ids)
        self._live[leg] = OutboundEnded
        self.sessions[leg] = [session_id]
        return leg

    def call_id(self, leg: LegId) -> str:
        self._do("call_id", leg)
        return f"out-{leg}@gw" if leg in self._live else ""

    def heard(self, leg: LegId) -> bool:
        self._do("heard", leg)
        return leg not in self.silent

    def silence(self, leg: LegId) -> float:
        self._do("silence", leg)
        return self.silences.get(leg, 0.0)

    def progress(self, leg: LegId, code: int, headers: HeaderList) -> None:
        self._do("progress", leg, code, headers)

    def join(self, one: LegId, other: LegId) -> None:
        self._do("join", one, other)

    def answer(self, leg: LegId, headers: HeaderList) -> None:
        self._do("answer", leg, headers)

    def offer(self, leg: LegId, hold: bool) -> None:
        self._do("offer", leg, hold)

    def probe(self, probe: Probe) -> None:
        self._do("probe", probe)

    def register(self, trunk: str) -> None:
        self._do("register", trunk)

    def refuse(self, leg: LegId, code: int, headers: HeaderList) -> None:
        self._do("refuse", leg, code, headers)
        self._end(leg, code)

    def hangup(self, leg: LegId, headers: HeaderList) -> None:
        self._do("hangup", leg, headers)
        self._end(leg, 200)

    def find(self, dialog: DialogId) -> LegId | None:
        return self.dialogs.get(dialog)

    def answer_refer(self, leg: LegId, code: int, headers: HeaderList) -> None:
        self._do("answer_refer", leg, code, headers)

    def refer(self, leg: LegId, refer_to: str) -> None:
        self._do("refer", leg, refer_to)

    def notify_refer(self, leg: LegId, code: int, is_final: bool) -> None:
        self._do("notify_refer", leg, code, is_final)

    def _do(self, name: str, *details: object) -> None:
        self.done.append((name, *details))
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")

    def _end(self, leg: LegId, code: int) -> None:
        ended = self._live.pop(leg, None)
        if ended is not None and not self.mute:
            self._reports.append(LegReport(leg, ended(code, False, None)))


class RecordingObserver:
    """An `Observer` that keeps everything; `broken` names what raises after it was kept."""

    def __init__(self) -> None:
        self.started: list[Direction] = []
        self.ended: list[CallRecord] = []
        self.mapped: list[tuple[Direction, On, Sequence[ReceiptEntry], int]] = []
        self.rejected: list[tuple[str, str]] = []
        self.responses: list[tuple[str, str, int]] = []
        self.changes: list[tuple[str, str, bool]] = []
        self.registrations: list[RegistrationEnded] = []
        self.tls_failures: list[TlsFailure] = []
        self.lags: list[float] = []
        self.transfers: list[tuple[TransferMode, TransferResult]] = []
        self.unbelieved: list[tuple[str, str]] = []
        self.hidden: list[str] = []
        self.broken: set[str] = set()

    def call_started(self, direction: Direction) -> None:
        self.started.append(direction)
        self._check("call_started")

    def call_ended(self, record: CallRecord) -> None:
        self.ended.append(record)
        self._check("call_ended")

    def context_mapped(self, direction: Direction, on: On, receipt: Sequence[ReceiptEntry], size: int) -> None:
        self.mapped.append((direction, on, receipt, size))
        self._check("context_mapped")

    def invite_rejected(self, reason: str, source_address: str, count: int = 1) -> None:
        self.rejected.append((reason, source_address))
        self._check("invite_rejected")

    def response(self, trunk: str, direction: str, code: int) -> None:
        self.responses.append((trunk, direction, code))
        self._check("response")

    def transfer(self, mode: TransferMode, result: TransferResult) -> None:
        self.transfers.append((mode, result))
        self._check("transfer")

    def trunk_changed(self, trunk: str, uri: str, is_up: bool) -> None:
        self.changes.append((trunk, uri, is_up))

    def registration_ended(self, ended: RegistrationEnded, is_news: bool) -> None:
        self.registrations.append(ended)

    def tls_failed(self, failure: TlsFailure) -> None:
        self.tls_failures.append(failure)

    def header_unbelieved(self, trunk: str, header: str) -> None:
        self.unbelieved.append((trunk, header))

    def caller_hidden(self, trunk: str) -> None:
        self.hidden.append(trunk)

    def loop_lag(self, seconds: float) -> None:
        self.lags.append(seconds)

    def _check(self, name: str) -> None:
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")


class RecordingVariables:
    """A `VariablePort` that keeps what was to be written."""

    def __init__(self) -> None:
        self.writes: list[VariableWrite] = []

    def write(self, write: VariableWrite) -> None:
        self.writes.append(write)
