"""Sets variables on PBXs without ever making a call wait: a queue with a bound and a thread for each trunk.

A PBX that is slow or gone keeps only its own thread busy. What does not fit into its queue any more is reported as
dropped, at once and on the thread that wanted it written.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable

from gateway.core.plan import Trunk, WriteBack
from gateway.core.variables import Variable, VariableWrite, WriteResult, Written
from gateway.errors import PbxError
from gateway.pbx.ami import AmiChannels
from gateway.pbx.channels import Channels

log = logging.getLogger(__name__)

CLOSE_SECONDS = 2.0
"""How long the end of the process waits for what is being written."""

Report = Callable[[VariableWrite, Variable, Written], None]
"""Is told what became of each variable, on any thread."""


def open_channels(access: WriteBack) -> Channels:
    """The interface that a URL names."""
    if access.url.startswith("ami:"):
        return AmiChannels(access)
    from gateway.pbx.ari import AriChannels  # here: httpx is a tenth of a second that most gateways need not spend

    return AriChannels(access)


class WriteBacks:
    """Every trunk's writer (see `bridge.ports.VariablePort`). `adopt` and `close` are for one thread at a time."""

    def __init__(self, report: Report, open_: Callable[[WriteBack], Channels] = open_channels) -> None:
        self._report = report
        self._open = open_
        self._writers: dict[str, Writer] = {}

    def adopt(self, trunks: Iterable[Trunk]) -> None:
        """Write as these trunks say; a writer that is replaced still does what waits for it."""
        old, self._writers = (
            self._writers,
            {trunk.name: self._writer(trunk.name, trunk.write_back) for trunk in trunks if trunk.write_back},
        )
        for writer in old.values():
            if writer not in self._writers.values():
                writer.end()

    def write(self, write: VariableWrite) -> None:
        """Have variables set some time soon."""
        writer = self._writers.get(write.trunk)
        if writer is None or not writer.take(write):
            reason = "the trunk has no write_back any more" if writer is None else f"{writer.access.queue} wait already"
            tell(self._report, write, [Written(WriteResult.DROPPED, reason)] * len(write.variables))

    def close(self) -> None:
        """End every writer, after what waits for it or after CLOSE_SECONDS."""
        deadline = time.monotonic() + CLOSE_SECONDS
        for writer in self._writers.values():
            writer.end()
        for writer in self._writers.values():
            writer.join(deadline - time.monotonic())

    def _writer(self, trunk: str, access: WriteBack) -> Writer:
        running = self._writers.get(trunk)
        if running is not None and running.access == access:
            return running
        return Writer(access, self._open(access), self._report)


class Writer:
    """The thread of one PBX, from construction to `end`."""

    def __init__(self, access: WriteBack, channels: Channels, report: Report) -> None:
        self.access = access
        self._channels = channels
        self._report = report
        self._waiting: queue.SimpleQueue[VariableWrite | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="write-back", daemon=True)
        self._thread.start()

    def take(self, write: VariableWrite) -> bool:
        """Queue a write; False if too many wait."""
        if self._waiting.qsize() >= self.access.queue:
            return False
        self._waiting.put(write)
        return True

    def end(self) -> None:
        """Take nothing more and stop when all that waits is done."""
        self._waiting.put(None)

    def join(self, seconds: float) -> None:
        """Wait for that."""
        self._thread.join(max(0.0, seconds))

    def _run(self) -> None:
        while (write := self._waiting.get()) is not None:
            tell(self._report, write, self._results(write))
        self._channels.close()

    def _results(self, write: VariableWrite) -> list[Written]:
        if not write.call_id:  # the leg is gone; channels without SIP have no Call-ID either, and are not meant
            return [Written(WriteResult.GONE)] * len(write.variables)
        try:
            return self._channels.set(write.call_id, write.variables)
        except PbxError as error:
            reason = str(error)
        except Exception:  # the guard of this loop: one write that we cannot do must not end all others
            log.exception("write-back failed", extra={"call": write.call, "trunk": write.trunk})
            reason = "internal error"
        return [Written(WriteResult.FAILED, reason)] * len(write.variables)


def tell(report: Report, write: VariableWrite, results: list[Written]) -> None:
    """Report what became of each variable of a write."""
    for variable, result in zip(write.variables, results, strict=True):
        report(write, variable, result)
