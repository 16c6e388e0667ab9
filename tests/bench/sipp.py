"""SIPp on both sides of what is measured: calls at a rate, what became of them, and when their INVITEs passed."""

from __future__ import annotations

import csv
import math
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench import processes
from tests.bench.lab import MEASURED, PBX, TWILIO, Lab

HERE = Path(__file__).parent
SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
PATIENCE_SECONDS = 45
"""How long calls may take beyond their length: an INVITE without an answer is given up after 32 s (timer B)."""
MESSAGE = re.compile(r"^-{20,} (\S+ \S+)\n", re.MULTILINE)
TICKET = re.compile(r"Ticket: (\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """Calls a second, how many, and how long each lasts once it is answered."""

    rate: int
    calls: int
    seconds: float = 1.0
    timed: bool = False
    """Whether each message is written down with its time."""


@dataclass(frozen=True)
class Tally:
    """What SIPp counted on the PBX side; `rate` is what it really offered."""

    calls: int
    failed: int
    retransmissions: int
    rate: float

    @property
    def succeeded_share(self) -> float:
        """1.0 when every call did what its scenario wants."""
        return 1 - self.failed / self.calls if self.calls else 0.0


@contextmanager
def answering(lab: Lab, timed: bool = False) -> Iterator[None]:
    """Twilio's side, answering calls until the block is left."""
    for role in ("pbx", "twilio"):
        for kind in ("calls", "messages"):
            (lab.folder / f"{role}.{kind}").unlink(missing_ok=True)
    command = _command(lab, "twilio", TWILIO, lab.ports.twilio, timed)
    process = processes.start(command, lab.cores.generator, lab.folder / "twilio.out")
    try:
        time.sleep(0.3)  # it has no way to say that it listens; the first INVITE is sent again if it does not
        yield
    finally:
        processes.end(process, signal.SIGUSR1)


@contextmanager
def deaf(lab: Lab) -> Iterator[None]:
    """Sockets where both sides want audio, and nobody who listens: what is sent there is dropped, not refused."""
    with ExitStack() as stack:
        for host in (PBX, TWILIO):
            for port in (lab.ports.rtp, lab.ports.rtp + 1):
                sink = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sink.bind((host, port))
        yield


class Caller:
    """The PBX's side: calls from when it is made, `finish` waits for the last call and counts, leaving ends it."""

    def __init__(self, lab: Lab, load: Load) -> None:
        self._lab = lab
        self._load = load
        self._statistics = lab.folder / "pbx.csv"
        self._statistics.unlink(missing_ok=True)
        self._limit = load.calls / load.rate + load.seconds + PATIENCE_SECONDS
        command = [
            *_command(lab, "pbx", PBX, lab.ports.pbx, load.timed),
            *("-r", str(load.rate), "-m", str(load.calls), "-l", str(load.calls)),
            *("-d", str(int(load.seconds * 1000)), "-timeout", str(math.ceil(self._limit))),
            *("-trace_stat", "-stf", str(self._statistics), f"{MEASURED}:{lab.ports.sip}"),
        ]
        self._process = processes.start(command, lab.cores.generator, lab.folder / "pbx.out")

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        processes.end(self._process, signal.SIGKILL)

    def finish(self) -> Tally:
        """Wait until all calls are over.

        Raises:
            RuntimeError: SIPp did not run at all.
        """
        try:
            self._process.wait(self._limit + 5)
        except subprocess.TimeoutExpired:  # too busy with what is lost to see its own limit; what is open now failed
            processes.end(self._process, signal.SIGKILL)
        if not self._statistics.exists():
            raise RuntimeError(f"SIPp does not run, see {self._lab.folder / 'pbx.out'}")
        with self._statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        calls = int(last["TotalCallCreated"])
        # A call that was never made is as lost as one that failed.
        failed = self._load.calls - int(last["SuccessfulCall(C)"])
        elapsed = self._calling_seconds(float(last["CallRate(C)"]), calls)
        return Tally(self._load.calls, failed, int(last["Retransmissions(C)"]), calls / elapsed)

    def _calling_seconds(self, mean_rate: float, calls: int) -> float:
        """How long calls were started: SIPp's mean rate is over its whole run, the last call's length included."""
        return max(calls / mean_rate - self._load.seconds, 0.001) if mean_rate else math.inf


def call(lab: Lab, load: Load) -> Tally:
    """Make calls and wait for their end."""
    with Caller(lab, load) as caller:
        return caller.finish()


def _command(lab: Lab, role: str, host: str, port: int, timed: bool) -> list[str]:
    folder = lab.folder
    command = ["sipp", "-sf", str(HERE / f"{role}.xml"), "-i", host, "-p", str(port), "-nostdin", "-skip_rlimit"]
    command += ["-mi", host, "-mp", str(lab.ports.rtp + 4), "-key", "rtp_port", str(lab.ports.rtp)]
    command += ["-buff_size", str(SOCKET_BUFFER_BYTES), "-deadcall_wait", "0"]
    command += ["-trace_logs", "-log_file", str(folder / f"{role}.calls")]
    command += ["-trace_err", "-error_file", str(folder / f"{role}.errors")]
    if timed:
        command += ["-trace_msg", "-message_file", str(folder / f"{role}.messages")]
    return command


def setup_milliseconds(lab: Lab) -> list[float]:
    """From an INVITE that the PBX sent to the one that Twilio got for it, for each call of a timed load, sorted.

    Taken from what SIPp wrote down on both sides, with the same clock. A capture of the loopback device agreed to 0.05
    ms at the median; SIPp's own wait for a core is in it, so it is never less than the truth.
    """
    sent = _invite_times(lab.folder / "pbx.messages", "message sent")
    received = _invite_times(lab.folder / "twilio.messages", "message received")
    return sorted((received[ticket] - sent[ticket]) * 1000 for ticket in sent.keys() & received.keys())


def _invite_times(file: Path, kind: str) -> dict[str, float]:
    """When each call's first INVITE passed, by the number it carries."""
    times: dict[str, float] = {}
    parts = MESSAGE.split(file.read_text(encoding="latin-1"))[1:]
    for stamp, text in zip(parts[::2], parts[1::2], strict=True):
        head, _, message = text.partition("\n\n")
        ticket = TICKET.search(message)
        if kind in head and message.startswith("INVITE ") and ticket:
            times.setdefault(ticket[1], datetime.fromisoformat(stamp).timestamp())
    return times


def version() -> str:
    """SIPp's own word for it."""
    said = subprocess.run(["sipp", "-v"], stdout=subprocess.PIPE, text=True, check=False).stdout
    return said.strip().splitlines()[0].strip(" .") if said.strip() else "unknown"
