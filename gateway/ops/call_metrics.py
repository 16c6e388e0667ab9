"""What is counted of calls and of the context they carry. Labels are directions, outcomes and names of fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product
from operator import attrgetter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge

from gateway.bridge.outcome import INTERNAL_ERROR, OUTCOMES
from gateway.core.receipt import Outcome
from gateway.core.terms import Direction, On
from gateway.ops.series import CounterSeries, HistogramSeries

if TYPE_CHECKING:
    from gateway.bridge.record import CallRecord
    from gateway.core.fields import Field
    from gateway.core.receipt import ReceiptEntry

SETUP_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 4)
"""All of it is our own time, so it is milliseconds; 2 ms and 10 ms are what a quiet machine must hold."""
POST_DIAL_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20)
"""The caller hears nothing; after some seconds people hang up and try again, and a URI is given up after 4."""
ANSWER_BUCKETS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 120)
"""Service levels of contact centres are set at 10, 20 and 30 s; 60 s is the default of `limits.ring_seconds`."""
DURATION_BUCKETS = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)
"""Many calls below 10 s mean bad audio; 14400 s is the default of `limits.call_seconds`."""
CONTEXT_BUCKETS = (64, 128, 256, 400, 600, 800, 1024, 1500, 2048, 4096)
"""Twilio's guidance is 800 bytes, its limit for the headers of a SIP URI 1024; near 1500 an INVITE outgrows UDP."""

FIELD_LABELS = ("field", "direction", "on", "outcome")
"""Of what became of a field, each by its name in an entry of a receipt."""


class CallMetrics:
    """Calls by direction: how many, how they ended, how long each stage took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["direction", "result", "reason"]
        self._ended = CounterSeries(registry, "gateway_calls_total", "Calls that ended.", labels)
        self._active = dict.fromkeys(Direction, 0)
        active = Gauge("gateway_calls_active", "Calls in progress.", ["direction"], registry=registry)
        for direction in Direction:
            active.labels(direction).set_function(partial(self._active.__getitem__, direction))
        self._setup = histogram(registry, "gateway_setup_seconds", "INVITE in to INVITE out.", SETUP_BUCKETS)
        self._post_dial = histogram(
            registry, "gateway_post_dial_delay_seconds", "INVITE in to the first 18x sent back.", POST_DIAL_BUCKETS
        )
        self._answer = histogram(registry, "gateway_answer_seconds", "INVITE in to 200 sent back.", ANSWER_BUCKETS)
        self._duration = histogram(registry, "gateway_call_duration_seconds", "Answer to end.", DURATION_BUCKETS)
        for direction, outcome in product(Direction, OUTCOMES):
            self._ended.create(direction, outcome.result, outcome.reason)

    def started(self, direction: Direction) -> None:
        """One more call in progress."""
        self._active[direction] += 1

    def finished(self, record: CallRecord) -> None:
        """One call less in progress, one more ended; what it never came to is not observed."""
        direction = record.direction
        outcome = record.outcome or INTERNAL_ERROR
        self._active[direction] -= 1
        self._ended.count(direction, outcome.result, outcome.reason)
        self._setup.observe(record.setup_seconds, direction)
        self._post_dial.observe(record.post_dial_delay_seconds, direction)
        self._answer.observe(record.answer_seconds, direction)
        self._duration.observe(record.duration_seconds, direction)


class ContextMetrics:
    """What became of each field, message by message."""

    def __init__(self, registry: CollectorRegistry) -> None:
        text = "Fields mapped, by what became of them."
        self._fields = CounterSeries(
            registry, "gateway_context_fields_total", text, FIELD_LABELS, attrgetter(*FIELD_LABELS)
        )
        self._size = histogram(
            registry, "gateway_context_bytes", "Names and values of the context headers of a message.", CONTEXT_BUCKETS
        )

    def adopt(self, fields: Iterable[Field]) -> None:
        """Create what these fields can count; those of earlier configurations stay, their calls may go on."""
        for field in fields:
            messages = field.on | {On.REFER} if On.INVITE in field.on else field.on  # a transfer carries both
            for direction, on, outcome in product(field.direction, messages, Outcome):
                self._fields.create(field.name, direction, on, outcome)

    def mapped(self, direction: Direction, receipt: Sequence[ReceiptEntry], size: int) -> None:
        """One message was mapped; `size` is what its context takes on the wire, in bytes."""
        self._size.observe(size, direction)
        self._fields.count_each(receipt)


def histogram(registry: CollectorRegistry, name: str, text: str, buckets: Sequence[float]) -> HistogramSeries:
    """A histogram by direction."""
    series = HistogramSeries(registry, name, text, ["direction"], buckets)
    for direction in Direction:
        series.create(direction)
    return series
