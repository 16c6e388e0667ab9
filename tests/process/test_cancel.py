"""CANCEL, at every point at which it can come (RFC 3261, section 9)."""

from __future__ import annotations

import pytest

from tests.process.daemon import DIRECTIONS, Gateway
from tests.process.wire import sdp

pytestmark = pytest.mark.parametrize("direction", DIRECTIONS)


def test_cancel_while_it_rings(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-ring-until-cancelled")
    gateway.caller(direction).call("uac-cancel").finish()
    callee.finish()
    gateway.assert_outcomes(direction, "client-error/cancelled")


def test_an_answer_that_crosses_the_cancel_is_hung_up(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-answer-despite-cancel")
    gateway.caller(direction).call("uac-cancel").finish()
    callee.finish()
    gateway.assert_outcomes(direction, "client-error/cancelled")


def test_cancel_reaches_a_callee_that_rings_only_after_it(gateway: Gateway, direction: str) -> None:
    """Before any provisional response no CANCEL may leave (section 9.1), so it leaves with the first."""
    with gateway.wire(gateway.callee(direction)) as callee:
        caller = gateway.caller(direction).call("uac-cancel-before-ringing", "-d", "100")
        invite = callee.wait_for("INVITE")
        caller.finish()
        gateway.assert_outcomes(direction, "client-error/cancelled")
        assert not callee.received("CANCEL")
        callee.send(callee.reply(invite, "180 Ringing"))
        cancel = callee.wait_for("CANCEL")
        callee.send(callee.reply(cancel, "200 OK"))
        callee.send(callee.reply(invite, "487 Request Terminated"))
        callee.wait_for("ACK")


def test_a_callee_that_answers_only_after_the_cancel_is_hung_up(gateway: Gateway, direction: str) -> None:
    with gateway.wire(gateway.callee(direction)) as callee:
        caller = gateway.caller(direction).call("uac-cancel-before-ringing", "-d", "100")
        invite = callee.wait_for("INVITE")
        caller.finish()
        callee.send(callee.reply(invite, "200 OK", body=sdp(callee.place.host)))
        callee.wait_for("ACK")
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes(direction, "client-error/cancelled")
