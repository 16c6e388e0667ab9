"""Calls both ways at the same time through Twilio's edge, over each transport: each is itself, and none is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.process.daemon import DIRECTIONS, Tree
from tests.process.edge.conftest import Raise, Scene
from tests.process.edge.kamailio import Edge
from tests.process.srtp import STRONG, crypto, cryptos, new_key, secured
from tests.process.wire import WirePeer, header, sdp

CALLS = 5
"""In each direction."""


@dataclass
class Made:
    """A call that is up: who made it and who took it, with the messages that made it."""

    caller: WirePeer
    callee: WirePeer
    invite: str
    answer: str
    placed: str

    def hang_up(self) -> None:
        self.caller.send(self.caller.in_dialog("BYE", self.invite, self.answer, 2))
        self.callee.send(self.callee.reply(self.callee.wait_for_of("BYE", self.placed), "200 OK"))


@dataclass
class Crowd:
    """Both sides of a gateway, which call each other."""

    scene: Scene
    transport: str
    callers: list[WirePeer]
    """Of the PBX, one for each call."""
    callee: WirePeer
    """Of the PBX, where it is called."""

    def make(self) -> Iterator[Made]:
        """Call before anybody answers, then answer everybody."""
        agent = self.scene.agent
        sent = [self._to_twilio(number, caller) for number, caller in enumerate(self.callers)]
        dialled = [self._to_pbx(number) for number in range(len(self.callers))]
        for place, (caller, invite) in enumerate(zip(self.callers, sent, strict=True)):
            placed = agent.wait_for(f"INVITE sip:{number_of(0, place)}@")
            yield self._answered(caller, agent, invite, placed)
        for place, invite in enumerate(dialled):
            placed = self.callee.wait_for(f"INVITE sip:{number_of(1, place)}@")
            yield self._answered(agent, self.callee, invite, placed)

    def _to_twilio(self, place: int, caller: WirePeer) -> str:
        user = number_of(0, place)
        caller.send(invite := caller.invite(f"X-PBX-CUSTOMER-ID: C-{user}", user=user))
        return invite

    def _to_pbx(self, place: int) -> str:
        user = number_of(1, place)
        uri = f"{self.scene.own_uri(self.transport, user)}?X-CustomerID=C%2D{user}"
        self.scene.agent.send(invite := self.scene.agent.dial(uri, body=self.media()))
        return invite

    def _answered(self, caller: WirePeer, taker: WirePeer, invite: str, placed: str) -> Made:
        body = self.media() if taker is self.scene.agent else sdp(taker.place.host)
        taker.send(taker.reply(placed, "200 OK", body=body))
        answer = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, answer))
        taker.wait_for_of("ACK", placed)
        return Made(caller, taker, invite, answer, placed)

    def media(self) -> str:
        """The agent's offer or answer."""
        host = self.scene.agent.place.host
        return secured(host, crypto(1, STRONG, new_key())) if self.transport == "tls" else sdp(host)


def number_of(direction: int, place: int) -> str:
    """Whom a call is for: no two are for the same."""
    return f"{direction + 1}{place:03}"


def encrypt(tree: Tree, edges: list[Edge]) -> None:
    tree["trunks"]["twilio"]["srtp"] = "required"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_calls_both_ways_at_once(scene: Raise, transport: str) -> None:
    """Over TLS the edge is one of Secure Media."""
    is_secure = transport == "tls"
    it = scene(transport, *([encrypt] if is_secure else []), secure=is_secure)
    with ExitStack() as stack:
        pbx = it.gateway.pbx
        callers = [stack.enter_context(it.gateway.wire_caller(pbx)) for _ in range(CALLS)]
        crowd = Crowd(it, transport, callers, stack.enter_context(it.gateway.wire(pbx)))
        made = list(crowd.make())
        it.gateway.wait_for_talking(2 * CALLS)
        for place, call in enumerate(made):
            direction, number = divmod(place, CALLS)
            at_twilio, at_pbx = (call.placed, call.answer) if direction == 0 else (call.answer, call.placed)
            name = ("X-CustomerID", "X-PBX-CUSTOMER-ID")[direction]
            assert header(call.placed, name) == f"C-{number_of(direction, number)}"
            assert (" RTP/SAVP 0" if is_secure else " RTP/AVP 0") in at_twilio
            assert [suite for _, suite, _ in cryptos(at_twilio)][:1] == [STRONG] * is_secure
            assert " RTP/AVP 0" in at_pbx
            assert cryptos(at_pbx) == []
        for call in made:
            call.hang_up()
        ended = it.gateway.told(2 * CALLS, msg="call ended", result="success", reason="completed")
    assert sorted(line["direction"] for line in ended) == sorted(DIRECTIONS * CALLS)
    records = it.gateway.ask("/calls")["calls"]
    assert sorted(record["id"] for record in records) == sorted(line["call"] for line in ended)
