"""Gets log lines to a file descriptor without ever making the thread that logs wait; knows nothing of their content.

The SIP thread logs, and a stdout whose reader is slow must not stop calls. So a line is formatted where it is logged
(no object of a call, and no traceback that holds one, crosses a thread), queued, and written by a thread of its own.
That thread looks every PAUSE_SECONDS and is not woken for a line: each wake-up would take the interpreter away from the
SIP thread, twice a call. When the queue is full the line is dropped and counted, and the log says how many as soon as
it can.

Nor does the thread that logs write what needs no waiting. Of files nobody can tell. Of pipes and sockets the kernel can
(RWF_NOWAIT, pwritev2(2)), but to wake their reader for each line takes as long as to wake the thread for several.

Not the standard library's QueueListener: its stop() waits for ever on a full queue or a stuck reader. And the
descriptor is written directly: a thread stuck inside sys.stdout holds a lock that the interpreter needs to exit.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time

CAPACITY_LINES = 10_000
BATCH_LINES = 200
PAUSE_SECONDS = 0.05
CLOSE_SECONDS = 2.0


class LineWriter(logging.Handler):
    """A handler that writes formatted records as lines. It owns a daemon thread from construction to `close`."""

    def __init__(self, descriptor: int, capacity: int = CAPACITY_LINES) -> None:
        """`descriptor` stays open and is the caller's; `capacity` is how many lines may wait."""
        super().__init__()
        self._descriptor = descriptor
        self._capacity = capacity
        # SimpleQueue can be entered again by a finaliser that logs in the middle of put(); Queue would deadlock.
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._overflowed = 0
        self._unwritable = 0
        self._reported = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were not written: the queue was full, or the descriptor failed."""
        return self._overflowed + self._unwritable

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line. Called with the handler's lock held; a record that cannot be formatted goes to stderr."""
        if self._ending.is_set() or self._lines.qsize() >= self._capacity:
            self._overflowed += 1
            return
        try:
            self._lines.put(self.format(record))
        except Exception:  # the handler contract of logging: the code that logs must not fail because of its log line
            self.handleError(record)

    def close(self) -> None:
        """Write what waits, for as long as CLOSE_SECONDS, and end the thread."""
        if not self._ending.is_set():
            self._ending.set()
            self._thread.join(CLOSE_SECONDS)
        super().close()

    def _run(self) -> None:
        closing = False
        while not closing:
            time.sleep(PAUSE_SECONDS)  # not _ending.wait(): that takes longer than to write what waits
            closing = self._ending.is_set()
            while self._lines.qsize():
                self._write(self._take())
            if self.dropped > self._reported:
                self._report()

    def _take(self) -> list[str]:
        """The lines that wait, at most BATCH_LINES."""
        return [self._lines.get() for _ in range(min(BATCH_LINES, self._lines.qsize()))]

    def _write(self, lines: list[str]) -> None:
        rest = memoryview("\n".join([*lines, ""]).encode("utf-8", "replace"))
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            self._unwritable += len(lines)

    def _report(self) -> None:
        dropped = self.dropped
        text = "log lines dropped: whoever reads this log is too slow"
        fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": text, "dropped": dropped}
        self._write([self.format(logging.makeLogRecord(fields))])
        self._reported = dropped
