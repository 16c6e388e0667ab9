"""DTMF by INFO (RFC 6086) and RTP (RFC 4733) leaves as RTP: each digit once, in order, as long as it was pressed."""

from __future__ import annotations

import itertools
import re
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import pytest

from tests.process.daemon import Gateway
from tests.process.talk import Talk
from tests.process.test_media import rtp_place
from tests.process.waiting import wait_until
from tests.process.wire import MEDIA_PORT, WirePeer, carrying, sdp, status

EVENTS = "0123456789*#ABCD"
CLOCK = 8
"""Samples of a millisecond."""
ALIKE, UNLIKE = ("0 101", "0 101"), ("0 101", "8 101")
"""What the caller offers and what the callee takes: the same codec, or another."""
Digit = tuple[str, int]
"""A digit and its duration in milliseconds."""


class Ear:
    """Where a peer takes its RTP: the digits in it."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, MEDIA_PORT))
        self._socket.setblocking(False)
        self._ended: dict[int, Digit] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def send(self, packet: bytes, to: tuple[str, int]) -> None:
        self._socket.sendto(packet, to)

    def digits(self, payload_type: int) -> list[Digit]:
        """The digits that ended so far; the packets that repeat an end have its time (RFC 4733, section 2.5.1.4)."""
        while packet := self._read():
            kind, _, moment = struct.unpack(">BHI", packet[1:8])
            if kind & 0x7F == payload_type:
                event, flags, duration = struct.unpack(">BBH", packet[12:16])
                if flags & 0x80:
                    self._ended.setdefault(moment, (EVENTS[event], duration // CLOCK))
        return list(self._ended.values())

    def opened(self, to: tuple[str, int], other: Ear) -> int:
        """Speak until the other hears it, as the first moment of a call passes nothing on; the number to go on with."""
        numbers = itertools.count(1)

        def arrives() -> int:
            number = next(numbers)
            self.send(struct.pack(">BBHII", 0x80, 0, number, number * 160, 0x5EED) + b"\x55" * 160, to)
            return number if other._read() else 0

        return wait_until(arrives, "audio arrives") + 1

    def _read(self) -> bytes:
        try:
            return self._socket.recv(2000)
        except BlockingIOError:
            return b""


def event_type(message: str) -> int:
    """The payload type of digits in an offer or answer."""
    found = re.search(r"a=rtpmap:(\d+) telephone-event/8000", message)
    assert found
    return int(found[1])


@contextmanager
def connected(gateway: Gateway, codecs: tuple[str, str]) -> Iterator[tuple[Talk, Ear, Ear]]:
    """A call from the PBX to Twilio, and the ears of both; it must be up at the end."""
    offered, taken = codecs
    with (
        gateway.wire_caller(gateway.pbx) as caller,
        gateway.wire(gateway.twilio) as callee,
        Ear(caller.place.host) as caller_ear,
        Ear(callee.place.host) as callee_ear,
    ):
        body = sdp(caller.place.host, offered)
        invite = caller.invite(body=body if "101" in offered else body.partition("a=rtpmap:101")[0])
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        wanted = str(event_type(placed))
        answer = sdp(callee.place.host, taken.replace("101", wanted)).replace("rtpmap:101 ", f"rtpmap:{wanted} ")
        callee.send(callee.reply(placed, "200 OK", body=answer))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        gateway.wait_for_talking()
        yield Talk(caller, callee, invite, final, placed), caller_ear, callee_ear
        caller.send(caller.in_dialog("BYE", invite, final, 90))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def info(peer: WirePeer, request: str, body: str, kind: str) -> None:
    message = carrying(request, body=body, kind=kind)
    peer.send(message)
    peer.send(message)  # UDP may deliver twice, and a digit must not be doubled
    assert status(peer.wait_for_final(message)) == 200


def expect(heard: Callable[[], list[Digit]], digits: str, milliseconds: int) -> None:
    """These digits come, no other, and each as long as it was pressed, to the packet."""
    wait_until(lambda: len(heard()) >= len(digits), f"{digits}, and not {heard()}", 20)
    assert "".join(digit for digit, _ in heard()) == digits
    assert all(abs(length - milliseconds) <= 20 for _, length in heard()), heard()


BODIES = [
    pytest.param("Signal={}\r\nDuration={}\r\n", "application/dtmf-relay", id="dtmf-relay"),
    pytest.param("Signal= {}\r\nDuration= {}", "application/dtmf-relay", id="as Cisco writes it"),
]


@pytest.mark.parametrize("codecs", [ALIKE, UNLIKE], ids=["one codec", "two codecs"])
@pytest.mark.parametrize(("body", "kind"), BODIES)
def test_digits_by_info(gateway: Gateway, codecs: tuple[str, str], body: str, kind: str) -> None:
    """Ten a second and more: they wait for each other."""
    with connected(gateway, codecs) as (talk, _, ear):
        for number, digit in enumerate(EVENTS[:12], 10):
            info(talk.caller, talk.request("caller", "INFO", number), body.format(digit, 80), kind)
        expect(lambda: ear.digits(event_type(talk.placed)), EVENTS[:12], 80)


@pytest.mark.parametrize(
    ("body", "kind", "digit", "milliseconds"),
    [
        pytest.param("5", "application/dtmf", "5", 160, id="plain"),
        pytest.param(" # \r\n", "application/dtmf", "#", 160, id="plain with blanks"),
        pytest.param("Signal=10\r\nDuration=100\r\n", "application/dtmf-relay", "*", 100, id="by the event's number"),
        pytest.param("signal=d\nduration=100\n", "application/DTMF-Relay", "D", 100, id="small letters"),
        pytest.param("Signal=7\r\n", "application/dtmf-relay", "7", 160, id="no duration"),
    ],
)
def test_a_digit_as_others_write_it(gateway: Gateway, body: str, kind: str, digit: str, milliseconds: int) -> None:
    with connected(gateway, ALIKE) as (talk, ear, _):
        info(talk.callee, talk.request("callee", "INFO", 10), body, kind)
        expect(lambda: ear.digits(101), digit, milliseconds)


def events(digit: str, start: int, milliseconds: int, ends: int = 3, payload_type: int = 101) -> Iterator[bytes]:
    """The packets of a digit, one each 20 ms, as from sequence number and time `start` on."""
    lengths = [*range(20, milliseconds, 20), *[milliseconds] * ends]
    for number, length in enumerate(lengths):
        end = 0x80 if length == milliseconds else 0
        head = struct.pack(">BBHII", 0x80, payload_type | (0 if number else 0x80), start + number, start * 160, 0x5EED)
        yield head + struct.pack(">BBHH", EVENTS.index(digit), end | 10, length * CLOCK, 0)[:4]


@pytest.mark.parametrize("codecs", [ALIKE, UNLIKE], ids=["one codec", "two codecs"])
@pytest.mark.parametrize("milliseconds", [60, 40])
def test_digits_by_rtp_both_ways(gateway: Gateway, codecs: tuple[str, str], milliseconds: int) -> None:
    """Ten a second from each side at once, digits pressed twice among them."""
    digits = "1123#*0990"
    with connected(gateway, codecs) as (talk, caller, callee):
        places = rtp_place(talk.answer), rtp_place(talk.placed)
        types = event_type(talk.answer), event_type(talk.placed)
        starts = caller.opened(places[0], callee), callee.opened(places[1], caller)
        for number, pressed in enumerate(zip(digits, digits[::-1], strict=True)):
            for end, place, payload_type, start, digit in zip(
                (caller, callee), places, types, starts, pressed, strict=True
            ):
                for packet in events(digit, start + 10 * number, milliseconds, payload_type=payload_type):
                    end.send(packet, place)
        expect(lambda: callee.digits(types[1]), digits, milliseconds)
        expect(lambda: caller.digits(types[0]), digits[::-1], milliseconds)


def test_a_last_digit_whose_end_is_lost(gateway: Gateway) -> None:
    """All three packets of it; no other digit follows."""
    with connected(gateway, UNLIKE) as (talk, mouth, ear):
        for packet in events("7", 100, 100, ends=0):
            mouth.send(packet, rtp_place(talk.answer))
        expect(lambda: ear.digits(event_type(talk.placed)), "7", 80)


def test_a_side_that_takes_no_digits_keeps_its_call(gateway: Gateway) -> None:
    with connected(gateway, ("0", "0 101")) as (talk, ear, _):
        info(talk.callee, talk.request("callee", "INFO", 10), "5", "application/dtmf")
        wait_until(lambda: [line for line in gateway.log() if line["msg"] == "a digit is lost"], "the log tells")
        assert ear.digits(101) == []
