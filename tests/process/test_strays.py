"""Requests outside of a dialog that start no call: an answer each, whoever asks (RFC 3261, 8.2.1 and 12.2.2)."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway
from tests.process.wire import header, status

ANSWERS = (
    dict.fromkeys(("REGISTER", "MESSAGE", "PUBLISH", "REFER"), 405)
    | dict.fromkeys(("BYE", "INFO", "UPDATE", "PRACK", "NOTIFY"), 481)
    | {"SUBSCRIBE": 489, "FROBNICATE": 501}
)
STRANGE, UNSUPPORTED = ("unknown-source",), ("unsupported",)
COUNTED_AS: dict[tuple[str, bool], tuple[str, ...]] = {
    ("pbx", False): UNSUPPORTED,
    ("pbx", True): ("no-dialog",),
    ("stranger", False): STRANGE,
    ("stranger", True): STRANGE,
}
"""By who asks, and whether it is merely late."""


@pytest.mark.parametrize("side", ["pbx", "stranger"])
@pytest.mark.parametrize("method", ANSWERS)
def test_a_method_that_makes_no_call(gateway: Gateway, side: str, method: str) -> None:
    with gateway.wire_caller(getattr(gateway, side)) as peer:
        request = peer.request(method, "Event: presence", "Refer-To: <sip:a@192.0.2.1>")
        peer.send(request)
        final = peer.wait_for_final(request)
        assert status(final) == ANSWERS[method]
        if ANSWERS[method] in (405, 501):
            allowed = header(final, "Allow").split(", ")
            assert "INVITE" in allowed
            assert method not in allowed or method == "REFER"  # inside a call only
        assert not peer.received("NOTIFY")
    gateway.assert_rejected(*COUNTED_AS[side, ANSWERS[method] == 481])


@pytest.mark.parametrize(("side", "code"), [("pbx", 200), ("twilio", 200), ("stranger", 403)])
def test_options_are_for_trunks(gateway: Gateway, side: str, code: int) -> None:
    with gateway.wire_caller(getattr(gateway, side)) as peer:
        request = peer.request("OPTIONS")
        peer.send(request)
        final = peer.wait_for_final(request)
        assert status(final) == code
        assert code != 200 or "INVITE" in header(final, "Allow")


def test_options_in_a_dialog_that_is_none(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.pbx) as peer:
        request = peer.request("OPTIONS").replace("@" + str(gateway.site.gateway) + ">\r\nCall", "@x>;tag=1\r\nCall")
        peer.send(request)
        assert status(peer.wait_for_final(request)) == 481
