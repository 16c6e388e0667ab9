"""What is sent inside a call carries no context: User-to-User is of the INVITE that begins it (RFC 7434, section 7)."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.talk import talking
from tests.process.test_hold import OTHER, is_hold, take, wait_for_offer
from tests.process.wire import carrying, header, sdp, status

CONTEXT = ("User-to-User: 414243;encoding=hex", "X-Queue: sales")


def configure(tree: Tree, site: Site) -> None:
    for trunk in tree["trunks"].values():
        trunk["hold"] = "relay"
    tree["context"]["fields"] = {
        "account": {"pbx": "uui", "twilio": "uui"},
        "queue": {"pbx": "header:X-Queue", "twilio": "header:X-Queue"},
    }


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_context_is_of_the_first_invite_alone(gateway: Gateway, by: str) -> None:
    with talking(gateway, "to_twilio", headers=CONTEXT) as talk:
        assert header(talk.placed, "User-to-User") == "414243;encoding=hex"
        assert header(talk.placed, "X-Queue") == "sales"
        hold = carrying(talk.request(by, "INVITE", 10), *CONTEXT, body=sdp("127.0.0.1") + "a=sendonly\r\n")
        talk.peer(by).send(hold)
        assert status(talk.peer(by).wait_for_final(hold)) == 200
        talk.peer(by).send(talk.request(by, "ACK", 10))
        held = wait_for_offer(talk, OTHER[by])
        assert is_hold(held)
        assert "User-to-User" not in held and "X-Queue" not in held
        take(talk, OTHER[by], held, "recvonly")
        talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")
