"""Legs of our own (config/pjsip/leg.hpp): who hears whom, and for how long nobody was heard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pjsua2 as pj
import pytest

from tests.pjsip.calls import Calls
from tests.pjsip.peer import SDP, Peer
from tests.pjsip.stack import Stack
from tests.process.rtp import OPENING, PCMA, PCMU, SAMPLES, Packet, RtpEnd, rtp_place, sound

HOST = "127.0.0.1"
WATCH_SECONDS = 0.3
POLL_MILLISECONDS = 20
LOUD = {PCMU: sound(0x1E), PCMA: sound(0x34)}
"""The same sound in both (ITU-T G.711)."""


@dataclass
class Party:
    """A leg, and the audio of the peer it leads to."""

    leg: pj.Leg
    end: RtpEnd
    codec: int
    sent: int = OPENING

    def speak(self) -> None:
        self.end.send(Packet(self.sent, self.sent * SAMPLES, LOUD[self.codec], self.codec))
        self.sent += 1

    def hears(self) -> bool:
        return LOUD[self.codec] in [packet.payload for packet in self.end.received()]


@contextmanager
def parties(*codecs: int, more: str = "") -> Iterator[tuple[Stack, list[Party]]]:
    """Legs whose peers took the call, each with its codec; `more` are lines of their SDP."""
    with Stack(clock=True) as stack, ExitStack() as opened:
        account = stack.add_account(Calls(), sockets=True)
        found = []
        for codec in codecs:
            peer, end = opened.enter_context(Peer(stack.address)), opened.enter_context(RtpEnd(HOST))
            found.append(Party(taken(stack, account, peer, end, codec, more), end, codec))
        yield stack, found


def taken(stack: Stack, account: pj.Account, peer: Peer, end: RtpEnd, codec: int, more: str = "") -> pj.Leg:
    leg = pj.Leg(account)
    leg.place(peer.uri, "", "")
    invite = stack.poll_until(lambda: peer.find("INVITE"))
    end.to = rtp_place(invite.body)
    answer = SDP.replace("192.0.2.9", HOST).replace("40000 RTP/AVP 0", f"{end.place.port} RTP/AVP {codec}")
    peer.send(peer.response(invite, "200 OK", body=answer + more))
    stack.poll_until(leg.hasAudio)
    return leg


def assert_hears(stack: Stack, speaker: Party, listener: Party) -> None:
    """What is said again and again arrives in the end."""

    def arrives() -> bool:
        speaker.speak()
        stack.poll(POLL_MILLISECONDS)
        return listener.hears()

    stack.poll_until(arrives)


@pytest.mark.parametrize("third", [PCMU, PCMA])
@pytest.mark.parametrize("second", [PCMU, PCMA])
def test_a_leg_that_is_joined_with_another_leaves_the_one_before(second: int, third: int) -> None:
    """As a transfer does it, with the same codec on all legs or another one on some."""
    with parties(PCMU, second, third) as (stack, (one, before, after)):
        assert one.leg.join(before.leg)
        assert_hears(stack, one, before)
        assert_hears(stack, before, one)
        assert one.leg.join(after.leg)
        stack.poll_for(WATCH_SECONDS)
        for party in (one, before):
            party.end.forget()
        assert_hears(stack, one, after)
        before.speak()
        stack.poll_for(WATCH_SECONDS)
        assert not before.hears()
        assert not one.hears()
        assert_hears(stack, after, one)


@pytest.mark.parametrize("codec", [PCMU, PCMA])
def test_a_leg_alone_is_heard_by_nobody(codec: int) -> None:
    with parties(PCMU, codec) as (stack, (one, other)):
        assert one.leg.join(other.leg)
        assert_hears(stack, one, other)
        one.leg.unjoin()
        stack.poll_for(WATCH_SECONDS)
        for party in (one, other):
            party.end.forget()
            party.speak()
        stack.poll_for(WATCH_SECONDS)
        assert not one.hears()
        assert not other.hears()
        assert other.leg.join(one.leg)
        assert_hears(stack, one, other)


def test_what_is_said_right_after_a_join_is_passed_on() -> None:
    """Not only from the next frame of the bridge on."""
    with parties(PCMU, PCMU) as (stack, (one, other)):
        assert one.leg.join(other.leg)
        one.speak()
        other.speak()
        stack.poll_until(other.hears)
        stack.poll_until(one.hears)


def test_silence_is_counted_from_the_last_packet() -> None:
    with parties(PCMU) as (stack, (party,)):
        stack.poll_until(lambda: party.leg.silentSeconds() > WATCH_SECONDS)
        party.speak()
        stack.poll_until(lambda: party.leg.silentSeconds() < WATCH_SECONDS)
        stack.poll_until(lambda: party.leg.silentSeconds() > WATCH_SECONDS)


def test_a_leg_without_audio_is_not_silent() -> None:
    with Stack() as stack:
        assert pj.Leg(stack.add_account(Calls())).silentSeconds() == 0
