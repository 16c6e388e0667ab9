"""What a soak left behind: what the gateway holds before and after, and what became of each call."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.process.daemon import Gateway
from tests.process.process_files import open_files, udp_ports
from tests.soak.swarm import Call

MOST_GROWTH_BYTES = 16 * 1024 * 1024
"""How much more memory may be in use after the calls than after the first of them: PJSIP and Python keep what they
freed, and the last 1,000 records are kept."""


@dataclass(frozen=True)
class Holdings:
    """What the process has at one moment."""

    calls: int
    files: int
    ports: int
    memory: int


def holdings(gateway: Gateway) -> Holdings:
    pid = gateway.process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    return Holdings(int(gateway.ask("/calls")["active"]), len(open_files(pid)), len(udp_ports(pid)), memory)


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


def leaks(before: Holdings, warm: Holdings, after: Holdings) -> list[str]:
    """What is held after the calls that was not held before them."""
    found = []
    for name in ("calls", "files", "ports"):
        had, has = getattr(before, name), getattr(after, name)
        if has > had:
            found.append(f"{name}: {had} before, {has} after")
    grown = after.memory - warm.memory
    if grown > MOST_GROWTH_BYTES:
        found.append(f"memory: {grown / 2**20:.1f} MB more than after the first calls")
    return found


def settle(gateway: Gateway, before: Holdings, seconds: float) -> Holdings:
    """Wait until the process holds no more than before, as long as its last transactions may take."""
    deadline = time.monotonic() + seconds
    while True:
        now = holdings(gateway)
        if (now.calls, now.ports) == (before.calls, before.ports) and now.files <= before.files:
            return now
        if time.monotonic() > deadline:
            return now
        time.sleep(0.5)


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
