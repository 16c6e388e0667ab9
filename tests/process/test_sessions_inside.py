"""Session-ID (RFC 7989) in what is asked inside a call: re-INVITE, REFER, NOTIFY; one leg is TLS, the other UDP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.process.authority import Authority, Certificate
from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import free_port
from tests.process.talk import Talk
from tests.process.test_hold import OTHER, wait_for_offer
from tests.process.transfers import another_invite
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, sdp, status, values
from tests.process.wire_tls import TlsWireServer

A, B, C, NIL = "a" * 32, "b" * 32, "c" * 32, "0" * 32
TO_CALLER, TO_CALLEE = f"{B};remote={A}", f"{A};remote={B}"
CSEQ = {"INVITE": 20, "REFER": 20, "NOTIFY": 20, "BYE": 30}
TOLD = {"caller": TO_CALLER, "callee": TO_CALLEE}


def configure(tree: Tree, site: Site) -> None:
    """The PBX's transfers are made here, Twilio's by the PBX; hold is passed on both ways."""
    authority = Authority(site.folder / "authority")
    ours, theirs = authority.certify(site.gateway.host), authority.certify(site.twilio.host)
    kept = certificate(site)
    shutil.copy(theirs.certificate, kept.certificate)
    shutil.copy(theirs.private_key, kept.private_key)
    tree["sip"]["listen"].append(f"tls://{site.gateway.host}:{free_port(site.gateway.host)}")
    tree["sip"]["tls"] = ours.settings(authority.file)
    tree["trunks"]["twilio"] |= {"uris": [f"sip:{site.twilio};transport=tls"], "transfer": "relay", "hold": "relay"}
    tree["trunks"]["pbx"] |= {"transfer": "local", "hold": "relay"}


def certificate(site: Site) -> Certificate:
    """Twilio's."""
    return Certificate(site.folder / "twilio.pem", site.folder / "twilio.key")


def told(message: str) -> list[str]:
    return values(message, "Session-ID")


@contextmanager
def named_talk(gateway: Gateway) -> Iterator[Talk]:
    """A call from the PBX to Twilio whose ends name themselves A and B, and all that the caller is told is of B."""
    twilio = TlsWireServer(gateway.site.gateway, gateway.twilio.place, certificate(gateway.site))
    with gateway.wire_caller(gateway.pbx) as caller, twilio as callee:
        invite = caller.invite(f"Session-ID: {A};remote={NIL}")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "200 OK", f"Session-ID: {B};remote={A}", body=sdp(callee.place.host)))
        callee.wait_for("ACK")
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        yield Talk(caller, callee, invite, answer, placed)
        gateway.assert_outcomes("to_twilio", "success/completed")
        assert {tuple(told(one)) for one in caller.received() if not one.startswith("SIP/2.0 100")} == {(TO_CALLER,)}


def ask(talk: Talk, by: str, method: str, *headers: str, body: str = "", kind: str = "application/sdp") -> str:
    """Send a request of one side, which names itself; the request."""
    session = f"Session-ID: {TOLD[OTHER[by]]}"
    request = carrying(talk.request(by, method, CSEQ[method]), session, *headers, body=body, kind=kind)
    talk.peer(by).send(request)
    return request


def hang_up(talk: Talk) -> None:
    request = ask(talk, "caller", "BYE")
    talk.caller.wait_for_final(request)
    bye = talk.callee.wait_for("BYE")
    assert told(bye) == [TO_CALLEE]
    talk.callee.send(talk.callee.reply(bye, "200 OK"))


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_a_hold_that_is_passed_on(gateway: Gateway, by: str) -> None:
    with named_talk(gateway) as talk:
        peer, other = talk.peer(by), talk.peer(OTHER[by])
        held = ask(talk, by, "INVITE", body=f"{sdp(peer.place.host)}a=sendonly\r\n")
        final = peer.wait_for_final(held)
        assert (status(final), told(final)) == (200, [TOLD[by]])
        peer.send(talk.request(by, "ACK", CSEQ["INVITE"]))
        offer = wait_for_offer(talk, OTHER[by])
        assert told(offer) == [TOLD[OTHER[by]]]
        other.send(other.reply(offer, "200 OK", body=f"{sdp(other.place.host)}a=recvonly\r\n"))
        ack = wait_until(lambda: acks_of(other, offer), "the ACK of the re-INVITE")[0]
        assert told(ack) == [TOLD[OTHER[by]]]
        hang_up(talk)


def acks_of(peer: WirePeer, invite: str) -> list[str]:
    number = header(invite, "CSeq").split()[0]
    return [ack for ack in peer.received("ACK") if header(ack, "CSeq").split()[0] == number]


def test_a_transfer_that_the_other_side_is_asked_to_do(gateway: Gateway) -> None:
    """REFER goes on, and NOTIFY comes back."""
    with named_talk(gateway) as talk:
        request = ask(talk, "callee", "REFER", "Refer-To: <sip:2000@elsewhere.example>")
        refer = talk.caller.wait_for("REFER")
        assert told(refer) == [TO_CALLER]
        talk.caller.send(talk.caller.reply(refer, "202 Accepted"))
        accepted = talk.callee.wait_for_final(request)
        assert (status(accepted), told(accepted)) == (202, [TO_CALLEE])
        state = ("Event: refer", "Subscription-State: terminated;reason=noresource")
        kind = "message/sipfrag;version=2.0"
        notified = ask(talk, "caller", "NOTIFY", *state, body="SIP/2.0 486 Busy Here\r\n", kind=kind)
        assert told(talk.caller.wait_for_final(notified)) == [TO_CALLER]
        wait_until(lambda: "SIP/2.0 486" in "".join(talk.callee.received("NOTIFY")), "it is told")
        for notify in talk.callee.received("NOTIFY"):
            assert told(notify) == [TO_CALLEE]
            talk.callee.send(talk.callee.reply(notify, "200 OK"))
        hang_up(talk)


def notifies_if_done(peer: WirePeer) -> list[str]:
    """All NOTIFYs, once one of them is of the target's answer."""
    notifies = peer.received("NOTIFY")
    return notifies if any("SIP/2.0 200" in one for one in notifies) else []


def test_the_target_of_a_transfer_hears_of_who_stays(gateway: Gateway) -> None:
    """Who asked is told in 202, NOTIFY and BYE what it knows; who stays and the target, of each other."""
    with named_talk(gateway) as talk:
        accepted = talk.caller.wait_for_final(ask(talk, "caller", "REFER", "Refer-To: <sip:2000@elsewhere.example>"))
        assert status(accepted) == 202
        target = another_invite(talk.callee, talk.placed)
        assert told(target) == [f"{B};remote={NIL}"]
        answer = f"Session-ID: {C};remote={B}"
        talk.callee.send(talk.callee.reply(target, "180 Ringing", answer))
        wait_until(lambda: "180 Ringing" in "".join(talk.caller.received("NOTIFY")), "it rings")
        talk.callee.send(talk.callee.reply(target, "200 OK", answer, body=sdp(talk.callee.place.host)))
        assert told(talk.callee.wait_for_of("ACK", target)) == [f"{B};remote={C}"]
        for notify in wait_until(lambda: notifies_if_done(talk.caller), "the end is told"):
            talk.caller.send(talk.caller.reply(notify, "200 OK"))
        talk.caller.send(talk.caller.reply(talk.caller.wait_for("BYE"), "200 OK"))
        bye = talk.callee.in_dialog_of_callee("BYE", target, 30)
        talk.callee.send(bye)
        assert told(talk.callee.wait_for_final(bye)) == [f"{B};remote={C}"]
        last = talk.callee.wait_for_of("BYE", talk.placed)
        assert told(last) == [f"{C};remote={B}"]
        talk.callee.send(talk.callee.reply(last, "200 OK"))
