"""Processes of the benchmark: started on chosen cores, watched through /proc, ended by their own id."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 20


@dataclass(frozen=True)
class Cores:
    """Who runs where: what is measured on the first core, what makes the calls on the others."""

    measured: frozenset[int]
    generator: frozenset[int]
    both: frozenset[int]


def share_cores() -> Cores:
    """The first core for what is measured. With a single core there is nothing to share out."""
    usable = sorted(os.sched_getaffinity(0))
    everything = frozenset(usable)
    return Cores(frozenset(usable[:1]), frozenset(usable[1:]) or everything, everything)


def start(command: Sequence[str], cores: frozenset[int], output: Path, talk: bool = False) -> subprocess.Popen[str]:
    """Start a process that may only run on `cores`; what it says goes to `output`, or to us where we talk with it."""
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            text=True,
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talk else file,
            stderr=file,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )


def end(process: subprocess.Popen[str], how: signal.Signals) -> int:
    """Ask a process to end, insist after a while, give its exit code."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used, all its threads together (proc(5), /proc/PID/stat)."""
    return _cpu_seconds(Path(f"/proc/{pid}/stat"))


def main_thread_seconds(pid: int) -> float:
    """The same of its first thread alone."""
    return _cpu_seconds(Path(f"/proc/{pid}/task/{pid}/stat"))


def _cpu_seconds(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid: int) -> int:
    """Memory of a process that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def dropped_datagrams(host: str) -> int:
    """What the kernel threw away because a UDP socket of `host` was full, over the sockets that are open now."""
    address = "".join(f"{int(octet):02X}" for octet in reversed(host.split(".")))
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sum(int(fields[-1]) for fields in lines if fields[1].startswith(f"{address}:"))


def busy_cores(before: list[int], after: list[int]) -> float:
    """Cores in use by anything on this machine between two `machine_ticks`."""
    idle = (after[3] + after[4]) - (before[3] + before[4])
    whole = sum(after) - sum(before)
    return (os.cpu_count() or 1) * (1 - idle / whole) if whole else 0.0


def machine_ticks() -> list[int]:
    """The first line of /proc/stat without what is counted twice: user nice system idle iowait irq softirq steal."""
    return [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
