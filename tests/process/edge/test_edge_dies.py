"""An edge that is killed while calls are up: audio goes on, each call gets its one end, and new ones go elsewhere."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.process.edge.conftest import Raise, Scene
from tests.process.edge.test_failover import Caller
from tests.process.rtp import RtpEnd, hear_each_other, open_path, rtp_place, sdp_at
from tests.process.talk import Talk
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, status

ENDS = [
    ("to_twilio", "success/completed"),
    ("to_twilio", "client-error/cancelled"),
    ("to_twilio", "success/completed"),
    ("to_pbx", "success/completed"),
]
"""Of the call that finds the edge dead, the one that rang, and those that were up."""


class Voices:
    """Audio of two peers who call each other."""

    def __init__(self, caller: WirePeer, callee: WirePeer, stack: ExitStack) -> None:
        self.caller, self.callee = caller, callee
        self.near, self.far = (stack.enter_context(RtpEnd(peer.place.host)) for peer in (caller, callee))

    def call(self, invite: str) -> Talk:
        self.caller.send(invite)
        placed = self.callee.wait_for("INVITE")
        self.callee.answer(placed, sdp_at(self.far.place))
        answer = self.caller.wait_for_final(invite)
        self.caller.send(self.caller.in_dialog("ACK", invite, answer))
        self.near.to, self.far.to = rtp_place(answer), rtp_place(placed)
        open_path(self.near, self.far)
        return Talk(self.caller, self.callee, invite, answer, placed)

    def go_on(self) -> None:
        hear_each_other(self.near, self.far)


def ring(it: Scene, caller: WirePeer) -> str:
    """A call that nobody answers; its INVITE."""
    caller.send(invite := caller.invite(user="+15550199"))
    it.agent.send(it.agent.reply(it.agent.wait_for("INVITE sip:+15550199@"), "180 Ringing"))
    caller.wait_for("SIP/2.0 180")
    return invite


def cancel(caller: WirePeer, invite: str) -> None:
    caller.send(caller.cancel(invite))
    final = caller.wait_for_final(invite)
    assert status(final) == 487
    caller.send(caller.in_dialog("ACK", invite, final))


def hang_up(peer: WirePeer, bye: str) -> None:
    peer.send(bye)
    assert status(peer.wait_for_answer(bye)) == 200


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_calls_outlive_their_edge(scene: Raise, transport: str) -> None:
    """One each way, and one that rings. The PBX gives up that one and hangs up another while the edge is away, and over
    UDP Twilio hears of it later; the edge is back when Twilio hangs up the last.
    """
    it = scene(transport, count=2)
    agent, pbx = it.agent, it.gateway.pbx
    with ExitStack() as stack:
        caller, impatient = (stack.enter_context(it.gateway.wire_caller(pbx)) for _ in range(2))
        callee = stack.enter_context(it.gateway.wire(pbx))
        out, back = Voices(caller, agent, stack), Voices(agent, callee, stack)
        to_twilio = out.call(caller.invite(user="+15550100", body=sdp_at(out.near.place)))
        to_pbx = back.call(agent.dial(it.own_uri(transport), body=sdp_at(back.near.place)))
        it.gateway.wait_for_talking(2)
        ringing = ring(it, impatient)
        it.edges[0].die()
        assert Caller(it).call() == 1
        out.go_on()
        back.go_on()
        it.gateway.wait_for_talking(2)
        cancel(impatient, ringing)
        it.gateway.told(msg="call ended", reason="cancelled")
        hang_up(caller, to_twilio.request("caller", "BYE", 90))
        it.gateway.told(3, msg="call ended")
        it.edges[0].start()
        if transport == "udp":
            agent.wait_for_of("BYE", to_twilio.placed)
        hang_up(agent, agent.within("BYE", to_pbx.invite, to_pbx.answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        ended = it.gateway.told(4, msg="call ended")
    assert sorted((line["direction"], f"{line['result']}/{line['reason']}") for line in ended) == sorted(ENDS)
    wait_until(lambda: it.gateway.counted("gateway_calls_total") == len(ENDS), "each is counted once")
    records = it.gateway.ask("/calls")["calls"]
    assert sorted(record["id"] for record in records) == sorted(line["call"] for line in ended)
