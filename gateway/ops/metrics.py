"""All metrics of the gateway and their text form. It counts what it is told and raises nothing.

Labels are words of our own code and of the configuration. Phone numbers, Call-IDs and header values are never one; what
a peer can choose (a response code) is folded into a fixed list. Every series exists from the start, as 0.

A call counts once: outcome, durations and RTP come from its record when it ended, its context from each message as it
is mapped. `adopt`, `config_reloaded` and `render` may be called on any thread, the rest on the SIP thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from gateway.bridge.ports import Phase
from gateway.bridge.terms import TransferResult
from gateway.bridge.tls import TlsProblem
from gateway.core.plan import TransferMode
from gateway.core.variables import WriteResult
from gateway.ops.call_metrics import CallMetrics, ContextMetrics
from gateway.ops.series import OTHER, CounterSeries, HistogramSeries
from gateway.ops.trunk_metrics import TrunkMetrics

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.bridge.ports import Status
    from gateway.bridge.record import CallRecord
    from gateway.bridge.tls import TlsFailure
    from gateway.core.plan import Plan

# The series "..._created" double a scrape and say nothing that a counter which starts at 0 does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

LAG_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
"""How long one SIP message waits for others; at 0.5 s peers begin to send again (RFC 3261, timer T1)."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The text format that every Prometheus reads."""


@dataclass(frozen=True, slots=True)
class Build:
    """What is running: our version and that of PJSIP."""

    version: str
    pjsip: str


class Metrics:
    """The registry of one gateway and what moves it. Its parts are named for what they are told of."""

    def __init__(self, build: Build, plan: Plan, reject_reasons: Iterable[str]) -> None:
        """`reject_reasons` are the words with which INVITEs are turned away; any other counts as `other`."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.calls = CallMetrics(registry)
        self.context = ContextMetrics(registry)
        self.trunks = TrunkMetrics(registry)
        rejected = "Requests turned away."
        self._rejected = CounterSeries(registry, "gateway_rejected_total", rejected, ["reason"])
        transfers = "Transfers asked for."
        self._transfers = CounterSeries(registry, "gateway_transfers_total", transfers, ["mode", "result"])
        failures = "TLS connections given up before they carried a message."
        self._tls_failures = CounterSeries(registry, "gateway_tls_failures_total", failures, ["direction", "reason"])
        reloads = "Configuration reloads."
        self._reloads = CounterSeries(registry, "gateway_config_reloads_total", reloads, ["result"])
        written = "Variables to set on a PBX."
        self._write_backs = CounterSeries(registry, "gateway_write_back_total", written, ["trunk", "result"])
        expiration = "When our certificate ends, in seconds since 1970; 0 without TLS."
        name = "gateway_tls_certificate_expiration_timestamp_seconds"
        self._certificate = Gauge(name, expiration, registry=registry)
        lag = "One round of the SIP thread."
        self.lag = HistogramSeries(registry, "gateway_event_loop_lag_seconds", lag, (), LAG_BUCKETS)
        self._draining = Gauge("gateway_draining", "1 while a drain or stop keeps new calls out.", registry=registry)
        self._up = Gauge("gateway_trunk_up", "1 while calls can be placed on a trunk.", ["trunk"], registry=registry)
        down = "URIs of a trunk that do not answer."
        self._down = Gauge("gateway_trunk_uris_down", down, ["trunk"], registry=registry)
        self._config = Gauge("gateway_config_info", "The running configuration.", ["hash"], registry=registry)
        about = Gauge("gateway_build_info", "What is running.", ["version", "pjsip"], registry=registry)
        about.labels(build.version, build.pjsip).set(1)
        for reason in (*reject_reasons, OTHER):
            self._rejected.create(reason)
        for mode, came_of_it in product(TransferMode, TransferResult):
            self._transfers.create(mode, came_of_it)
        for inbound, problem in product((True, False), TlsProblem):
            self._tls_failures.create(_way(inbound), problem)
        for result in ("success", "failure"):
            self._reloads.create(result)
        self.adopt(plan)

    def adopt(self, plan: Plan) -> None:
        """Make the label sets of a configuration known; earlier ones stay, as calls keep the plan they began with."""
        self.context.adopt(plan.contract.fields)
        self.trunks.adopt(trunk.name for trunk in plan.trunks)
        for trunk in plan.trunks:
            for written in WriteResult if trunk.write_back else ():
                self._write_backs.create(trunk.name, written)

    def config_reloaded(self, succeeded: bool) -> None:
        """A reload was tried, by whatever way."""
        self._reloads.count("success" if succeeded else "failure")

    def certificate_adopted(self, end: datetime | None) -> None:
        """Our certificate is this one from now on, or none."""
        self._certificate.set(end.timestamp() if end else 0)

    def call_ended(self, record: CallRecord) -> None:
        """One call less in progress, with all that its record has to count."""
        self.calls.finished(record)
        for media in record.media:
            self.trunks.media(media)

    def invite_rejected(self, reason: str, count: int = 1) -> None:
        """An INVITE became no call."""
        self._rejected.count_many(count, reason)

    def transfer(self, mode: TransferMode, result: TransferResult) -> None:
        """A transfer was refused, or came to its end."""
        self._transfers.count(mode, result)

    def write_back(self, trunk: str, result: WriteResult) -> None:
        """Something became of a variable that was to be set on a PBX; on any thread."""
        self._write_backs.count(trunk, result)

    def tls_failed(self, failure: TlsFailure) -> None:
        """A TLS connection was given up."""
        self._tls_failures.count(_way(failure.inbound), failure.problem)

    def render(self, status: Status | None) -> bytes:
        """All metrics as CONTENT_TYPE; without a status, trunks and drain are shown as they were last known.

        To be called by one thread at a time, any thread.
        """
        if status is not None:
            self._draining.set(status.phase in (Phase.DRAINING, Phase.STOPPING))
            self._show(self._up, {trunk.name: trunk.usable for trunk in status.trunks})
            self._show(self._down, {trunk.name: len(trunk.down) for trunk in status.trunks})
            self._show(self._config, {status.plan_hash: True})
        return generate_latest(self.registry)

    @staticmethod
    def _show(gauge: Gauge, values: Mapping[str, int]) -> None:
        """Exactly these children: a trunk that left the configuration is not up, it is gone."""
        gauge.clear()
        for label, value in values.items():
            gauge.labels(label).set(value)


def _way(inbound: bool) -> str:
    return "inbound" if inbound else "outbound"
