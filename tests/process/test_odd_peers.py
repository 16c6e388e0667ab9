"""Peers that break one rule each, and what it must not cost anybody else."""

from __future__ import annotations

import socket
import time

from tests.process.daemon import Gateway
from tests.process.test_media import CALLER_HZ, MILLIWATT, rtp, rtp_place, senders, two_phones
from tests.process.wire import status


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
