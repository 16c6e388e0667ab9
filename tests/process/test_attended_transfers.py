"""Attended transfers (RFC 5589, RFC 3891): who asks has a call with the target already, here or elsewhere."""

from __future__ import annotations

from tests.process.daemon import Gateway
from tests.process.sipp import Peer
from tests.process.transfers import BOTH, NOWHERE, another_invite, transferring
from tests.process.transfers import configure as configure
from tests.process.wire import header, status


def dialog_of(answer: str) -> tuple[str, str, str]:
    """Call-ID and both tags of a dialog with the gateway, the gateway's first, by its answer to an INVITE."""
    tags = [header(answer, name).rpartition(";tag=")[2] for name in ("To", "From")]
    return header(answer, "Call-ID"), tags[0], tags[1]


def escaped(call_id: str, to_tag: str, from_tag: str) -> str:
    return f"Replaces={call_id.replace('@', '%40')}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}".replace(":", "%3A")


def test_two_calls_through_the_gateway_become_one(gateway: Gateway) -> None:
    """The PBX has a call with Twilio, and makes another one there before it leaves both."""
    with transferring(gateway, "caller") as transfer, gateway.wire_caller(gateway.pbx) as consulting:
        invite = consulting.invite(user="2000")
        consulting.send(invite)
        placed = transfer.target()
        transfer.place.answer(placed)
        answer = consulting.wait_for("SIP/2.0 200")
        consulting.send(consulting.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking(2)
        assert status(transfer.refer(f"sip:2000@{NOWHERE}?{escaped(*dialog_of(answer))}")) == 202
        transfer.wait_until_told("100 Trying", "200 OK")
        transfer.is_hung_up_on()
        consulting.send(consulting.reply(consulting.wait_for("BYE"), "200 OK"))
        gateway.wait_for_talking(1)
        transfer.place.send(transfer.place.in_dialog_of_callee("BYE", placed, 7))
        transfer.other.send(transfer.other.reply(transfer.other.wait_for("BYE"), "200 OK"))
        consultation, call = gateway.assert_outcomes("to_twilio", "success/completed", "success/completed")
        assert ("transfers" in consultation, call["transfers"]) == (False, {"completed": 1})
        assert len(transfer.place.received("INVITE")) == 2


@BOTH
def test_a_dialog_of_the_pbx_itself_is_replaced_there(gateway: Gateway, by: str) -> None:
    """Who asks has called somebody on its own side: there goes an INVITE with Replaces, and by the routes."""
    with transferring(gateway, by) as transfer:
        place = transfer.talk.callee if by == "callee" else transfer.near
        assert status(transfer.refer(f"sip:2000@{NOWHERE}?Replaces=a%40b%3Bto-tag%3Dc%3Bfrom-tag%3Dd")) == 202
        invite = another_invite(place, transfer.talk.placed)
        assert (header(invite, "Replaces"), header(invite, "Require")) == ("a@b;to-tag=c;from-tag=d", "replaces")
        assert invite.startswith("INVITE sip:+15552000@" if by == "callee" else "INVITE sip:12000@")
        place.send(place.reply(invite, "481 Call/Transaction Does Not Exist"))
        transfer.wait_until_told("100 Trying", "502 Bad Gateway")
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
def test_a_pbx_that_joins_by_itself_gets_the_place_of_its_leg(gateway: Gateway, by: str) -> None:
    """INVITE with Replaces, as Asterisk sends it for an attended transfer of its phones."""
    with transferring(gateway, by) as transfer, gateway.wire_caller(side_of(gateway, by)) as newcomer:
        if by == "caller":
            dialog = dialog_of(transfer.talk.answer)
        else:
            placed = transfer.talk.placed
            dialog = header(placed, "Call-ID"), header(placed, "From").rpartition(";tag=")[2], "wire"
        call_id, to_tag, from_tag = dialog
        replaces = f"Replaces: {call_id};to-tag={to_tag};from-tag={from_tag}"
        invite = newcomer.invite(replaces, "Require: replaces")
        newcomer.send(invite)
        answer = newcomer.wait_for_final(invite)
        assert status(answer) == 200
        newcomer.send(newcomer.in_dialog("ACK", invite, answer))
        transfer.is_hung_up_on()
        (call,) = gateway.wait_for_talking()
        newcomer.send(newcomer.in_dialog("BYE", invite, answer, 2))
        transfer.other.send(transfer.other.reply(transfer.other.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")
        role, trunk = ("inbound", "pbx") if by == "caller" else ("outbound", "twilio")
        assert gateway.ask(f"/calls/{call['id']}")["transfers"] == [
            {"by": role, "mode": "local", "to_trunk": trunk, "result": "completed", "code": 200}
        ]


def side_of(gateway: Gateway, by: str) -> Peer:
    return gateway.pbx if by == "caller" else gateway.twilio
