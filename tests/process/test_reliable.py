"""Reliable provisional responses (RFC 3262): each leg has its own affair with them."""

from __future__ import annotations

import pytest

from tests.process.daemon import DIRECTIONS, Gateway
from tests.process.wire import WirePeer, carrying, header, sdp, status

ASTERISK = "Supported: 100rel, timer, replaces, norefersub, histinfo"


def prack(peer: WirePeer, invite: str, reliable: str, number: int, body: str = "", beside: int = 0) -> str:
    """Acknowledge a reliable response, in time before it comes again; or one with a number `beside` it."""
    rack = f"RAck: {int(header(reliable, 'RSeq')) + beside} {header(reliable, 'CSeq')}"
    request = carrying(peer.in_dialog("PRACK", invite, reliable, number), rack, body=body)
    peer.send(request)
    return peer.wait_for_final(request)


def is_reliable(response: str) -> bool:
    return "\r\nrequire: 100rel" in response.lower()


def end(gateway: Gateway, direction: str, caller: WirePeer, callee: WirePeer, invite: str, number: int = 9) -> None:
    """The call is up; the caller hangs up."""
    final = caller.wait_for_final(invite)
    assert status(final) == 200
    caller.send(caller.in_dialog("ACK", invite, final))
    gateway.wait_for_talking()
    caller.send(caller.in_dialog("BYE", invite, final, number))
    callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
    gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize("early_media", [False, True], ids=["180", "183 with SDP"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_caller_requires_it_and_the_callee_knows_nothing_of_it(
    gateway: Gateway, direction: str, early_media: bool
) -> None:
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite("Require: 100rel")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        media = sdp(callee.place.host) if early_media else ""
        callee.send(callee.reply(placed, "183 Session Progress" if early_media else "180 Ringing", body=media))
        reliable = caller.wait_for("SIP/2.0 183" if early_media else "SIP/2.0 180")
        assert is_reliable(reliable)
        assert status(prack(caller, invite, reliable, 2)) == 200
        callee.answer(placed)
        end(gateway, direction, caller, callee, invite)
        assert not callee.received("PRACK")


def test_an_answer_waits_for_the_prack_of_early_media(gateway: Gateway) -> None:
    """RFC 3262, section 3."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite("Require: 100rel")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "183 Session Progress", body=sdp(callee.place.host)))
        reliable = caller.wait_for("SIP/2.0 183")
        callee.answer(placed)
        assert not caller.received("SIP/2.0 200")
        assert status(prack(caller, invite, reliable, 2)) == 200
        end(gateway, "to_twilio", caller, callee, invite)


@pytest.mark.parametrize("headers", [(ASTERISK,), ("Supported: timer",)], ids=["supported", "absent"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_caller_only_supports_it_or_not_even_that(
    gateway: Gateway, direction: str, headers: tuple[str, ...]
) -> None:
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite(*headers)
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "183 Session Progress", body=sdp(callee.place.host)))
        assert not is_reliable(caller.wait_for("SIP/2.0 183"))
        callee.answer(placed)
        end(gateway, direction, caller, callee, invite)


@pytest.mark.parametrize("early_media", [False, True], ids=["180", "183 with SDP"])
def test_the_pbx_that_is_called_requires_it(gateway: Gateway, early_media: bool) -> None:
    """Nothing of that reaches Twilio; a response that comes twice has one PRACK."""
    with gateway.wire_caller(gateway.twilio) as caller, gateway.wire(gateway.pbx) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        assert "100rel" in header(placed, "Supported")
        media = sdp(callee.place.host) if early_media else ""
        answer = "183 Session Progress" if early_media else "180 Ringing"
        reliable = callee.reply(placed, answer, "Require: 100rel", "RSeq: 4711", body=media)
        callee.send(reliable)
        acknowledged = callee.wait_for("PRACK")
        callee.send(reliable)
        assert header(acknowledged, "RAck") == f"4711 {header(placed, 'CSeq')}"
        callee.send(callee.reply(acknowledged, "200 OK"))
        assert not is_reliable(caller.wait_for("SIP/2.0 18"))
        callee.answer(placed)
        end(gateway, "to_pbx", caller, callee, invite)
        assert len(callee.received("PRACK")) == 1


def test_twilio_is_not_offered_what_it_does_not_know(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite(ASTERISK)
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        assert "100rel" not in placed
        assert "PRACK" not in placed
        callee.answer(placed)
        end(gateway, "to_twilio", caller, callee, invite)


@pytest.mark.parametrize("body", [sdp("127.0.0.1"), sdp("127.0.0.1", "8 101")], ids=["as before", "another codec"])
def test_an_offer_in_a_prack(gateway: Gateway, body: str) -> None:
    """RFC 3262, section 5: the answer is in the 200 to it."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite("Require: 100rel")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "183 Session Progress", body=sdp(callee.place.host)))
        answer = prack(caller, invite, caller.wait_for("SIP/2.0 183"), 2, body)
        assert status(answer) == 200
        assert f"RTP/AVP {body.partition('RTP/AVP ')[2][:1]} " in answer
        callee.answer(placed)
        end(gateway, "to_twilio", caller, callee, invite)


def test_a_late_offer_that_is_answered_in_a_prack(gateway: Gateway) -> None:
    """INVITE without SDP: our offer is in the reliable response, the answer in its PRACK."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite("Require: 100rel", body="")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        reliable = caller.wait_for("SIP/2.0 18")
        body = sdp(caller.place.host) if "m=audio" in reliable else ""
        assert status(prack(caller, invite, reliable, 2, body)) == 200
        callee.answer(placed)
        final = caller.wait_for_final(invite)
        acknowledgement = caller.in_dialog("ACK", invite, final)
        caller.send(acknowledgement if body else carrying(acknowledgement, body=sdp(caller.place.host)))
        gateway.wait_for_talking()
        caller.send(caller.in_dialog("BYE", invite, final, 9))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_prack_of_a_caller_that_acknowledges_nothing(gateway: Gateway) -> None:
    """RFC 3262, section 3: neither another number nor the same one again; what is right is taken all the same."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite("Require: 100rel")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        reliable = caller.wait_for("SIP/2.0 180")
        assert status(prack(caller, invite, reliable, 2, beside=1)) == 481
        assert status(prack(caller, invite, reliable, 3)) == 200
        assert status(prack(caller, invite, reliable, 4)) == 481
        callee.answer(placed)
        end(gateway, "to_twilio", caller, callee, invite)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_prack_of_a_callee_acknowledges_nothing(gateway: Gateway, direction: str) -> None:
    """Before it answers: there is no response of ours to acknowledge."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        caller.wait_for("SIP/2.0 180")
        stray = carrying(callee.in_dialog_of_callee("PRACK", placed), "RAck: 1 1 INVITE")
        callee.send(stray)
        assert status(callee.wait_for_final(stray)) == 481
        callee.answer(placed)
        end(gateway, direction, caller, callee, invite)


def test_a_caller_that_never_acknowledges(gateway: Gateway) -> None:
    """A CANCEL ends it."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite("Require: 100rel")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        caller.wait_for("SIP/2.0 180")
        caller.send(caller.cancel(invite))
        callee.send(callee.reply(callee.wait_for("CANCEL"), "200 OK"))
        callee.send(callee.reply(placed, "487 Request Terminated"))
        final = caller.wait_for_final(invite)
        assert status(final) == 487
        caller.send(caller.in_dialog("ACK", invite, final))
        gateway.assert_outcomes("to_twilio", "client-error/cancelled")
