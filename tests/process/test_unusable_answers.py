"""A 200 whose SDP cannot be used is a refusal: nobody pays for a call that nobody can hear."""

from __future__ import annotations

import pytest

from tests.process.bystander import bystander
from tests.process.daemon import Gateway
from tests.process.wire import MEDIA_PORT, sdp

NO_COMMON_CODEC = sdp("127.0.0.1", "97").replace("a=rtpmap:101", "a=rtpmap:97 SPEEX/8000\r\na=rtpmap:101")
BODIES = {
    "none": "",
    "garbage": "garbage\r\n",
    "no common codec": NO_COMMON_CODEC,
    "port 0": sdp("127.0.0.1").replace(f"audio {MEDIA_PORT}", "audio 0"),
    "DTMF and no audio": sdp("127.0.0.1", "101"),
    "audio to a host name": sdp("localhost"),
    "audio to IPv6": sdp("::1").replace("IP4", "IP6"),
    "RTCP to a host name": sdp("127.0.0.1") + "a=rtcp:30001 IN IP4 localhost\r\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_answer_that_cannot_be_used(gateway: Gateway, body: str) -> None:
    with gateway.wire(gateway.twilio) as callee:
        caller = gateway.pbx.call("uac-refused", code="488", header="Reason: SIP;cause=488")
        invite = callee.wait_for("INVITE")
        callee.send(callee.reply(invite, "200 OK", body=body))
        callee.wait_for("ACK")
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        caller.finish()
        gateway.assert_outcomes("to_twilio", "client-error/no-common-codec")


def test_early_media_that_cannot_be_used(gateway: Gateway) -> None:
    """Whoever rings is told to stop, and nobody else notices."""
    with bystander(gateway, "to_pbx"), gateway.wire(gateway.twilio) as callee:
        caller = gateway.pbx.call("uac-refused", code="480", header="Reason: SIP;cause=487")
        invite = callee.wait_for("INVITE")
        callee.send(callee.reply(invite, "183 Session Progress", body=sdp("localhost")))
        callee.send(callee.reply(callee.wait_for("CANCEL"), "200 OK"))
        callee.send(callee.reply(invite, "487 Request Terminated"))
        caller.finish()
        gateway.assert_outcomes("to_twilio", "client-error/no-answer")
