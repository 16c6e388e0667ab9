"""What one gateway takes on: calls at a time, and new calls a second."""

from __future__ import annotations

import time

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.places import own_host
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, header, status

CALLS = 2
CALLS_PER_SECOND = 5
INVITES = 20


def few_calls(tree: Tree, site: Site) -> None:
    tree["limits"]["calls"] = CALLS


def slow_calls(tree: Tree, site: Site) -> None:
    tree["limits"] |= {"calls_per_second": CALLS_PER_SECOND, "response_seconds": 0.5}


def test_calls_at_a_time(start_gateway: StartGateway) -> None:
    """Calls of both directions count together, and a call that ends makes room."""
    gateway = start_gateway(few_calls)
    callees = [gateway.callee(direction).serve("uas-answer", calls=2) for direction in DIRECTIONS]
    callers = [gateway.caller(direction).call("uac-hung-up-on") for direction in DIRECTIONS]
    calls = gateway.wait_for_talking(CALLS)

    for direction in DIRECTIONS:
        gateway.caller(direction).call("uac-refused", code="503", header="Retry-After: 5").finish()
    gateway.assert_rejected("limit-calls", "limit-calls")

    for call in calls:
        assert gateway.request(f"/calls/{call['id']}", "DELETE")[0] == 202
    for caller in callers:
        caller.finish()
    wait_until(lambda: len(gateway.ended_calls()) == CALLS, "both have ended")
    assert {line["reason"] for line in gateway.ended_calls()} == {"ended-by-admin"}
    for direction in DIRECTIONS:
        gateway.caller(direction).call("uac-call").finish()
    for callee in callees:
        callee.finish()


def test_calls_a_second(start_gateway: StartGateway) -> None:
    gateway = start_gateway(slow_calls)
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invites = {header(invite, "Call-ID"): invite for invite in (caller.invite() for _ in range(INVITES))}
        began = time.monotonic()
        for invite in invites.values():
            caller.send(invite)
        wait_until(lambda: len(caller.finals()) == INVITES, "all are answered")
        seconds = time.monotonic() - began
        for final in caller.finals().values():
            caller.send(caller.in_dialog("ACK", invites[header(final, "Call-ID")], final))
        refused = [final for final in caller.finals().values() if status(final) == 503]
        assert all("\r\nRetry-After: 1\r\n" in final for final in refused)
        # One second's worth at once, and what comes free while a busy machine reads the rest.
        taken = INVITES - len(refused)
        assert CALLS_PER_SECOND <= taken <= CALLS_PER_SECOND * (1 + seconds)
        gateway.assert_rejected(*["limit-rate"] * len(refused))
        assert len({header(placed, "Call-ID") for placed in callee.received("INVITE")}) == INVITES - len(refused)


def call_too_often(gateway: Gateway, caller: WirePeer, callee: WirePeer) -> None:
    """Many INVITEs at once: some are refused for their rate, and the others because the callee is busy."""
    invites = {header(invite, "Call-ID"): invite for invite in (caller.invite() for _ in range(INVITES))}
    for invite in invites.values():
        caller.send(invite)

    def all_are_answered() -> bool:
        for placed in callee.received("INVITE"):
            if header(placed, "Via") not in callee.settled:
                callee.send(callee.reply(placed, "486 Busy Here"))
        return len(caller.finals()) == INVITES

    wait_until(all_are_answered, "all are answered")
    finals = caller.finals()
    for final in finals.values():
        caller.send(caller.in_dialog("ACK", invites[header(final, "Call-ID")], final))
    refused = [final for final in finals.values() if status(final) == 503]
    assert {header(final, "Retry-After") for final in refused} == {"1"}
    gateway.assert_rejected(*["limit-rate"] * len(refused))


def is_taken(caller: WirePeer, callee: WirePeer, user: str) -> None:
    """A call gets through; its callee is busy."""
    invite = caller.invite(user=user)
    caller.send(invite)
    callee.send(callee.reply(callee.wait_for(f"INVITE sip:{user}@"), "486 Busy Here"))
    final = caller.wait_for_final(invite)
    assert status(final) == 486
    caller.send(caller.in_dialog("ACK", invite, final))


def test_calls_a_second_of_one_trunk(start_gateway: StartGateway) -> None:
    """The other trunk is not held to it."""
    gateway = start_gateway(lambda tree, site: tree["trunks"]["pbx"].update(calls_per_second=1))
    with gateway.wire(gateway.pbx) as pbx, gateway.wire(gateway.twilio) as twilio:
        call_too_often(gateway, pbx, twilio)
        is_taken(twilio, pbx, "200")


def test_calls_a_second_of_one_address(start_gateway: StartGateway) -> None:
    """Another address of the same trunk is not held to what this one does."""
    other_host = own_host()

    def limited(tree: Tree, site: Site) -> None:
        tree["trunks"]["pbx"]["source_calls_per_second"] = 1
        tree["trunks"]["pbx"]["allow"].append(other_host)

    gateway = start_gateway(limited)
    with gateway.wire(gateway.pbx) as pbx, gateway.wire(gateway.twilio) as twilio:
        call_too_often(gateway, pbx, twilio)
        with gateway.wire_from(other_host) as other:
            is_taken(other, twilio, "200")
