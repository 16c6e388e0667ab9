"""Waiting by asking: no test sleeps for a time it hopes is long enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.01
PATIENCE_SECONDS = 20.0
"""Of a busy machine; nothing that works takes a tenth of it."""


def wait_until(condition: Callable[[], T], what: str | Callable[[], str], seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is true, and give it back.

    Raises:
        AssertionError: it was not within `seconds`; `what`, or what it gives then, says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(POLL_SECONDS)
    return answer


def stays_false(condition: Callable[[], object], seconds: float) -> bool:
    """Watch for a while that something does not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return False
        time.sleep(POLL_SECONDS)
    return True
