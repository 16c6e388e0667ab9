"""A side from which no audio comes any more (`media.timeout_seconds`)."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.talk import Talk, talking
from tests.process.test_media import MILLIWATT, PACKET_SECONDS, rtp, rtp_place
from tests.process.waiting import stays_false, wait_until
from tests.process.wire import MEDIA_PORT, WirePeer, carrying, sdp, status

TIMEOUT_SECONDS = 1.0


def configure(tree: Tree, site: Site) -> None:
    tree["media"]["timeout_seconds"] = TIMEOUT_SECONDS


@contextmanager
def speaking(peer: WirePeer, message: str) -> Iterator[None]:
    """RTP from this peer to whoever sent this SDP, until the end."""
    quiet = threading.Event()

    def speak() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.bind((peer.place.host, MEDIA_PORT))
            for number in itertools.count():
                mouth.sendto(rtp(number & 0xFFFF, MILLIWATT * 20), rtp_place(message))
                if quiet.wait(PACKET_SECONDS):
                    return

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        quiet.set()
        thread.join()


def be_hung_up_on(talk: Talk) -> None:
    for peer in (talk.caller, talk.callee):
        peer.send(peer.reply(peer.wait_for("BYE"), "200 OK"))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("speaker", ["caller", "callee", "nobody"])
def test_a_side_that_is_silent_loses_its_call(gateway: Gateway, direction: str, speaker: str) -> None:
    with talking(gateway, direction) as talk:
        if speaker == "nobody":
            be_hung_up_on(talk)
        else:
            sdp_of_gateway = talk.answer if speaker == "caller" else talk.placed
            with speaking(talk.peer(speaker), sdp_of_gateway):
                be_hung_up_on(talk)
        gateway.assert_outcomes(direction, "indeterminate/media-timeout")


def test_a_side_that_holds_may_be_silent(gateway: Gateway) -> None:
    """And has the whole time again afterwards; the other side speaks on."""
    with talking(gateway, "to_twilio") as talk, speaking(talk.callee, talk.placed):
        hold = carrying(talk.request("caller", "INVITE", 10), body=sdp(talk.caller.place.host) + "a=sendonly\r\n")
        talk.caller.send(hold)
        assert status(talk.caller.wait_for_final(hold)) == 200
        talk.caller.send(talk.request("caller", "ACK", 10))
        assert stays_false(lambda: gateway.ended_calls(), 3 * TIMEOUT_SECONDS)
        resume = carrying(talk.request("caller", "UPDATE", 11), body=sdp(talk.caller.place.host))
        talk.caller.send(resume)
        assert status(talk.caller.wait_for_final(resume)) == 200
        assert stays_false(lambda: gateway.ended_calls(), TIMEOUT_SECONDS / 2)
        be_hung_up_on(talk)
        wait_until(gateway.ended_calls, "the call has ended")
        gateway.assert_outcomes("to_twilio", "indeterminate/media-timeout")
