"""Requests outside of a dialog that start no call: an answer each, whoever asks (RFC 3261, 8.2.1 and 12.2.2)."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway
from tests.process.wire import header, status

ANSWERS = dict.fromkeys(("REGISTER", "MESSAGE", "PUBLISH", "REFER", "SUBSCRIBE", "FROBNICATE"), 405) | dict.fromkeys(
    ("BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"), 481
)


@pytest.mark.parametrize("side", ["pbx", "stranger"])
@pytest.mark.parametrize("method", ANSWERS)
def test_a_method_that_makes_no_call(gateway: Gateway, side: str, method: str) -> None:
    with gateway.wire_caller(getattr(gateway, side)) as peer:
        request = peer.request(method, "Event: presence", "Refer-To: <sip:a@192.0.2.1>")
        peer.send(request)
        final = peer.wait_for_final(request)
        assert status(final) == ANSWERS[method]
        assert ANSWERS[method] != 405 or "INVITE" in header(final, "Allow")
        assert not peer.received("NOTIFY")
