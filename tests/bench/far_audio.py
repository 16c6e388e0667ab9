"""The benchmark's end of `tests.bench.audio`: starts it, asks it, ends it."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import TypedDict

from tests.bench import processes
from tests.bench.lab import Lab


class Answer(TypedDict):
    """What `tests.bench.audio` answers."""

    pbx: dict[str, float]
    twilio: dict[str, float]
    cpu: float


class FarAudio:
    """Audio on both sides, for `seconds` on each call, while the block runs."""

    def __init__(self, lab: Lab, seconds: float) -> None:
        command = [sys.executable, "-m", "tests.bench.audio", str(lab.ports.rtp), str(seconds), str(lab.folder)]
        self._process = processes.start(command, lab.cores.generator, lab.folder / "audio.out", talk=True)

    def __enter__(self) -> FarAudio:
        self.ask("count")
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._process.communicate()

    def ask(self, command: str) -> Answer:
        """Send a command, give the answer: counts by side, and the CPU seconds it used so far."""
        assert self._process.stdin and self._process.stdout
        print(command, file=self._process.stdin, flush=True)
        answer: Answer = json.loads(self._process.stdout.readline())
        return answer

    def wait_for_streams(self, calls: int, seconds: float) -> None:
        """Return when there is audio for so many calls on both sides, or when it takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            known = self.ask("streams")
            if min(known["pbx"]["streams"], known["twilio"]["streams"]) >= calls:
                return
            time.sleep(0.2)
