"""A side that is killed with its calls up: first both sides speak, then one is gone and its audio with it."""

from __future__ import annotations

import time

from tests.process.daemon import DIRECTIONS, Gateway
from tests.process.rtp import Packet, sound
from tests.soak.stories import Scene, Script, Story
from tests.soak.swarm import Call, Swarm

LIMIT_SECONDS = 60.0
"""For the calls to come up, and again for them to end."""
SPEAK_SECONDS = 0.3
"""Between two packets of an end: enough not to be silent."""
POLL_SECONDS = 0.2


def _talk_for_ever(scene: Scene) -> Script:
    scene.caller.takes_200 = True
    scene.caller.call()
    yield scene.callee, ("INVITE",)
    scene.callee.answer("200 OK", body=True)
    yield scene.callee, ("ACK",)
    yield scene.caller, ("200 INVITE",)


KILLED = Story("killed with its calls up", _talk_for_ever, ("indeterminate/media-timeout",))


def kill(gateway: Gateway, swarm: Swarm, side: str, count: int) -> list[Call]:
    """Let so many calls be up, both ways, and this side be gone; returns when the gateway has no call any more.

    Raises:
        AssertionError: they were never all up at once.
    """
    calls: list[Call] = []
    speech = _Speech(swarm, calls)
    for number in range(count):
        calls.append(swarm.begin(KILLED, DIRECTIONS[number % 2]))
        speech.go_on(0.005)
    deadline = time.monotonic() + LIMIT_SECONDS
    while (up := _talking(gateway)) < count:
        assert time.monotonic() < deadline, f"{up} calls of {count} are up"
        speech.go_on(POLL_SECONDS)
    swarm.close(side)
    deadline = time.monotonic() + LIMIT_SECONDS
    while gateway.ask("/calls")["active"] and time.monotonic() < deadline:
        speech.go_on(POLL_SECONDS)
    swarm.open(side)
    return calls


def _talking(gateway: Gateway) -> int:
    return [call["state"] for call in gateway.ask("/calls?limit=1000")["calls"]].count("talking")


class _Speech:
    """What the ends that are there say all the time."""

    def __init__(self, swarm: Swarm, calls: list[Call]) -> None:
        self._swarm = swarm
        self._calls = calls
        self._number = 0
        self._due = 0.0

    def go_on(self, seconds: float) -> None:
        """A packet of each end whenever it is due, and SIP for a while."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            if now >= self._due:
                self._due = now + SPEAK_SECONDS
                self._speak()
            self._swarm.step(seconds)

    def _speak(self) -> None:
        self._number += 1
        packet = Packet(self._number, 160 * self._number, sound(self._number)).build()
        for call in self._calls:
            for end in call.ends:
                self._swarm.speak(end, packet)
