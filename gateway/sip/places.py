"""How many legs the stack has places for, and how many of them are taken.

An attempt that is given up before its peer said anything keeps its place: CANCEL must wait for a sign of life (RFC
3261, section 9.1), which may come until the INVITE's transaction ends, and else a phone would ring with nobody behind
it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from gateway.bridge.admission import FULL_RETRY_SECONDS, Rejection
from gateway.bridge.outcome import warning_header
from gateway.core.plan import Plan

SPARE_PLACES = 64
"""Beyond calls and their attempts: calls that are being refused, and what ends slowly for other reasons."""
MOST_PLACES = 4096
"""PJSUA_MAX_CALLS of our build (config_site.h). Each costs 11 KB, taken at the start."""
KEPT_SECONDS = 32
"""64 * T1 (RFC 3261, section 17.1.1.2)."""
NO_PLACE = Rejection(
    "limit-legs",
    503,
    (
        ("Retry-After", str(FULL_RETRY_SECONDS)),
        warning_header("attempts at addresses that do not answer take all places for calls"),
    ),
)


def places_for(plan: Plan) -> int:
    """As many as the calls of `plan` need when all but the last of a trunk's URIs, or all of them, say nothing."""
    attempts = max(len(trunk.uris) for trunk in plan.trunks)
    kept = plan.limits.calls_per_second * KEPT_SECONDS * attempts
    return min(2 * plan.limits.calls + kept + SPARE_PLACES, MOST_PLACES)


class Places:
    """What is left of them; `clock` is monotonic, in seconds."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._free_at: deque[float] = deque()

    def keep(self) -> None:
        """An attempt was given up and keeps its place for a while."""
        self._free_at.append(self._clock() + KEPT_SECONDS)

    def are_few(self, legs: int) -> bool:
        """Whether only the spare ones are left beside those of so many legs; beyond them PJSIP says 503 by itself."""
        now = self._clock()
        while self._free_at and self._free_at[0] <= now:
            self._free_at.popleft()
        return legs + len(self._free_at) > self._total - SPARE_PLACES
