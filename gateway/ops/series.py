"""Counters and histograms with all their label sets known beforehand; whatever else turns up counts as `other`.

That bounds what a peer can make us keep, and shows every series as 0 before its first event, so that a rate over it is
right. A call moves fifty of them: they are kept as plain numbers, and become prometheus_client's when somebody asks
(its custom collectors), which takes a third of the time that its own counters need. Any thread may use them.
"""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

OTHER = "other"
INFINITE = float("inf")

Labels = tuple[str, ...]


class Series(Collector, ABC):
    """One metric. `labels` are the names of its labels."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._known: list[set[str]] = [set() for _ in labels]
        self._lock = threading.Lock()
        if not labels:
            self.create()
        registry.register(self)

    def create(self, *labels: str) -> None:
        """Make a label set known; making it known twice is nothing."""
        with self._lock:
            for known, label in zip(self._known, labels, strict=True):
                known.add(label)
            self._begin(labels)

    def _folded(self, labels: Labels) -> Labels:
        """Each label that nobody made known as `other`; the lock is held."""
        folded = (label if label in known else OTHER for known, label in zip(self._known, labels, strict=True))
        found = tuple(folded)
        self._begin(found)
        return found

    @abstractmethod
    def _begin(self, labels: Labels) -> None:
        """Have a label set count from zero, unless it counts already; the lock is held."""

    @abstractmethod
    def collect(self) -> Iterable[Metric]:
        """What it counted, as prometheus_client takes it."""


class CounterSeries(Series):
    """What only grows."""

    def __init__(self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._counts: dict[Labels, int] = {}
        super().__init__(registry, name, text, labels)

    def count(self, *labels: str, by: int = 1) -> None:
        """Count what happened; a number below zero is none."""
        if by <= 0:
            return
        with self._lock:
            if labels not in self._counts:
                labels = self._folded(labels)
            self._counts[labels] += by

    def count_each(self, label_sets: Sequence[Labels]) -> None:
        """Count what happened to several things at once."""
        with self._lock:
            counts = self._counts
            for labels in label_sets:
                try:
                    counts[labels] += 1
                except KeyError:
                    counts[self._folded(labels)] += 1

    def _begin(self, labels: Labels) -> None:
        self._counts.setdefault(labels, 0)

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        with self._lock:
            counts = list(self._counts.items())
        for labels, count in counts:
            family.add_metric(labels, count)
        return [family]


class _Spread:
    """What one label set of a histogram has observed."""

    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0


class HistogramSeries(Series):
    """How values are spread over `buckets`, each named by the highest value in it."""

    def __init__(
        self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> None:
        self._buckets = [*buckets, INFINITE]
        self._spreads: dict[Labels, _Spread] = {}
        super().__init__(registry, name, text, labels)

    def observe(self, value: float | None, *labels: str) -> None:
        """Take a value; None, NaN, infinite and below zero are none, and would spoil the sum for good."""
        if value is None or not 0 <= value < INFINITE:
            return
        with self._lock:
            spread = self._spreads.get(labels) or self._spreads[self._folded(labels)]
            spread.counts[bisect_left(self._buckets, value)] += 1
            spread.total += value

    def _begin(self, labels: Labels) -> None:
        if labels not in self._spreads:
            self._spreads[labels] = _Spread(len(self._buckets))

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        borders = [floatToGoString(border) for border in self._buckets]  # type: ignore[no-untyped-call]
        with self._lock:
            taken = [(labels, list(spread.counts), spread.total) for labels, spread in self._spreads.items()]
        for labels, counts, total in taken:
            family.add_metric(labels, list(zip(borders, itertools.accumulate(counts), strict=True)), total)
        return [family]
