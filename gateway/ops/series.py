"""One metric with all its label sets known beforehand; whatever else turns up counts as `other`.

That bounds what a peer can make us keep, shows every series as 0 before its first event (so that a rate over it is
right), and lets the hot path find a child with one dictionary look-up.
"""

from __future__ import annotations

import math
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

OTHER = "other"

M = TypeVar("M", Counter, Gauge, Histogram)


class Series(Generic[M]):
    """The children of a labelled metric. A reload may create some while the SIP thread uses others."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}
        self._known: list[set[str]] = []

    def create(self, *labels: str) -> None:
        """Make a label set known; making it known twice is nothing."""
        self._children.setdefault(labels, self._metric.labels(*labels))
        self._known = self._known or [set() for _ in labels]
        for known, label in zip(self._known, labels, strict=True):
            known.add(label)

    def of(self, *labels: str) -> M:
        """The child of a label set; each label nobody made known is taken as `other`."""
        child = self._children.get(labels)
        return child if child is not None else self._folded(labels)

    def _folded(self, labels: tuple[str, ...]) -> M:
        folded = (label if label in known else OTHER for known, label in zip(self._known, labels, strict=True))
        return self._metric.labels(*folded)


def observe(histogram: Histogram, value: float | None) -> None:
    """Take a value that is one: not None, NaN, infinite or below zero, any of which would spoil the sum for good."""
    if value is not None and 0 <= value < math.inf:
        histogram.observe(value)
