"""What the wire of each side shows of the other: nothing."""

from __future__ import annotations

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.test_hold import wait_for_offer
from tests.process.topology import ADDRESS, ENDINGS, SECRETS, Ending, assert_nothing_crosses
from tests.process.transfers import NOWHERE, transferring
from tests.process.wire import carrying, header, sdp, status


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_no_side_sees_anything_of_the_other(gateway: Gateway, direction: str, ending: Ending) -> None:
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        assert_nothing_crosses(gateway.site.gateway.host, caller, callee, ending)
    gateway.told(msg="call ended")


def holding(tree: Tree, site: Site) -> None:
    for trunk in tree["trunks"].values():
        trunk["hold"] = "relay"


def test_nothing_crosses_inside_a_call(start_gateway: StartGateway) -> None:
    """Hold that is passed on, OPTIONS, INFO, a transfer with all that is told of it, and SDP with words of its own."""
    gateway = start_gateway(holding)
    host, ours = gateway.pbx.place.host, gateway.site.gateway.host
    offer = sdp(host).replace("o=wire", "o=secret").replace("s=-", "s=secret") + "a=secret:1\r\n"
    with transferring(gateway, "callee", *SECRETS, offer=offer) as transfer:
        talk, target_place = transfer.talk, transfer.near
        hold = carrying(talk.request("caller", "INVITE", 10), *SECRETS, body=f"{offer}a=sendonly\r\n")
        talk.caller.send(hold)
        assert status(talk.caller.wait_for_final(hold)) == 200
        talk.caller.send(talk.request("caller", "ACK", 10))
        taken = sdp(talk.callee.place.host).replace("s=-", "s=secret") + "a=recvonly\r\n"
        passed_on = wait_for_offer(talk, "callee")
        talk.callee.send(talk.callee.reply(passed_on, "200 OK", "Server: Secret-Server/2.0", *SECRETS[:1], body=taken))
        for by in ("caller", "callee"):
            for number, method in enumerate(("OPTIONS", "INFO"), 11):
                request = carrying(talk.request(by, method, number), *SECRETS)
                talk.peer(by).send(request)
                talk.peer(by).wait_for_final(request)
        said = f"Refer-To: <sip:2000@{NOWHERE}>", f"Referred-By: <sip:secret@{talk.callee.place}>"
        refer = carrying(talk.request("callee", "REFER", 20), *said, *SECRETS)
        talk.callee.send(refer)
        assert status(talk.callee.wait_for_final(refer)) == 202
        target = transfer.target()
        target_place.send(target_place.reply(target, "180 Ringing", "Server: Secret-Server/2.0", *SECRETS[:1]))
        transfer.wait_until_told("100 Trying", "180 Ringing")
        target_place.send(target_place.reply(target, "200 OK", *SECRETS[:1], body=sdp(host)))
        transfer.wait_until_told("100 Trying", "180 Ringing", "200 OK")
        transfer.is_hung_up_on()
        transfer.leave("caller")
        target_place.send(target_place.reply(target_place.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")
        at_pbx, at_twilio = "".join(talk.caller.received() + target_place.received()), "".join(talk.callee.received())
    assert set(ADDRESS.findall(at_pbx)) == {ours, host}
    assert set(ADDRESS.findall(at_twilio)) == {ours, talk.callee.place.host}
    assert "ecret" not in at_pbx + at_twilio
    of_twilio, of_pbx = header(talk.placed, "Call-ID"), (header(talk.invite, "Call-ID"), header(target, "Call-ID"))
    assert of_twilio not in at_pbx
    assert not any(one in at_twilio for one in of_pbx)


def relaying(tree: Tree, site: Site) -> None:
    for trunk in tree["trunks"].values():
        trunk["transfer"] = "relay"


def test_a_transfer_that_is_passed_on_names_no_host_of_who_asks(start_gateway: StartGateway) -> None:
    """Of the target the other side gets the user, at a host that it knows: not where it is, nor what its call is."""
    gateway = start_gateway(relaying)
    for by in ("caller", "callee"):
        with transferring(gateway, by) as transfer:
            asks, other = transfer.asks, transfer.other
            at = f"{asks.place.host}:5070;transport=tcp;maddr={asks.place.host}"
            said = f"Refer-To: <sip:2000@{at}>", f"Referred-By: <sip:secret@{at}>", *SECRETS
            refer = carrying(transfer.talk.request(by, "REFER", 20), *said)
            asks.send(refer)
            asked = other.wait_for("REFER")
            home = gateway.twilio.place if by == "caller" else gateway.pbx.place
            assert header(asked, "Refer-To") == f"<sip:2000@{home}>"
            other.send(other.reply(asked, "603 Decline", "Server: Secret-Server/2.0"))
            assert status(asks.wait_for_final(refer)) == 603
            transfer.talk.hang_up()
            for peer in (asks, other):
                seen = "".join(peer.received())
                assert set(ADDRESS.findall(seen)) == {gateway.site.gateway.host, peer.place.host}
                assert "ecret" not in seen
