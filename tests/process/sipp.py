"""SIPp as a peer of the gateway: one scenario, one call, and its exit code is the verdict."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.process.places import Place
from tests.process.process_files import is_bound
from tests.process.waiting import wait_until

SCENARIOS = Path(__file__).parents[2] / "sipp-scenarios"
TIMEOUT_SECONDS = 20
SHOWN_CHARACTERS = 6000
DEFAULT_KEYS = {"headers": "X-Unmapped: nothing", "max_forwards": "42"}
"""SIPp sends an empty key as an empty line, which would end the headers."""

_numbers = itertools.count(1)


class Sipp:
    """One running SIPp. `finish` is its verdict; `stop` ends one that nobody called."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], traces: tuple[Path, ...]) -> None:
        self.name = name
        self._process = process
        self._traces = traces

    @property
    def pid(self) -> int:
        return self._process.pid

    def finish(self) -> None:
        """Wait for the end, which its own timeout bounds; show what it saw unless all was as the scenario says."""
        code = self._process.wait()
        assert code == 0, f"{self.name} ended with {code}\n{self.shown()}"

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, whatever it is doing."""
        if self.is_running():
            self._process.kill()
        self._process.wait()

    def shown_messages(self) -> str:
        """The whole message trace."""
        return self._traces[1].read_text(errors="replace")

    def shown(self) -> str:
        """The error log and the end of the message trace."""
        parts = [path.read_text(errors="replace")[-SHOWN_CHARACTERS:] for path in self._traces if path.exists()]
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Peer:
    """One side of the gateway: its address, where it is called, and the gateway it calls."""

    side: str
    place: Place
    gateway: Place
    folder: Path
    started: list[Sipp] = field(default_factory=list)

    def serve(self, scenario: str, *options: str, port: int | None = None, calls: int = 1, **keys: str) -> Sipp:
        """Be called, so many times: start a `uas` scenario and return when it listens."""
        assert scenario.startswith("uas-")
        port = port or self.place.port
        running = self._start(scenario, ["-p", str(port), *_bounds(calls), *options], keys)
        wait_until(lambda: _listens(running, Place(self.place.host, port)), f"{scenario} listens")
        return running

    def call(self, scenario: str, *options: str, **keys: str) -> Sipp:
        """Call the gateway with a `uac` scenario."""
        assert scenario.startswith("uac-")
        return self._start(scenario, [str(self.gateway), *_bounds(), *options], keys)

    def _start(self, scenario: str, options: list[str], keys: dict[str, str]) -> Sipp:
        host = self.place.host
        stem = self.folder / f"{next(_numbers)}-{scenario}"
        errors, messages = stem.with_suffix(".errors"), stem.with_suffix(".messages")
        command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-nostdin", "-deadcall_wait", "0"]
        command += ["-i", host, "-bind_local", "-mi", host, "-ci", host, "-cid_str", f"%u-%p-{self.side}@%s"]
        command += ["-trace_err", "-error_file", str(errors), "-trace_msg", "-message_file", str(messages)]
        keys = DEFAULT_KEYS | {"gateway": str(self.gateway), "gateway_host": self.gateway.host} | keys
        for name, value in keys.items():
            command += ["-key", name, value]
        with stem.with_suffix(".screen").open("wb") as screen:
            process = subprocess.Popen([*command, *options], stdout=screen, stderr=subprocess.STDOUT, cwd=self.folder)
        running = Sipp(scenario, process, (errors, messages, stem.with_suffix(".screen")))
        self.started.append(running)
        return running


def _bounds(calls: int = 1) -> list[str]:
    """Options with which SIPp ends; later ones win."""
    return ["-m", str(calls), "-timeout", f"{TIMEOUT_SECONDS}s", "-timeout_error"]


def _listens(running: Sipp, place: Place) -> bool:
    assert running.is_running(), f"{running.name} ended before it listened\n{running.shown()}"
    return is_bound(place.host, place.port)
