"""Counters and histograms with all their label sets known beforehand; whatever else turns up counts as `other`.

That bounds what a peer can make us keep, and shows every series as 0 before its first event, so that a rate over it is
right. A call moves fifty of them, so what happens is only put at the end of a list, which takes no lock. It is added up
when there is much of it or when somebody asks, and becomes prometheus_client's then (its custom collectors). Any thread
may use them: one at a time reaches a list, as CPython has it, and does not wait for a scrape.
"""

from __future__ import annotations

import itertools
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

OTHER = "other"
INFINITE = float("inf")
MUCH = 500
"""So much is kept until it is added up, which takes a fraction of a millisecond."""

Labels = tuple[str, ...]
T = TypeVar("T")


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

    def _add_up_if_free(self) -> None:
        """Add up, unless another thread is about it, or this one was when it was interrupted."""
        if self._lock.acquire(blocking=False):
            try:
                self._add_up()
            finally:
                self._lock.release()

    @abstractmethod
    def _add_up(self) -> None:
        """Count what happened since the last time; the lock is held."""

    @abstractmethod
    def _begin(self, labels: Labels) -> None:
        """Have a label set count from zero, unless it counts already; the lock is held."""

    @abstractmethod
    def collect(self) -> Iterable[Metric]:
        """What it counted, as prometheus_client takes it."""


class CounterSeries(Series):
    """What only grows."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        labels_of: Callable[[tuple[object, ...]], Labels] | None = None,
    ) -> None:
        """`labels_of` finds the labels of what is given to `count_each`, if that is no label set itself."""
        self._counts: dict[Labels, int] = {}
        self._labels_of = labels_of
        self._happened: list[tuple[object, ...]] = []
        super().__init__(registry, name, text, labels)

    def count(self, *labels: str) -> None:
        """Count what happened."""
        self._happened.append(labels)
        if len(self._happened) >= MUCH:
            self._add_up_if_free()

    def count_each(self, happened: Iterable[tuple[object, ...]]) -> None:
        """Count several things that happened."""
        self._happened.extend(happened)
        if len(self._happened) >= MUCH:
            self._add_up_if_free()

    def count_many(self, number: int, *labels: str) -> None:
        """Count what happened so many times; a number below zero is none."""
        if number > 0:
            with self._lock:
                self._add(labels, number)

    def _add_up(self) -> None:
        for what, number in Counter(_take(self._happened)).items():
            self._add(self._labels_of(what) if self._labels_of else cast(Labels, what), number)

    def _add(self, labels: Labels, number: int) -> None:
        if labels not in self._counts:
            labels = self._folded(labels)
        self._counts[labels] += number

    def _begin(self, labels: Labels) -> None:
        self._counts.setdefault(labels, 0)

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        with self._lock:
            self._add_up()
            counts = list(self._counts.items())
        for labels, count in counts:
            family.add_metric(labels, count)
        return [family]


class _Spread:
    """What one label set of a histogram has observed: so many values in each bucket, and their sum."""

    __slots__ = ("counts", "fresh", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0
        self.fresh: list[float] = []
        """Values that are in neither yet."""


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
        fresh = (self._spreads.get(labels) or self._other(labels)).fresh
        fresh.append(value)
        if len(fresh) >= MUCH:
            self._add_up_if_free()

    def _other(self, labels: Labels) -> _Spread:
        with self._lock:
            return self._spreads[self._folded(labels)]

    def _add_up(self) -> None:
        for spread in self._spreads.values():
            fresh = _take(spread.fresh)
            for value in fresh:  # in their order, on which the sum of floats depends
                spread.total += value
            fresh.sort()
            up_to = [bisect_right(fresh, border) for border in self._buckets]
            for number, (below, through) in enumerate(itertools.pairwise([0, *up_to])):
                spread.counts[number] += through - below

    def _begin(self, labels: Labels) -> None:
        if labels not in self._spreads:
            self._spreads[labels] = _Spread(len(self._buckets))

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        borders = [floatToGoString(border) for border in self._buckets]  # type: ignore[no-untyped-call]
        with self._lock:
            self._add_up()
            taken = [(labels, list(spread.counts), spread.total) for labels, spread in self._spreads.items()]
        for labels, counts, total in taken:
            family.add_metric(labels, list(zip(borders, itertools.accumulate(counts), strict=True)), total)
        return [family]


def _take(happened: list[T]) -> list[T]:
    """Take out what is there by now; what other threads add meanwhile stays."""
    taken = happened[:]
    del happened[: len(taken)]
    return taken
