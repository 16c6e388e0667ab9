"""What operators learn of variables that were set on a PBX, or were not: counts, log lines, a part of the record.

Nothing here holds a value. Results come from the threads that write, often after the call has ended.
"""

from __future__ import annotations

import collections
import logging
import threading
import time
from typing import TYPE_CHECKING

from gateway.core.throttle import Throttle
from gateway.core.variables import WriteResult

if TYPE_CHECKING:
    from gateway.core.variables import Variable, VariableWrite, Written
    from gateway.ops.metrics import Metrics

log = logging.getLogger(__name__)

CAPACITY = 2000
"""Calls: those in progress and those that are kept after their end (`records.CAPACITY`)."""


class WriteBackObserver:
    """Told of every variable; asked for those of a call."""

    def __init__(self, metrics: Metrics, capacity: int = CAPACITY) -> None:
        self._metrics = metrics
        self._capacity = capacity
        self._told: collections.OrderedDict[str, list[dict[str, str | None]]] = collections.OrderedDict()
        self._failures = Throttle(time.monotonic)
        self._lock = threading.Lock()

    def written(self, write: VariableWrite, variable: Variable, written: Written) -> None:
        """Something became of a variable."""
        self._metrics.write_back(write.trunk, written.result)
        entry: dict[str, str | None] = {
            "field": variable.field,
            "variable": variable.name,
            "on": write.on.value,
            "result": written.result.value,
            "reason": written.reason,
        }
        with self._lock:
            self._told.setdefault(write.call, []).append(entry)
            if len(self._told) > self._capacity:
                self._told.popitem(last=False)
            if written.result is not WriteResult.WRITTEN:
                self._warn(write, entry)

    def of(self, call_id: str) -> list[dict[str, str | None]]:
        """What is known of a call's variables by now."""
        with self._lock:
            return list(self._told.get(call_id, ()))

    def _warn(self, write: VariableWrite, entry: dict[str, str | None]) -> None:
        """One line for each result and while: a PBX that is down fails every call alike."""
        left_out = self._failures.admit(f"{write.trunk} {entry['result']}")
        if left_out is not None:
            fields = {"call": write.call, "trunk": write.trunk, **entry, "not_logged": left_out}
            log.warning("variable not written back", extra=fields)
