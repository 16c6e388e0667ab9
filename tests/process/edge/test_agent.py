"""The agent behind the edge is as strict as the real one: it fails for what comes another way, or is not allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.authority import Authority
from tests.process.edge.agent import TwilioAgent
from tests.process.edge.kamailio import Edge
from tests.process.places import own_host
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    """Nobody runs it: the test speaks in its place."""
    return Edge(tmp_path, Authority(tmp_path / "authority"), own_host())


@pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE", "CANCEL"])
def test_what_is_sent_straight_to_its_contact_fails(edge: Edge, method: str) -> None:
    with TwilioAgent(edge) as agent, WirePeer(edge.agent, own_host()) as outside:
        outside.send(outside.request(method))
        with pytest.raises(AssertionError, match="not by the edge"):
            wait_until(lambda: agent.received(method), method)


@pytest.mark.parametrize("method", ["PRACK", "UPDATE", "INFO"])
def test_what_twilio_does_not_allow_fails(edge: Edge, method: str) -> None:
    with pytest.raises(AssertionError, match=f"not allowed: {method}"), TwilioAgent(edge) as agent:
        speak_as_edge(edge, agent, method)


def test_a_call_without_the_route_set_of_the_edge_fails(edge: Edge) -> None:
    with pytest.raises(AssertionError, match="0 routes: INVITE"), TwilioAgent(edge) as agent:
        speak_as_edge(edge, agent, "INVITE")


def speak_as_edge(edge: Edge, agent: TwilioAgent, method: str) -> None:
    with WirePeer(edge.agent, edge.inside) as inside:
        inside.send(inside.request(method))
        agent.wait_for(method)
