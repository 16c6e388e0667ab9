"""A 200 whose SDP cannot be used is a refusal: nobody pays for a call that nobody can hear."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway
from tests.process.wire import MEDIA_PORT, sdp

NO_COMMON_CODEC = sdp("127.0.0.1", "97").replace("a=rtpmap:101", "a=rtpmap:97 SPEEX/8000\r\na=rtpmap:101")
BODIES = {
    "none": "",
    "garbage": "garbage\r\n",
    "no common codec": NO_COMMON_CODEC,
    "port 0": sdp("127.0.0.1").replace(f"audio {MEDIA_PORT}", "audio 0"),
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
