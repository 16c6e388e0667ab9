"""What one gateway takes on: calls at a time, and new calls a second."""

from __future__ import annotations

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Site, Tree
from tests.process.waiting import wait_until
from tests.process.wire import header, status

CALLS = 2
CALLS_PER_SECOND = 5
INVITES = 20


def few_calls(tree: Tree, site: Site) -> None:
    tree["limits"]["calls"] = CALLS


def slow_calls(tree: Tree, site: Site) -> None:
    tree["limits"]["calls_per_second"] = CALLS_PER_SECOND


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_calls_at_a_time(start_gateway: StartGateway, direction: str) -> None:
    gateway = start_gateway(few_calls)
    callee = gateway.callee(direction).serve("uas-answer", calls=CALLS + 1)
    callers = [gateway.caller(direction).call("uac-hung-up-on") for _ in range(CALLS)]
    calls = gateway.wait_for_talking(CALLS)

    gateway.caller(direction).call("uac-refused", code="503", header="Retry-After: 5").finish()
    gateway.assert_rejected("limit-calls")

    for call in calls:
        assert gateway.request(f"/calls/{call['id']}", "DELETE")[0] == 202
    for caller in callers:
        caller.finish()
    gateway.assert_outcomes(direction, *["success/ended-by-admin"] * CALLS)
    gateway.caller(direction).call("uac-call").finish()
    callee.finish()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_calls_a_second(start_gateway: StartGateway, direction: str) -> None:
    gateway = start_gateway(slow_calls)
    with gateway.wire(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invites = {header(invite, "Call-ID"): invite for invite in (caller.invite() for _ in range(INVITES))}
        for invite in invites.values():
            caller.send(invite)
        wait_until(lambda: len(caller.received("SIP/2.0 503")) >= INVITES - CALLS_PER_SECOND - 1, "most are refused")
        assert all("\r\nRetry-After: 1\r\n" in refused for refused in caller.received("SIP/2.0 503"))
        wait_until(lambda: len(callee.received("INVITE")) >= CALLS_PER_SECOND, "some are called")
        wait_until(lambda: len(caller.finals()) == INVITES, "all are answered")
        for final in caller.finals().values():
            caller.send(caller.in_dialog("ACK", invites[header(final, "Call-ID")], final))
        refused = [final for final in caller.finals().values() if status(final) == 503]
        gateway.assert_rejected(*["limit-rate"] * len(refused))
        assert len(refused) in (INVITES - CALLS_PER_SECOND, INVITES - CALLS_PER_SECOND - 1)
