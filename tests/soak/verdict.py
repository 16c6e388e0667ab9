"""What a soak left behind: what the gateway holds before and after, and what became of each call."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.process.daemon import Gateway
from tests.process.process_files import open_files, udp_ports
from tests.process.waiting import wait_until
from tests.soak.swarm import Call

MOST_HEAP_PER_CALL, MOST_BLOCKS_PER_CALL = 100.0, 0.5
"""How much more may be in use for each call after the first fifth: bytes that malloc gave out, and blocks of Python's.
The smallest thing that could stay of a call is more: a pool of PJSIP has 512 bytes, an object of ours several blocks.
It is not nothing, as tables of PJSIP stay as large as in the busiest half minute."""


@dataclass(frozen=True)
class Holdings:
    """What the process has at one moment."""

    calls: int
    files: int
    ports: int
    resident: int
    heap: int
    blocks: int


def holdings(gateway: Gateway) -> Holdings:
    pid = gateway.process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE")
    active = int(gateway.ask("/calls")["active"])
    return Holdings(active, len(open_files(pid)), len(udp_ports(pid)), resident, **_in_use(gateway))


def memory_path(gateway: Gateway) -> Path:
    """Where the gateway says what it has in use, when asked (inside/sitecustomize.py)."""
    return gateway.folder / "memory.json"


def _in_use(gateway: Gateway) -> dict[str, int]:
    told = memory_path(gateway)
    told.unlink(missing_ok=True)
    gateway.signal(signal.SIGUSR1)
    wait_until(told.exists, "the gateway says what it has in use")
    found: dict[str, int] = json.loads(told.read_text())
    return found


def outcomes(gateway: Gateway) -> dict[str, list[str]]:
    """Every outcome that the log has for each inbound Call-ID; one is right."""
    found: dict[str, list[str]] = {}
    for line in gateway.ended_calls():
        found.setdefault(line["inbound_call_id"], []).append(f"{line['result']}/{line['reason']}")
    return found


def problems_of(calls: Iterable[Call], ended: Mapping[str, list[str]]) -> list[str]:
    """What is wrong with each call that did not go as its story has it, in words."""
    problems = []
    for call in calls:
        told = ended.get(call.scene.caller.call_id, [])
        name = f"{call.story.name} ({call.direction}, {call.scene.caller.call_id})"
        if len(told) != 1:
            problems.append(f"{name}: has {len(told)} outcomes: {', '.join(told) or 'none'}")
        elif told[0] not in call.story.outcomes:
            problems.append(f"{name}: ended as {told[0]}")
        if call.problem and not call.scene.loss:
            problems.append(f"{name}: {call.problem}")
    return problems


def leaks(before: Holdings, warm: Holdings, after: Holdings, calls: int) -> list[str]:
    """What is held after the calls that was not held before them; of memory, what so many calls added since `warm`."""
    found = []
    for name in ("calls", "files", "ports"):
        had, has = getattr(before, name), getattr(after, name)
        if has > had:
            found.append(f"{name}: {had} before, {has} after")
    for name, most in (("heap", MOST_HEAP_PER_CALL), ("blocks", MOST_BLOCKS_PER_CALL)):
        grown = (getattr(after, name) - getattr(warm, name)) / calls
        if grown > most:
            found.append(f"{name}: {grown:.1f} more for each call, {most:.1f} at most")
    return found


def table(calls: Iterable[Call], ended: Mapping[str, list[str]]) -> str:
    """Calls by story, and the outcomes that they had."""
    by_story: dict[str, Counter[str]] = {}
    for call in calls:
        told = ended.get(call.scene.caller.call_id, ["none"])
        by_story.setdefault(call.story.name, Counter()).update(told)
    lines = []
    for name, counted in sorted(by_story.items()):
        words = ", ".join(f"{outcome} {count}" for outcome, count in counted.most_common())
        lines.append(f"  {name:<28}{counted.total():>7}  {words}")
    return "\n".join(lines)
