"""Transfers by REFER (RFC 3515): who asks is told how it goes, and the two that are left talk to each other."""

from __future__ import annotations

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway
from tests.process.places import free_port
from tests.process.rtp import EVENT, PCMA, PCMU, RtpEnd, hear_each_other, open_path, rtp_place, sdp_at
from tests.process.transfers import BOTH, NOWHERE, another_invite, transferring
from tests.process.transfers import configure as configure
from tests.process.waiting import wait_until
from tests.process.wire import carrying, header, sdp, status


@BOTH
def test_a_target_that_answers_takes_the_place_of_who_asked(gateway: Gateway, by: str) -> None:
    with transferring(gateway, by) as transfer:
        before = len(transfer.other.received())
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        rewritten = "+15552000" if by == "caller" else "12000"
        assert invite.startswith(f"INVITE sip:{rewritten}@{transfer.place.place} SIP/2.0")
        transfer.place.send(transfer.place.reply(invite, "180 Ringing"))
        transfer.wait_until_told("100 Trying", "180 Ringing")
        if by == "callee":
            assert transfer.other.received()[before:] == []
        transfer.place.send(transfer.place.reply(invite, "200 OK", body=sdp(transfer.place.place.host)))
        transfer.wait_until_told("100 Trying", "180 Ringing", "200 OK")
        transfer.is_hung_up_on()
        (call,) = gateway.wait_for_talking()
        transfer.leave(transfer.stays)
        transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")
        record = gateway.ask(f"/calls/{call['id']}")
        role, trunk = ("inbound", "twilio") if by == "caller" else ("outbound", "pbx")
        assert record["transfers"] == [
            {"by": role, "mode": "local", "to_trunk": trunk, "result": "completed", "code": 200}
        ]
        assert gateway.counted("gateway_transfers_total", mode="local", result="completed") == 1


@BOTH
@pytest.mark.parametrize("answer", ["486 Busy Here", "404 Not Found", "603 Decline"])
def test_a_target_that_refuses_leaves_the_call_as_it_was(gateway: Gateway, by: str, answer: str) -> None:
    with transferring(gateway, by) as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.place.send(transfer.place.reply(invite, answer))
        transfer.wait_until_told("100 Trying", answer)
        transfer.place.wait_for("ACK")
        gateway.wait_for_talking()
        transfer.talk.hang_up()
        (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
        assert line["transfers"] == {"failed": 1}
        assert gateway.counted("gateway_transfers_total", mode="local", result="failed") == 1


@BOTH
def test_who_asked_need_not_wait(gateway: Gateway, by: str) -> None:
    """A blind transfer: the other side is left with the target, whenever it answers."""
    with transferring(gateway, by) as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.leave(by)
        transfer.place.send(transfer.place.reply(invite, "180 Ringing"))
        transfer.place.answer(invite)
        gateway.wait_for_talking()
        assert [line for line, _ in transfer.told()] == ["100 Trying"]
        transfer.place.send(transfer.place.in_dialog_of_callee("BYE", invite, 7))
        transfer.other.send(transfer.other.reply(transfer.other.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
def test_a_call_that_was_left_for_a_target_ends_with_its_refusal(gateway: Gateway, by: str) -> None:
    with transferring(gateway, by) as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.leave(by)
        transfer.place.send(transfer.place.reply(invite, "486 Busy Here"))
        transfer.other.send(transfer.other.reply(transfer.other.wait_for("BYE"), "200 OK"))
        (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
        assert line["transfers"] == {"failed": 1}


@BOTH
def test_nobody_is_called_for_one_who_left(gateway: Gateway, by: str) -> None:
    with transferring(gateway, by) as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.place.send(transfer.place.reply(invite, "180 Ringing"))
        transfer.wait_until_told("100 Trying", "180 Ringing")
        transfer.leave(transfer.stays)
        cancel = transfer.place.wait_for("CANCEL")
        transfer.place.send(transfer.place.reply(cancel, "200 OK"))
        transfer.place.send(transfer.place.reply(invite, "487 Request Terminated"))
        transfer.wait_until_told("100 Trying", "180 Ringing", "487 Request Terminated")
        transfer.is_hung_up_on()
        (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
        assert line["transfers"] == {"abandoned": 1}


def test_a_target_that_answers_while_it_is_cancelled_is_hung_up_on(gateway: Gateway) -> None:
    with transferring(gateway, "callee") as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.place.send(transfer.place.reply(invite, "180 Ringing"))
        transfer.leave("caller")
        transfer.place.send(transfer.place.reply(transfer.place.wait_for("CANCEL"), "200 OK"))
        transfer.place.answer(invite)
        transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
        transfer.is_hung_up_on()
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
def test_who_refuses_to_be_told_keeps_its_call(gateway: Gateway, by: str) -> None:
    """481 to NOTIFY ends the subscription alone (RFC 5057, section 5.1): the target is called, and may refuse."""
    with transferring(gateway, by) as transfer:
        assert status(transfer.refer()) == 202
        notify = transfer.asks.wait_for("NOTIFY")
        transfer.asks.send(transfer.asks.reply(notify, "481 Subscription Does Not Exist"))
        invite = transfer.target()
        transfer.place.send(transfer.place.reply(invite, "486 Busy Here"))
        transfer.place.wait_for("ACK")
        (call,) = gateway.wait_for_talking()
        wait_until(lambda: gateway.ask(f"/calls/{call['id']}")["transfers"][0]["result"] == "failed", "it has failed")
        options = transfer.talk.request(by, "OPTIONS", 60)
        transfer.asks.send(options)
        assert status(transfer.asks.wait_for_final(options)) == 200
        assert not transfer.asks.received("BYE")
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
def test_one_transfer_at_a_time(gateway: Gateway, by: str) -> None:
    with transferring(gateway, by) as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        assert status(transfer.refer("sip:2001@gateway.example")) == 491
        transfer.place.send(transfer.place.reply(invite, "486 Busy Here"))
        transfer.wait_until_told("100 Trying", "486 Busy Here")
        assert status(transfer.refer()) == 202
        again = transfer.target(invite)
        transfer.place.send(transfer.place.reply(again, "486 Busy Here"))
        wait_until(lambda: transfer.told()[2:] and transfer.told()[-1][0] == "486 Busy Here", "the second is told")
        transfer.talk.hang_up()
        (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
        assert line["transfers"] == {"failed": 2}
        assert gateway.counted("gateway_transfers_total", mode="local", result="pending") == 1


def test_a_call_can_be_transferred_again_by_who_it_went_to(gateway: Gateway) -> None:
    """PBX to Twilio, there to another of the PBX, and by that one back to Twilio."""
    with transferring(gateway, "callee") as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.place.answer(invite)
        transfer.wait_until_told("100 Trying", "200 OK")
        transfer.is_hung_up_on()
        refer = transfer.place.in_dialog_of_callee("REFER", invite, 5)
        transfer.place.send(carrying(refer, "Refer-To: <sip:3000@gateway.example>"))
        assert status(transfer.place.wait_for_final(refer)) == 202
        second = another_invite(transfer.talk.callee, transfer.talk.placed)
        assert second.startswith("INVITE sip:+15553000@")
        transfer.talk.callee.answer(second)
        for notify in wait_until(lambda: transfer.place.received("NOTIFY")[1:], "both are told"):
            transfer.place.send(transfer.place.reply(notify, "200 OK"))
        transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
        transfer.leave("caller")
        byes = wait_until(lambda: transfer.talk.callee.received("BYE")[1:], "the last one is hung up on")
        transfer.talk.callee.send(transfer.talk.callee.reply(byes[-1], "200 OK"))
        (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
        assert line["transfers"] == {"completed": 2}


@BOTH
@pytest.mark.parametrize(
    ("target", "code", "result"),
    [
        pytest.param("sip:0900123@gateway.example", 603, "no-route", id="a number that no route matches"),
        pytest.param("sip:gateway.example", 603, "no-route", id="nobody at a host"),
        pytest.param("tel:0900123", 603, "no-route", id="a telephone number that no route matches"),
        pytest.param("sip:2000@gateway.example;method=BYE", 400, "bad-request", id="something else than a call"),
        pytest.param("https://gateway.example/2000", 400, "bad-request", id="no telephone"),
        pytest.param("sip:2000@a.example>,<sip:2001@a.example", 400, "bad-request", id="two at once"),
    ],
)
def test_whom_nobody_may_call(gateway: Gateway, by: str, target: str, code: int, result: str) -> None:
    with transferring(gateway, by) as transfer:
        before = len(transfer.place.received("INVITE"))
        assert status(transfer.refer(target)) == code
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")
        assert len(transfer.place.received("INVITE")) == before
        assert transfer.told() == []
        assert gateway.counted("gateway_transfers_total", mode="local", result=result) == 1


def test_who_wants_to_know_nothing_is_told_nothing(gateway: Gateway) -> None:
    """RFC 4488."""
    with transferring(gateway, "callee") as transfer:
        accepted = transfer.refer("tel:2000", "Refer-Sub: false", "Supported: norefersub")
        assert (status(accepted), header(accepted, "Refer-Sub")) == (202, "false")
        transfer.place.answer(transfer.target())
        transfer.is_hung_up_on()
        assert transfer.told() == []
        transfer.leave("caller")
        transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_refer_before_the_ack_waits(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.answer(placed)
        answer = caller.wait_for("SIP/2.0 200")
        refer = carrying(caller.in_dialog("REFER", invite, answer, 5), "Refer-To: <sip:2000@gateway.example>")
        caller.send(refer)
        assert status(caller.wait_for_final(refer)) == 491
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        caller.send(caller.in_dialog("BYE", invite, answer, 9))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
def test_context_goes_to_the_target(gateway: Gateway, by: str) -> None:
    """What the call began with, and over it what stands behind Refer-To; what no field names stays behind."""
    ours, theirs = ("X-Queue", "X-PBX-CUSTOMER-ID"), ("X-Queue", "X-CustomerID")
    said, reads = (ours, theirs) if by == "caller" else (theirs, ours)
    with transferring(gateway, by, "X-PBX-CUSTOMER-ID: C-1", "X-Queue: sales") as transfer:
        escaped = f"{said[0]}=repairs&X-Private=1&Route=%3Csip%3Ath.example%3Blr%3E&From=sip%3Anobody%40th.example"
        assert status(transfer.refer(f"sip:2000@{NOWHERE}?{escaped}", "X-Other: 2")) == 202
        invite = transfer.target()
        assert [header(invite, name) for name in reads] == ["repairs", "C-1"]
        assert not any(word in invite for word in ("X-Private", "X-Other", "th.example", "nobody"))
        transfer.place.send(transfer.place.reply(invite, "486 Busy Here"))
        transfer.wait_until_told("100 Trying", "486 Busy Here")
        (call,) = gateway.wait_for_talking()
        receipt = gateway.ask(f"/calls/{call['id']}")["receipt"]
        carried = [(entry["field"], entry["outcome"]) for entry in receipt if entry["on"] == "refer"]
        assert carried == [("customer_id", "sent"), ("queue", "sent")]
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")
        sent = {"on": "refer", "outcome": "sent", "direction": "to_twilio"}
        assert gateway.counted("gateway_context_fields_total", **sent) == 2


def test_a_target_that_nobody_answers(start_gateway: StartGateway) -> None:
    gateway = start_gateway(lambda tree, site: tree["limits"].update(ring_seconds=1))
    with transferring(gateway, "callee") as transfer:
        assert status(transfer.refer()) == 202
        invite = transfer.target()
        transfer.place.send(transfer.place.reply(invite, "180 Ringing"))
        transfer.place.send(transfer.place.reply(transfer.place.wait_for("CANCEL"), "200 OK"))
        transfer.place.send(transfer.place.reply(invite, "487 Request Terminated"))
        transfer.wait_until_told("100 Trying", "180 Ringing", "480 Temporarily Unavailable")
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_trunk_without_transfers(start_gateway: StartGateway) -> None:
    gateway = start_gateway(lambda tree, site: tree["trunks"]["twilio"].update(transfer="reject"))
    with transferring(gateway, "callee") as transfer:
        refused = transfer.refer()
        assert (status(refused), "Warning" in refused) == (603, True)
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")
        assert gateway.counted("gateway_transfers_total", mode="reject", result="rejected") == 1


# ---- Audio ----


@BOTH
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["one codec", "two codecs"])
def test_who_stays_and_the_target_hear_each_other(gateway: Gateway, by: str, codec: int) -> None:
    hosts = gateway.pbx.place.host, gateway.twilio.place.host
    with RtpEnd(hosts[0]) as near, RtpEnd(hosts[1]) as far, RtpEnd(hosts[by == "caller"], codec=codec) as new:
        audio = {"offer": sdp_at(near.place), "answer_sdp": sdp_at(far.place)}
        with transferring(gateway, by, **audio) as transfer:
            near.to, far.to = rtp_place(transfer.talk.answer), rtp_place(transfer.talk.placed)
            open_path(near, far)
            assert status(transfer.refer()) == 202
            invite = transfer.target()
            hear_each_other(near, far)
            new.to = rtp_place(invite)
            transfer.place.answer(invite, sdp_at(new.place, sdp(new.place.host, f"{codec} {EVENT}")))
            transfer.is_hung_up_on()
            stays, gone = (near, far) if by == "callee" else (far, near)
            gone.forget()
            hear_each_other(stays, new)
            assert gone.received() == []
            transfer.wait_until_told("100 Trying", "200 OK")
            transfer.leave(transfer.stays)
            transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
def test_who_is_left_hears_what_the_target_plays(gateway: Gateway, by: str) -> None:
    """Two go on to talk while the target plays; the one that is left hears it."""
    hosts = gateway.pbx.place.host, gateway.twilio.place.host
    with RtpEnd(hosts[0]) as near, RtpEnd(hosts[1]) as far, RtpEnd(hosts[by == "caller"]) as new:
        audio = {"offer": sdp_at(near.place), "answer_sdp": sdp_at(far.place)}
        with transferring(gateway, by, **audio) as transfer:
            near.to, far.to = rtp_place(transfer.talk.answer), rtp_place(transfer.talk.placed)
            assert status(transfer.refer()) == 202
            invite = transfer.target()
            new.to = rtp_place(invite)
            transfer.place.send(transfer.place.reply(invite, "183 Session Progress", body=sdp_at(new.place)))
            transfer.wait_until_told("100 Trying", "183 Session Progress")
            hear_each_other(near, far)
            transfer.leave(by)
            stays = near if by == "callee" else far
            hear_each_other(stays, new)
            transfer.place.answer(invite, sdp_at(new.place))
            gateway.wait_for_talking()
            hear_each_other(stays, new)
            transfer.leave(transfer.stays)
            transfer.place.send(transfer.place.reply(transfer.place.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_caller_waits_for_whom_it_is_transferred_to(gateway: Gateway, direction: str) -> None:
    """As Twilio does it with <Refer>: it leaves at once, and is gone when the target answers."""
    asking = gateway.callee(direction).serve("uas-refer-and-leave", target=f"sip:2000@{NOWHERE}")
    side = gateway.caller(direction)
    with gateway.wire(side) as target:
        caller = side.call("uac-hung-up-on", "-p", str(free_port(side.place.host)))
        asking.finish()
        invite = target.wait_for("INVITE")
        target.answer(invite)
        gateway.wait_for_talking()
        target.send(target.in_dialog_of_callee("BYE", invite, 7))
        caller.finish()
    (line,) = gateway.assert_outcomes(direction, "success/completed")
    assert line["transfers"] == {"completed": 1}
