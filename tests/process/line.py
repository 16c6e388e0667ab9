"""A call with audio whose ends are in the test's hands, and the offers that each side makes in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.process.daemon import Gateway
from tests.process.rtp import EVENT, RtpEnd, open_path, rtp_place, sdp_at
from tests.process.talk import Talk, talking
from tests.process.wire import carrying, sdp, status

DESCRIBED_IN = {"caller": "answer", "callee": "placed"}
"""The message of a `Talk` in which each side is told how to send."""
SENDERS = pytest.mark.parametrize("sender", ["caller", "callee"])
METHODS = pytest.mark.parametrize("method", ["INVITE", "UPDATE"])


@dataclass
class Line:
    """A call whose ends are in the test's hands."""

    talk: Talk
    ends: dict[str, RtpEnd]
    cseq: Iterator[int]

    def pair(self, sender: str) -> tuple[RtpEnd, RtpEnd]:
        """The end that sends and the one that receives."""
        return self.ends[sender], self.ends["callee" if sender == "caller" else "caller"]

    def event_for(self, sender: str) -> int:
        """The payload type that the gateway asked this side to use for digits."""
        found = re.search(
            r"^a=rtpmap:(\d+) telephone-event/8000", getattr(self.talk, DESCRIBED_IN[sender]), re.MULTILINE
        )
        assert found
        return int(found[1])

    def offer(self, by: str, body: str, method: str = "INVITE") -> str:
        """An offer of one side; its final response."""
        number = next(self.cseq)
        request = carrying(self.talk.request(by, method, number), body=body)
        peer = self.talk.peer(by)
        peer.send(request)
        final = peer.wait_for_final(request)
        if method == "INVITE":
            peer.send(self.talk.request(by, "ACK", number))
        return final

    def change(self, by: str, body: str, method: str = "INVITE") -> str:
        """An offer that the gateway accepts; its answer."""
        answer = self.offer(by, body, method)
        assert status(answer) == 200
        return answer

    def ask(self, by: str, body: str) -> str:
        """A re-INVITE without SDP: the offer of the gateway, which `body` answers."""
        number = next(self.cseq)
        request = self.talk.request(by, "INVITE", number)
        peer = self.talk.peer(by)
        peer.send(request)
        offer = peer.wait_for_final(request)
        assert status(offer) == 200
        peer.send(carrying(self.talk.request(by, "ACK", number), body=body))
        return offer


PLAIN = "0 101", "0 101"
"""PCMU and digits on both sides."""


@contextmanager
def line(gateway: Gateway, direction: str = "to_twilio", formats: tuple[str, str] = PLAIN) -> Iterator[Line]:
    """The only call of a test, which ends well."""
    with audible(gateway, direction, formats) as opened:
        yield opened
        opened.talk.hang_up()
        gateway.assert_outcomes(direction, "success/completed")


@contextmanager
def audible(gateway: Gateway, direction: str, formats: tuple[str, str] = PLAIN) -> Iterator[Line]:
    """A call with audio; `formats` are those of caller and callee. Whoever asks for it hangs up."""
    hosts = gateway.caller(direction).place.host, gateway.callee(direction).place.host
    with RtpEnd(hosts[0]) as near, RtpEnd(hosts[1]) as far:
        offer, answer = (
            sdp_at(end.place, described(end, wanted)) for end, wanted in zip((near, far), formats, strict=True)
        )
        with talking(gateway, direction, offer, answer) as talk:
            near.to, far.to = rtp_place(talk.answer), rtp_place(talk.placed)
            yield Line(talk, {"caller": near, "callee": far}, itertools.count(10))


def described(end: RtpEnd, formats: str) -> str:
    """SDP with these formats; the last is that of telephone-event."""
    described = sdp(end.place.host, formats)
    mapped = f"a=rtpmap:{EVENT} telephone-event/8000\r\n"
    assert mapped in described
    audio, *event = formats.split()
    return described.replace(
        mapped, mapped.replace(str(EVENT), event[0]) if event else f"a=rtpmap:{audio} PCMU/8000\r\n"
    )


@pytest.fixture
def open_line(gateway: Gateway) -> Iterator[Line]:
    """Both ends have PCMU, and hear each other."""
    with line(gateway) as opened:
        open_path(*opened.pair("caller"))
        yield opened
