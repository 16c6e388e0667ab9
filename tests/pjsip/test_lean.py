"""What our build of PJSIP does less often than upstream's (lean-calls.patch, trunks.hpp)."""

from __future__ import annotations

import pjsua2 as pj
import pytest

from tests.pjsip.calls import Calls
from tests.pjsip.peer import Peer
from tests.pjsip.stack import Stack
from tests.pjsip.test_legs import PCMU, parties

WARNINGS = 2
MORE_THAN_T1_MILLISECONDS = 5000


def test_a_call_that_goes_well_is_nothing_to_warn_of(capfd: pytest.CaptureFixture[str]) -> None:
    """Upstream logs a failed assertion for each who asks for media events, and for each who no longer does."""
    with parties(PCMU, PCMU) as (stack, (one, other)):
        pj.sipDropMediaEvents()
        pj.sipSetLogLevel(WARNINGS)
        assert one.leg.join(other.leg)
        one.leg.finish(0, "")
        stack.poll_until(lambda: not one.leg.isActive())
        pj.sipSetLogLevel(0)
    assert capfd.readouterr().out == ""


def test_a_round_does_not_end_for_a_timer_of_the_stack() -> None:
    """What was due in it is done when it ends: here an INVITE that nobody answers is sent again."""
    with Stack(endpoint=pj.Stack, clock=True) as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls(), sockets=True)
        leg = pj.Leg(account)
        leg.place(peer.uri, "", "")
        stack.endpoint.work(MORE_THAN_T1_MILLISECONDS)
        peer.find("INVITE")
        assert [message.start.split()[0] for message in peer.received] == ["INVITE", "INVITE"]
