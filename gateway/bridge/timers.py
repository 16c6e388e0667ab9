"""Timers of all calls in one heap; time is given, never read.

A stopped timer stays in the heap until it would have fired or until the heap has grown to twice what lived when it was
last swept: a call's four-hour limit must not outlive a call of ten seconds.
"""

from __future__ import annotations

import heapq
import math

from gateway.bridge.events import Timer

Key = tuple[str, Timer]
MIN_SWEEP = 1024
"""Below this many entries a sweep saves nothing."""


class Timers:
    """Arms, disarms and hands out what is due. A timer of a call is armed once: starting it again moves it."""

    def __init__(self) -> None:
        self.next_due = math.inf
        """When the earliest entry fires; it may have been stopped since."""
        self._due: dict[str, dict[Timer, float]] = {}
        self._heap: list[tuple[float, str, Timer]] = []
        self._sweep_above = MIN_SWEEP

    def __len__(self) -> int:
        return sum(map(len, self._due.values()))

    def start(self, call_id: str, timer: Timer, at: float) -> None:
        """Arm a timer to fire at monotonic time `at`."""
        self._due.setdefault(call_id, {})[timer] = at
        heapq.heappush(self._heap, (at, call_id, timer))
        if at < self.next_due:
            self.next_due = at
        if len(self._heap) > self._sweep_above:
            self._sweep()

    def stop(self, call_id: str, timer: Timer) -> None:
        """Disarm a timer, armed or not."""
        if call_id in self._due:
            self._due[call_id].pop(timer, None)

    def forget(self, call_id: str) -> None:
        """Disarm every timer of a call."""
        self._due.pop(call_id, None)

    def pop_due(self, now: float) -> list[Key]:
        """Take out all timers due at `now`, earliest first."""
        if now < self.next_due:
            return []
        fired: list[Key] = []
        while self._heap and self._heap[0][0] <= now:
            at, call_id, timer = heapq.heappop(self._heap)
            if self._due.get(call_id, {}).get(timer) == at:
                del self._due[call_id][timer]
                fired.append((call_id, timer))
        self._look_ahead()
        return fired

    def _sweep(self) -> None:
        """Drop what was stopped or moved."""
        self._heap = [(at, call_id, timer) for call_id, due in self._due.items() for timer, at in due.items()]
        heapq.heapify(self._heap)
        self._sweep_above = max(MIN_SWEEP, 2 * len(self._heap))
        self._look_ahead()

    def _look_ahead(self) -> None:
        self.next_due = self._heap[0][0] if self._heap else math.inf
