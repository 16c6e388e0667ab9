"""What our build of PJSIP does less often than upstream's (lean-calls, printing and rest.patch, trunks.hpp)."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import pjsua2 as pj
import pytest

from tests.pjsip.calls import Calls
from tests.pjsip.peer import Peer
from tests.pjsip.stack import Stack
from tests.pjsip.test_legs import HOST, PCMU, WATCH_SECONDS, assert_hears, parties

WARNINGS = 2
MORE_THAN_T1_MILLISECONDS = 5000
REST_SECONDS = 0.1
LONG_HOST, LONG_PORT = "127.255.255.254", 65533


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


def test_the_clock_rests_while_packets_are_passed_on() -> None:
    """Each time it goes to sleep it does so for as long as nobody needs a frame."""
    with parties(PCMU, PCMU) as (stack, (one, other)):
        assert one.leg.join(other.leg)
        assert_hears(stack, one, other)
        started, before = time.monotonic(), sleeps_of_the_clock()
        stack.poll_for(WATCH_SECONDS)
        assert sleeps_of_the_clock() - before <= 2 + (time.monotonic() - started) / REST_SECONDS


def sleeps_of_the_clock() -> int:
    """Of the thread that has a frame of the bridge made every 20 ms, as long as somebody needs it."""
    threads = [task for task in Path("/proc/self/task").iterdir() if (task / "comm").read_text() == "clock\n"]
    (status,) = [(task / "status").read_text() for task in threads]
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def test_a_round_does_not_end_for_a_timer_of_the_stack() -> None:
    """What was due in it is done when it ends: here an INVITE that nobody answers is sent again."""
    with Stack(endpoint=pj.Stack, clock=True) as stack, Peer(stack.address) as peer:
        account = stack.add_account(Calls(), sockets=True)
        leg = pj.Leg(account)
        leg.place(peer.uri, "", "")
        stack.endpoint.work(MORE_THAN_T1_MILLISECONDS)
        peer.find("INVITE")
        assert [message.start.split()[0] for message in peer.received] == ["INVITE", "INVITE"]


def test_the_longest_address_of_ipv4_is_written_whole() -> None:
    """As those of all packets are, without printf."""
    with Stack() as stack:
        place = pj.TransportConfig()
        place.boundAddress, place.port = LONG_HOST, LONG_PORT
        transport = stack.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, place)
        assert stack.endpoint.transportGetInfo(transport).localAddress == f"{LONG_HOST}:{LONG_PORT}"
