"""Requests outside of a dialog that start no call: an answer each, whoever asks (RFC 3261, 8.2.1 and 12.2.2)."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway
from tests.process.wire import status

ANSWERS = {
    "REGISTER": (405, 501),
    "MESSAGE": (405, 501),
    "PUBLISH": (405, 489, 501),
    "REFER": (405, 481, 501, 603),
    "FROBNICATE": (405, 501),
    "SUBSCRIBE": (405, 489, 501),
    "NOTIFY": (405, 481, 501),
    "INFO": (405, 481, 501),
    "UPDATE": (405, 481, 501),
    "PRACK": (405, 481, 501),
    "BYE": (481,),
}


@pytest.mark.parametrize("side", ["pbx", "stranger"])
@pytest.mark.parametrize("method", ANSWERS)
def test_a_method_that_makes_no_call(gateway: Gateway, side: str, method: str) -> None:
    with gateway.wire_caller(getattr(gateway, side)) as peer:
        request = peer.request(method, "Event: presence", "Refer-To: <sip:a@192.0.2.1>")
        peer.send(request)
        assert status(peer.wait_for_final(request)) in ANSWERS[method]
        assert not peer.received("NOTIFY")
