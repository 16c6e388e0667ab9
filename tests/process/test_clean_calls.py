"""Calls that go as calls should, in both directions."""

from __future__ import annotations

import pytest

from tests.process.daemon import DIRECTIONS, Gateway

pytestmark = pytest.mark.parametrize("direction", DIRECTIONS)


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        pytest.param("uac-call", "uas-answer", id="the caller hangs up"),
        pytest.param("uac-hung-up-on", "uas-answer-and-hang-up", id="the callee hangs up"),
        pytest.param("uac-hear-early-media", "uas-early-media", id="early media"),
        pytest.param("uac-ring-then-hear-early-media", "uas-ring-then-early-media", id="early media after ringing"),
        pytest.param("uac-call", "uas-progress-without-media", id="183 without SDP is ringing"),
        pytest.param("uac-late-offer", "uas-answer", id="late offer"),
    ],
)
def test_a_call_goes_through(gateway: Gateway, direction: str, caller: str, callee: str) -> None:
    answering = gateway.callee(direction).serve(callee)
    gateway.caller(direction).call(caller).finish()
    answering.finish()
    gateway.assert_outcomes(direction, "success/completed")
