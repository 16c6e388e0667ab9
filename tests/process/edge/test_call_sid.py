"""The name that Twilio gives a call: on its INVITE, ACK and BYE and on its answer, and what becomes of it on each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.process.daemon import Tree
from tests.process.edge.agent import ACCOUNT, CALL_SID, SID
from tests.process.edge.conftest import Raise, Scene
from tests.process.edge.kamailio import Edge
from tests.process.wire import WirePeer, header, status, values

Change = Callable[[Tree, list[Edge]], None]


def read_on_all(tree: Tree, edges: list[Edge]) -> None:
    """Fields for what Twilio sends after the INVITE, as calls of each direction have it; there is none for an ACK."""
    for direction, on in (("to_twilio", ["answer", "end"]), ("to_pbx", ["end"])):
        places = {"twilio": "header:X-Twilio-CallSid", "pbx": "header:X-Sid"}
        tree["context"]["fields"][f"sid_{direction}"] = places | {"direction": direction, "on": on}


def read_on_invite(tree: Tree, edges: list[Edge]) -> None:
    """As every scene has it."""


def no_other_sid(peer: WirePeer, *named: str) -> None:
    """Nothing that the PBX got but these messages has a SID of Twilio's."""
    others = [message for message in peer.received() if message not in named]
    assert [message for message in others if CALL_SID in message or "AC0123" in message or "X-Twilio" in message] == []


@pytest.mark.parametrize("change", [read_on_all, read_on_invite])
def test_what_names_a_call_is_context_where_a_field_reads_it_and_nothing_else(scene: Raise, change: Change) -> None:
    it = scene("tls", change)
    sids = [CALL_SID] if change is read_on_all else []
    twilio_takes_a_call(it, sids)
    twilio_makes_a_call(it, sids)
    it.gateway.told(2, msg="call ended", result="success", reason="completed")


def twilio_takes_a_call(it: Scene, sids: list[str]) -> None:
    """Its 200 and its BYE name the call."""
    with it.gateway.wire_caller(it.gateway.pbx) as caller:
        invite = caller.invite(user="+15550100")
        caller.send(invite)
        arrived = it.agent.take()
        answer = caller.wait_for("SIP/2.0 200")
        assert values(answer, "X-Sid") == sids
        caller.send(caller.in_dialog("ACK", invite, answer))
        it.gateway.wait_for_talking()
        hang_up(it, it.agent.within_taken("BYE", arrived))
        bye = caller.wait_for("BYE")
        assert values(bye, "X-Sid") == sids
        caller.send(caller.reply(bye, "200 OK"))
        no_other_sid(caller, *([answer, bye] if sids else []))


def twilio_makes_a_call(it: Scene, sids: list[str]) -> None:
    """Its INVITE, its ACK and its BYE do."""
    with it.gateway.wire(it.gateway.pbx) as callee:
        invite = it.agent.dial(it.own_uri("tls"))
        it.agent.send(invite)
        placed = callee.wait_for("INVITE")
        assert header(placed, "X-PBX-SID") == CALL_SID
        callee.answer(placed)
        answer = it.agent.wait_for_final(invite)
        it.agent.send(ack := it.agent.within("ACK", invite, answer))
        assert SID in ack
        it.gateway.wait_for_talking()
        hang_up(it, it.agent.within("BYE", invite, answer, 2))
        bye = callee.wait_for("BYE")
        assert values(bye, "X-Sid") == sids
        callee.send(callee.reply(bye, "200 OK"))
        no_other_sid(callee, placed, *([bye] if sids else []))


def hang_up(it: Scene, bye: str) -> None:
    assert SID in bye
    it.agent.send(bye)
    assert status(it.agent.wait_for_answer(bye)) == 200


LONG = "CA" + 3000 * "f"
ODD: dict[str, list[str]] = {
    "": [],
    "\x00": [],
    "\x01\x7f\u00fc": [],
    LONG: [LONG],
    f"{CALL_SID}\r\n{SID}\r\n{ACCOUNT}": [CALL_SID],
}
"""What stands there in place of a SID, and what the PBX is told."""


def test_what_is_odd_about_it_harms_no_call(scene: Raise) -> None:
    """On ACK and BYE: each call goes on, and ends as it should."""
    it = scene("tcp", read_on_all)
    for odd, told in ODD.items():
        with it.gateway.wire(it.gateway.pbx) as callee:
            it.agent.send(invite := it.agent.dial(it.own_uri("tcp")))
            callee.answer(callee.wait_for("INVITE"))
            answer = it.agent.wait_for_final(invite)
            for method, number in (("ACK", 1), ("BYE", 2)):
                request = it.agent.within(method, invite, answer, number)
                it.agent.send(request.replace(SID, f"X-Twilio-CallSid: {odd}"))
            bye = callee.wait_for("BYE")
            assert values(bye, "X-Sid") == told
            callee.send(callee.reply(bye, "200 OK"))
    it.gateway.assert_outcomes("to_pbx", *["success/completed"] * len(ODD))
