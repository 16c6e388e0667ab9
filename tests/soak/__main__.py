"""Plays thousands of calls against a gateway, and says what is left of them; the exit code is the verdict.

First a side is killed with its calls up. Then a fifth of the calls, to know what memory a busy gateway takes; then the
others. At the end every call must have ended once, as its story allows, and the process hold no more than before.
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
from tests.process.waiting import wait_until
from tests.soak.stories import STORIES, Scene, Script, Story
from tests.soak.swarm import Call, Swarm
from tests.soak.verdict import Holdings, holdings, leaks, outcomes, problems_of, settle, table

SETTLE_SECONDS = 45.0
"""The last transactions take 32 s (RFC 3261, 64 * T1)."""
WARM_SHARE = 0.2
KILLED_CALLS = 200
MEDIA_TIMEOUT_SECONDS = 8
SHOWN_PROBLEMS = 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="how many calls (default: 20000)")
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
    tree["limits"] |= {"calls": 1000, "response_seconds": 1}
    tree["context"]["fields"]["ticket"] = {"pbx": "header:X-Ticket", "twilio": "header:X-Ticket"}
    gateway = Gateway(site, tree)
    gateway.start()
    return gateway


def _soak(gateway: Gateway, options: argparse.Namespace) -> list[str]:
    site = gateway.site
    before = holdings(gateway)
    calls: list[Call] = []
    with Swarm(site.gateway, {"pbx": site.pbx, "twilio": site.twilio}, options.seed) as swarm:
        calls += _kill(gateway, swarm)
        began = time.monotonic()
        warm_calls = int(options.calls * WARM_SHARE)
        calls += _play(swarm, warm_calls, options.rate)
        warm = holdings(gateway)
        calls += _play(swarm, options.calls - warm_calls, options.rate)
        offered = options.calls / (time.monotonic() - began)
        _finish(swarm)
        after = settle(gateway, before, SETTLE_SECONDS)
        ended = outcomes(gateway)
        print(table(calls, ended))
        _say(options, offered, swarm, (before, warm, after))
    counted = gateway.counts()
    total = sum(value for (name, _), value in counted.items() if name == "gateway_calls_total")
    problems = problems_of(calls, ended) + leaks(before, warm, after)
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


def _finish(swarm: Swarm) -> None:
    """Go on until every story is over; each has a limit of its own."""
    while len(swarm.finished) < len(swarm.calls):
        swarm.step()


def _talk_for_ever(scene: Scene) -> Script:
    scene.caller.takes_200 = True
    scene.caller.call()
    yield scene.callee, ("INVITE",)
    scene.callee.answer("200 OK", body=True)
    yield scene.callee, ("ACK",)
    yield scene.caller, ("200 INVITE",)


def _talking(gateway: Gateway) -> int:
    return [call["state"] for call in gateway.ask("/calls?limit=1000")["calls"]].count("talking")


KILLED = Story("killed with its calls up", _talk_for_ever, ("indeterminate/media-timeout",))


def _kill(gateway: Gateway, swarm: Swarm) -> list[Call]:
    """The PBX is gone with so many calls up, and with it the audio."""
    calls = []
    for number in range(KILLED_CALLS):
        calls.append(swarm.begin(KILLED, ("to_twilio", "to_pbx")[number % 2]))
        swarm.step(0.005)
    _finish(swarm)
    wait_until(lambda: _talking(gateway) == KILLED_CALLS, f"{KILLED_CALLS} calls are up")
    swarm.close("pbx")
    deadline = time.monotonic() + MEDIA_TIMEOUT_SECONDS + SETTLE_SECONDS
    while gateway.ask("/calls")["active"] and time.monotonic() < deadline:
        for _ in range(20):
            swarm.step()
    swarm.open("pbx")
    return calls


def _say(options: argparse.Namespace, offered: float, swarm: Swarm, found: tuple[Holdings, Holdings, Holdings]) -> None:
    print(
        f"soak: {options.calls} calls at {offered:.0f} a second, and {KILLED_CALLS} whose PBX was killed; "
        f"{swarm.datagrams} datagrams came from the gateway, {swarm.lost} were lost on purpose; seed {options.seed}"
    )
    print(f"  {'':<28}{'calls':>7}{'files':>7}{'ports':>7}{'memory':>10}")
    for name, held in zip(("before", "after the first fifth", "after all"), found, strict=True):
        memory = f"{held.memory / 2**20:.1f} MB"
        print(f"  {name:<28}{held.calls:>7}{held.files:>7}{held.ports:>7}{memory:>10}")


if __name__ == "__main__":
    sys.exit(main())
