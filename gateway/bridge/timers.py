"""Timers of all calls in one heap; time is given, never read.

A stopped timer stays in the heap until it would have fired or until the dead outnumber the living: a call's four-hour
limit must not outlive a call of ten seconds.
"""

from __future__ import annotations

import heapq

from gateway.bridge.events import Timer

Key = tuple[str, Timer]
_ALL = tuple(Timer)
MIN_SWEEP = 1024
"""Below this many entries a sweep saves nothing."""


class Timers:
    """Arms, disarms and hands out what is due. A key is armed once: starting it again moves it."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, str, Timer]] = []

    def __len__(self) -> int:
        return len(self._due)

    def start(self, call_id: str, timer: Timer, at: float) -> None:
        """Arm a timer to fire at monotonic time `at`."""
        self._due[(call_id, timer)] = at
        heapq.heappush(self._heap, (at, call_id, timer))
        if len(self._heap) > max(MIN_SWEEP, 2 * len(self._due)):
            self._heap = [(when, *key) for key, when in self._due.items()]
            heapq.heapify(self._heap)

    def stop(self, call_id: str, timer: Timer) -> None:
        """Disarm a timer, armed or not."""
        self._due.pop((call_id, timer), None)

    def forget(self, call_id: str) -> None:
        """Disarm every timer of a call."""
        for timer in _ALL:
            self.stop(call_id, timer)

    def next_due(self) -> float | None:
        """When the earliest entry fires; it may have been stopped since."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> list[Key]:
        """Take out all timers due at `now`, earliest first."""
        fired: list[Key] = []
        while self._heap and self._heap[0][0] <= now:
            at, call_id, timer = heapq.heappop(self._heap)
            if self._due.get((call_id, timer)) == at:
                del self._due[(call_id, timer)]
                fired.append((call_id, timer))
        return fired
