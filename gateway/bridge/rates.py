"""How often something may happen: buckets of tokens that hold one second's worth. Pure; time is given."""

from __future__ import annotations

MOST_BUCKETS = 10_000
"""Sources that are told apart at a time; a network in `allow` may hold more."""


class Bucket:
    """Lets `rate` things a second happen, as many at once."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._refilled: float | None = None

    def take(self, now: float) -> bool:
        """Whether one more may happen now; if so, it has."""
        elapsed = now - self._refilled if self._refilled is not None else 0.0
        self._refilled = now
        self._tokens = min(self._rate, self._tokens + elapsed * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """A bucket for each name, all of one rate; of too many names the one not seen for longest is forgotten."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}

    def take(self, name: str, now: float) -> bool:
        """Whether one more of this name may happen now; if so, it has."""
        bucket = self._buckets.pop(name, None) or Bucket(self._rate)
        self._buckets[name] = bucket
        if len(self._buckets) > MOST_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        return bucket.take(now)
