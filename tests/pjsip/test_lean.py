"""What our build of PJSIP does less often than upstream's (lean-calls.patch, trunks.hpp)."""

from __future__ import annotations

import contextlib
import socket

import pjsua2 as pj
import pytest

from tests.pjsip.calls import Calls
from tests.pjsip.peer import Peer
from tests.pjsip.stack import Stack
from tests.pjsip.test_legs import HOST, PCMU, WATCH_SECONDS, assert_hears, parties

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


@pytest.mark.parametrize("spoken", [False, True])
def test_rtcp_says_bye_only_of_who_sent(spoken: bool) -> None:
    """RFC 3550, section 6.3.7; and nothing at all of a call in which nobody ever did."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
        reports.bind((HOST, 0))
        reports.setblocking(False)
        with parties(PCMU, PCMU, more=f"a=rtcp:{reports.getsockname()[1]}\r\n") as (stack, (one, other)):
            assert one.leg.join(other.leg)
            if spoken:
                assert_hears(stack, one, other)
            for party in (one, other):
                party.leg.finish(0, "")
                stack.poll_until(lambda leg=party.leg: not leg.isActive())
            stack.poll_for(WATCH_SECONDS)
            heard = [party.end.received() for party in (one, other)]
        # Until it is joined a leg sends silence: how far the first got with that is chance.
        assert byes(reports) == sum(map(bool, heard))


def byes(reports: socket.socket) -> int:
    """How many packets ended with a BYE, which says how many leave and who (RFC 3550, section 6.6)."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while packet := reports.recv(2000):
            count += packet[-8:-6] == b"\x81\xcb"
    return count


def test_a_round_does_not_end_for_a_timer_of_the_stack() -> None:
    """What was due in it is done when it ends: here an INVITE that nobody answers is sent again."""
    with Stack(endpoint=pj.Stack, clock=True) as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls(), sockets=True)
        leg = pj.Leg(account)
        leg.place(peer.uri, "", "")
        stack.endpoint.work(MORE_THAN_T1_MILLISECONDS)
        peer.find("INVITE")
        assert [message.start.split()[0] for message in peer.received] == ["INVITE", "INVITE"]
