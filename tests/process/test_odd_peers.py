"""Peers that break one rule each, and what it must not cost anybody else."""

from __future__ import annotations

import socket
import time

import pytest

from tests.process.daemon import Gateway
from tests.process.test_media import CALLER_HZ, MILLIWATT, rtp, rtp_place, senders, two_phones
from tests.process.wire import TcpWirePeer, WirePeer, status

UNREADABLE = {
    "NUL": "X-Queue: a\0b",
    "a number that is none": "Max-Forwards: lots",
    "a URI that is none": "Contact: <<<>",
    "a name that is none": "no header at all",
}
BAD = pytest.mark.parametrize("bad", UNREADABLE.values(), ids=UNREADABLE)
BOTH = pytest.mark.parametrize("kind", [WirePeer, TcpWirePeer], ids=["UDP", "TCP"])


def with_bad(request: str, bad: str) -> str:
    """The same with this line in the middle of its headers, and as the last of them."""
    assert request.count("\r\nMax-Forwards: 70\r\n") == 1
    middle = request.replace("\r\nMax-Forwards: 70\r\n", f"\r\n{bad}\r\n")
    return middle.replace("\r\n\r\n", f"\r\n{bad}\r\n\r\n")


@BOTH
@BAD
def test_a_header_that_cannot_be_read_keeps_no_call_up(gateway: Gateway, kind: type[WirePeer], bad: str) -> None:
    """Of an ACK, without which a call would end, and of a BYE, without which it would not."""
    with kind(gateway.site.gateway, gateway.pbx.place.host) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(with_bad(caller.in_dialog("ACK", invite, answer), bad))
        gateway.wait_for_talking()
        bye = caller.in_dialog("BYE", invite, answer, 2)
        caller.send(with_bad(bye, bad))
        assert status(caller.wait_for_final(bye)) == 200
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


@BOTH
@BAD
def test_a_header_that_cannot_be_read_lets_nobody_ring(gateway: Gateway, kind: type[WirePeer], bad: str) -> None:
    """Of a CANCEL."""
    with kind(gateway.site.gateway, gateway.pbx.place.host) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        caller.wait_for("SIP/2.0 180")
        caller.send(with_bad(caller.cancel(invite), bad))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        assert status(final) == 487
        callee.send(callee.reply(callee.wait_for("CANCEL"), "200 OK"))
        callee.send(callee.reply(placed, "487 Request Terminated"))
        gateway.assert_outcomes("to_twilio", "client-error/cancelled")


def test_bye_before_the_answer(gateway: Gateway) -> None:
    with gateway.wire(gateway.twilio) as callee, gateway.wire_caller(gateway.pbx) as caller:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        caller.wait_for("SIP/2.0 180")
        callee.send(callee.in_dialog_of_callee("BYE", placed, 5))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        assert status(final) in (480, 603)
        gateway.assert_outcomes("to_twilio", "client-error/no-answer")


def test_a_burst_does_not_steal_the_audio(gateway: Gateway) -> None:
    with two_phones(gateway.site) as (pbx, twilio):
        caller = pbx.call(f"sip:service@{gateway.site.gateway}")
        callee = twilio.expect_call()
        callee.answer()
        gateway_rtp = rtp_place(str(caller.expect("answered")["message"]))
        caller.play(CALLER_HZ)
        callee.expect("audio")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((gateway.stranger.place.host, 0))
            stranger.setblocking(False)
            for number in range(1200):  # a second of it, at its own pace
                stranger.sendto(rtp(number, MILLIWATT * 20), gateway_rtp)
                if number % 20 == 0:
                    time.sleep(0.02)
            assert gateway_rtp not in senders(stranger)
        caller.hangup()
        callee.expect("ended")
