"""Keeps what a hostile peer can repeat from filling the log: one line a kind and interval, which counts the others."""

from __future__ import annotations

from collections.abc import Callable

INTERVAL_SECONDS = 10.0


class Throttle:
    """Decides which repetitions are said. Kinds come from our own code, so they are few."""

    def __init__(self, clock: Callable[[], float], interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._clock = clock
        self._interval = interval_seconds
        self._silent_until: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def admit(self, kind: str) -> int | None:
        """How many of `kind` were left out since the last that was said; None: leave this one out too."""
        now = self._clock()
        if now < self._silent_until.get(kind, now):
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        self._silent_until[kind] = now + self._interval
        return self._left_out.pop(kind, 0)
