"""An edge that is there and says nothing: calls go by another, what was up goes on, and nothing is left of it."""

from __future__ import annotations

import pytest

from tests.process.daemon import Tree
from tests.process.edge.conftest import Raise, Scene
from tests.process.edge.kamailio import Edge
from tests.process.edge.test_failover import INTERVAL_SECONDS, Caller
from tests.process.talk import talk_between
from tests.process.waiting import wait_until
from tests.process.wire import header


def impatient(tree: Tree, edges: list[Edge]) -> None:
    """What a call finds out is remembered."""
    tree["limits"]["response_seconds"] = 2
    tree["trunks"]["twilio"]["options_interval_seconds"] = INTERVAL_SECONDS


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "unconnected"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_calls_go_by_the_other_edge(scene: Raise, transport: str, is_connected: bool) -> None:
    """The first is placed twice, the next once; when the edge goes on, nothing comes of what it was asked meanwhile."""
    it = scene(transport, impatient, count=2)
    caller = Caller(it)
    with it.gateway.wire_caller(it.gateway.pbx) as early:
        if is_connected:
            talk = talk_between(it.gateway, early, it.agent, early.invite(user="+15550100"))
        with it.edges[0].hanging():
            assert [caller.call(), caller.call()] == [1, 1]
            wait_until(lambda: len(it.gateway.active_calls()) == is_connected, "what was up goes on, and no more")
        if is_connected:
            talk.hang_up()
        forget_who_is_down(it)
        assert caller.call() == 0
        ended = it.gateway.assert_outcomes("to_twilio", *["success/completed"] * (3 + is_connected))
    assert [line["attempts"] for line in ended] == [2, 1, 1, 1][: len(ended)]
    assert len({header(invite, "Call-ID") for invite in it.agent.received("INVITE")}) == 1 + is_connected


def forget_who_is_down(scene: Scene) -> None:
    """A trunk that is not asked counts as up."""
    del scene.gateway.configuration["trunks"]["twilio"]["options_interval_seconds"]
    scene.gateway.write_configuration()
    assert scene.gateway.request("/reload", "POST")[0] == 200
