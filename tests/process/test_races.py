"""Races and losses, a few calls of each at once: every call ends once, as it should. `make soak` plays thousands.

BYE of the callee before the ACK is in test_scopes.py, an answer that is never acknowledged and sides that vanish are in
test_timeouts.py, audio that stops is in test_silence.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.soak.killing import KILLED, kill
from tests.soak.stories import RACES, Story
from tests.soak.swarm import STORY_SECONDS, Call, Swarm
from tests.soak.verdict import outcomes, problems_of

CALLS = 6
"""Of each story each way, every one with other dice."""
KILLED_CALLS = 200
SILENT_SECONDS = 8


def configure(tree: Tree, site: Site) -> None:
    tree["limits"] |= {"response_seconds": 30, "calls": 2 * CALLS * len(RACES)}
    tree["context"]["fields"]["ticket"] = {"pbx": "header:X-Ticket", "twilio": "header:X-Ticket"}


@dataclass(frozen=True)
class Played:
    """All calls, and the outcomes that the gateway told of each, by inbound Call-ID."""

    calls: list[Call]
    ended: dict[str, list[str]]
    counted: float


def swarm_of(gateway: Gateway) -> Swarm:
    site = gateway.site
    return Swarm(site.gateway, {"pbx": site.pbx, "twilio": site.twilio})


@pytest.fixture(scope="module")
def played(module_gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Every race, all calls at once; the gateway must hold nothing of them afterwards."""
    with module_gateway.watched(tmp_path_factory.mktemp("played")) as gateway, swarm_of(gateway) as swarm:
        calls = [swarm.begin(story, way) for _ in range(CALLS) for story in RACES for way in DIRECTIONS]
        deadline = time.monotonic() + STORY_SECONDS
        while not _is_over(gateway, swarm, calls) and time.monotonic() < deadline:
            until = time.monotonic() + 0.2
            while time.monotonic() < until:
                swarm.step()
        gateway.told(len(calls), msg="call ended")
        yield Played(calls, outcomes(gateway), gateway.counted("gateway_calls_total"))


def _is_over(gateway: Gateway, swarm: Swarm, calls: list[Call]) -> bool:
    """Whether nothing is left to wait for; where the network loses, an end may wait for what never left."""
    waiting = [call for call in calls if not call.over and not call.scene.loss]
    return not waiting and len(gateway.ended_calls()) >= len(calls) and not gateway.ask("/calls")["active"]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("story", RACES, ids=lambda story: story.name)
def test_a_race(played: Played, direction: str, story: Story) -> None:
    calls = [call for call in played.calls if call.story is story and call.direction == direction]
    assert problems_of(calls, played.ended) == []


def test_each_race_was_counted_once(played: Played) -> None:
    assert played.counted == len(played.calls) == len(played.ended)


def test_a_side_that_is_killed_with_its_calls_up(start_gateway: StartGateway) -> None:
    def change(tree: Tree, site: Site) -> None:
        configure(tree, site)
        tree["media"] = {"rtp_ports": "20000-20799", "timeout_seconds": SILENT_SECONDS}
        tree["limits"]["calls"] = KILLED_CALLS

    gateway = start_gateway(change)
    with swarm_of(gateway) as swarm:
        calls = kill(gateway, swarm, "pbx", KILLED_CALLS)
        gateway.told(KILLED_CALLS, msg="call ended")
        assert problems_of(calls, outcomes(gateway)) == []
        assert gateway.counted("gateway_calls_total", reason=KILLED.outcomes[0].partition("/")[2]) == KILLED_CALLS
