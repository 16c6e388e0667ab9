"""PJSIP gives the place of a call that ended to the next one, at once; the end of the first must not end the second."""

from __future__ import annotations

import signal

from tests.process.daemon import Gateway, Site, Tree
from tests.process.talk import talking
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, header, status

PLACES = 2 * 2 + 64
"""Of PJSIP's calls: two legs for each of limits.calls, and the spare ones (gateway/sip/stack.py). Given out in turn."""


def configure(tree: Tree, site: Site) -> None:
    tree["limits"]["calls"] = 2


def newest_invite(callee: WirePeer, seen: set[str]) -> str:
    """The INVITE of a call that was not seen before."""

    def found() -> list[str]:
        return [invite for invite in callee.received("INVITE") if header(invite, "Call-ID") not in seen]

    invite = wait_until(found, "another INVITE")[0]
    seen.add(header(invite, "Call-ID"))
    return invite


def test_a_call_in_the_place_of_one_that_ends_in_the_same_moment(gateway: Gateway) -> None:
    seen: set[str] = set()
    with gateway.wire_caller(gateway.pbx) as other, talking(gateway, "to_twilio") as talk:
        seen.add(header(talk.placed, "Call-ID"))
        for _ in range(PLACES // 2 - 1):
            invite = other.invite()
            other.send(invite)
            talk.callee.send(talk.callee.reply(newest_invite(talk.callee, seen), "486 Busy Here"))
            other.send(other.in_dialog("ACK", invite, other.wait_for_final(invite)))
        gateway.signal(signal.SIGSTOP)  # so that both are there when it looks
        try:
            talk.caller.send(talk.request("caller", "BYE", 90))
            invite = other.invite()
            other.send(invite)
        finally:
            gateway.signal(signal.SIGCONT)
        talk.callee.send(talk.callee.reply(talk.callee.wait_for("BYE"), "200 OK"))
        placed = newest_invite(talk.callee, seen)
        talk.callee.send(talk.callee.reply(placed, "486 Busy Here"))
        final = other.wait_for_final(invite)
        other.send(other.in_dialog("ACK", invite, final))
        assert status(final) == 486
