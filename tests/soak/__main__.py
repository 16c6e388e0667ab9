"""Plays thousands of calls against a gateway, and says what is left of them; the exit code is the verdict.

First a side is killed with its calls up. Then a fifth of the calls, to know what a gateway keeps that has been busy;
then the others. At the end every call must have ended once, as its story allows, and the process hold no more.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.process.daemon import Gateway, Site
from tests.soak.killing import kill
from tests.soak.stories import STORIES
from tests.soak.swarm import Call, Swarm
from tests.soak.verdict import Holdings, holdings, leaks, memory_path, outcomes, problems_of, table

SETTLE_SECONDS = 45.0
"""The last transactions take 32 s (RFC 3261, 64 * T1), and only then is their memory given back."""
INSIDE = Path(__file__).parent / "inside"
WARM_SHARE = 0.2
KILLED_CALLS = 200
MEDIA_TIMEOUT_SECONDS = 8
SHOWN_PROBLEMS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument(
        "--calls", type=int, default=20_000, help="how many calls (default: 20000; 5000 at least, to judge memory)"
    )
    parser.add_argument("--rate", type=int, default=110, help="how many a second (default: 110)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default: 1)")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="gateway-soak-"))
    gateway = _start(folder)
    try:
        problems = _soak(gateway, options)
    finally:
        gateway.end_calls()
        gateway.stop()
    for problem in problems[:SHOWN_PROBLEMS]:
        print(f"soak: WRONG: {problem}")
    print(f"soak: {len(problems)} problems" if problems else "soak: every call ended once and as it should; no leak")
    if not problems:
        shutil.rmtree(folder)
    return 1 if problems else 0


def _start(folder: Path) -> Gateway:
    site = Site(folder)
    tree = site.configuration()
    tree["media"] = {"rtp_ports": "20000-25999", "timeout_seconds": MEDIA_TIMEOUT_SECONDS}
    tree["limits"] |= {"calls": 1000, "response_seconds": 5}
    tree["context"]["fields"]["ticket"] = {"pbx": "header:X-Ticket", "twilio": "header:X-Ticket"}
    gateway = Gateway(site, tree)
    gateway.environment |= {"PYTHONPATH": str(INSIDE), "SOAK_MEMORY": str(memory_path(gateway))}
    gateway.start()
    return gateway


def _soak(gateway: Gateway, options: argparse.Namespace) -> list[str]:
    site = gateway.site
    before = holdings(gateway)
    calls: list[Call] = []
    with Swarm(site.gateway, {"pbx": site.pbx, "twilio": site.twilio}, options.seed) as swarm:
        calls += kill(gateway, swarm, "pbx", KILLED_CALLS)
        warm_calls = int(options.calls * WARM_SHARE)
        rates, found = [], [before]
        for count in (warm_calls, options.calls - warm_calls):
            began = time.monotonic()
            calls += _play(swarm, count, options.rate)
            rates.append(count / (time.monotonic() - began))
            _rest(swarm)
            found.append(holdings(gateway))
        ended = outcomes(gateway)
        print(table(calls, ended))
        _say(options, min(rates), swarm, found)
    total = gateway.measured("gateway_calls_total")
    problems = problems_of(calls, ended) + leaks(*found, options.calls - warm_calls)
    if total != len(calls):
        problems.append(f"{len(calls)} calls were made, and gateway_calls_total says {total:.0f}")
    return problems


def _play(swarm: Swarm, count: int, rate: int) -> list[Call]:
    """Begin so many calls at this rate, to either side by turns."""
    calls: list[Call] = []
    began = time.monotonic()
    while len(calls) < count:
        wanted = min(count, int((time.monotonic() - began) * rate) + 1)
        while len(calls) < wanted:
            direction = ("to_twilio", "to_pbx")[len(calls) % 2]
            calls.append(swarm.begin(swarm.choose(STORIES), direction))
        swarm.step(1 / rate)
    return calls


def _rest(swarm: Swarm) -> None:
    """Go on until every story is over, each of which has a limit of its own, and every transaction too."""
    while len(swarm.finished) < len(swarm.calls):
        swarm.step()
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until:
        swarm.step()


def _say(options: argparse.Namespace, offered: float, swarm: Swarm, found: list[Holdings]) -> None:
    print(
        f"soak: {options.calls} calls at {offered:.0f} a second or more, and {KILLED_CALLS} whose PBX was killed; "
        f"{swarm.datagrams} datagrams came from the gateway, {swarm.lost} were lost on purpose; seed {options.seed}"
    )
    print(f"  {'':<28}{'calls':>7}{'files':>7}{'ports':>7}{'resident':>12}{'in use':>12}{'objects':>10}")
    for name, held in zip(("before", "after the first fifth", "after all"), found, strict=True):
        resident, heap = (f"{size / 2**20:.2f} MB" for size in (held.resident, held.heap))
        print(f"  {name:<28}{held.calls:>7}{held.files:>7}{held.ports:>7}{resident:>12}{heap:>12}{held.blocks:>10}")


if __name__ == "__main__":
    sys.exit(main())
