"""Peers that take too long, or are never heard of again."""

from __future__ import annotations

import time

import pytest

from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.patient.conftest import NOTIFY_SECONDS, SilentCalls, UntoldTransfer
from tests.process.waiting import stays_false, wait_until

CLOSED_SECONDS = 25
"""After 15 seconds, on a busy machine (config/pjsip/config_site.h)."""
NO_ANSWER = 'Reason: Q.850;cause=19;text="No answer from user"'


def configure(tree: Tree, site: Site) -> None:
    tree["limits"] |= {"ring_seconds": 0.5, "call_seconds": 0.7}


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_nobody_answers(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-ring-until-cancelled")
    gateway.caller(direction).call("uac-refused", code="480", header=NO_ANSWER).finish()
    callee.finish()
    gateway.assert_outcomes(direction, "client-error/no-answer")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_call_is_as_long_as_it_may_be(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-answer")
    gateway.caller(direction).call("uac-hung-up-on").finish()
    callee.finish()
    [ended] = gateway.assert_outcomes(direction, "success/max-duration")
    assert 0.6 < ended["duration_seconds"] < 5


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_callee_that_vanished_does_not_keep_the_call(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-vanish")
    gateway.caller(direction).call("uac-call").finish()
    callee.finish()
    gateway.assert_outcomes(direction, "success/completed")
    gateway.settle(gateway.callee(direction), "BYE")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_caller_that_vanished_does_not_keep_the_call(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-answer-and-hang-up")
    with gateway.wire(gateway.caller(direction)) as caller:
        invite = caller.invite()
        caller.send(invite)
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for("SIP/2.0 200")))
        callee.finish()
        caller.wait_for("BYE")
        gateway.assert_outcomes(direction, "success/completed")


def test_connections_that_bring_no_message_are_closed(silent_calls: SilentCalls) -> None:
    for connection in silent_calls.stalled:
        connection.settimeout(CLOSED_SECONDS)
        while connection.recv(4096):
            pass  # what the gateway answers to an empty line


def test_who_answers_no_notify_keeps_its_call(untold_transfer: UntoldTransfer) -> None:
    """Only its subscription ends (RFC 5057, section 5.1): there may be a firewall, and the two talk."""
    transfer = untold_transfer.transfer
    patience = max(0.1, untold_transfer.began + NOTIFY_SECONDS - time.monotonic())
    assert stays_false(lambda: transfer.asks.received("BYE"), patience)
    assert len(transfer.asks.received("NOTIFY")) > 10
    transfer.gateway.wait_for_talking()
    transfer.talk.hang_up()
    (line,) = transfer.gateway.assert_outcomes("to_twilio", "success/completed")
    assert line["transfers"] == {"failed": 1}
    transfer.gateway.assert_nothing_left()


def test_an_answer_that_is_never_acknowledged(silent_calls: SilentCalls) -> None:
    """Both ways; the callee gets BYE, and so does the caller, who answers that much."""
    for peer in silent_calls.peers:
        peer.finish()
    gateway = silent_calls.gateway
    ended = wait_until(lambda: len(lines := gateway.ended_calls()[1:]) == len(DIRECTIONS) and lines, "both ended")
    assert {(line["direction"], line["result"], line["reason"]) for line in ended} == {
        (direction, "indeterminate", "ack-missing") for direction in DIRECTIONS
    }
    gateway.assert_nothing_left()
