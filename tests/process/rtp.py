"""RTP by hand: where a peer sends and takes its audio, packet by packet (RFC 3550)."""

from __future__ import annotations

import itertools
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from tests.process.places import Place, free_port
from tests.process.waiting import wait_until
from tests.process.wire import MEDIA_PORT, sdp

HEADER = struct.Struct(">BBHII")
PCMU, PCMA = 0, 8
EVENT = 101
"""The payload type of telephone-event (RFC 4733) in `wire.sdp`."""
SAMPLES = 160
END_OF_EVENT = 0x80
LOUD = {PCMU: bytes([0x1E]) * SAMPLES, PCMA: bytes([0x34]) * SAMPLES}
"""The same sound in each codec (ITU-T G.711)."""
OPENING = 63000
"""The first number that a stream begins with; what follows is in order up to 3,000 more (RFC 3550, appendix A.1)."""
FIRST, LAST = bytes([0x55]) * SAMPLES, bytes([0x66]) * SAMPLES
"""What the first and last packets of something hold, so that their arrival says that all is there."""


@dataclass(frozen=True)
class Packet:
    """What matters of one packet."""

    seq: int
    ts: int
    payload: bytes
    pt: int = PCMU
    marker: bool = False
    ssrc: int = 0x5EED

    def build(self) -> bytes:
        second = self.pt | (0x80 if self.marker else 0)
        return HEADER.pack(0x80, second, self.seq & 0xFFFF, self.ts & 0xFFFFFFFF, self.ssrc) + self.payload


def parse_packet(data: bytes) -> Packet:
    """The twin of `build`."""
    first, second, seq, ts, ssrc = HEADER.unpack_from(data)
    assert first == 0x80, data
    return Packet(seq, ts, data[HEADER.size :], second & 0x7F, bool(second & 0x80), ssrc)


def sound(mark: int) -> bytes:
    """20 ms of G.711 that are known by a number."""
    return bytes([mark % 256]) * SAMPLES


def talk_spurt(first: int, count: int, *, pt: int = PCMU, ssrc: int = 0x5EED) -> list[Packet]:
    """Packets of a source that speaks: numbers, times and marks in step."""
    numbers = range(first, first + count)
    return [
        Packet(number, number * SAMPLES, sound(number), pt, marker=number == first, ssrc=ssrc) for number in numbers
    ]


def digit(event: int, first: int, ts: int, packets: int, pt: int = EVENT) -> list[Packet]:
    """A digit pressed for so many packets, its end sent three times (RFC 4733, section 2.5.1.4)."""
    durations = [SAMPLES * step for step in range(1, packets + 1)]
    going = [struct.pack(">BBH", event, 10, duration) for duration in durations]
    ending = [struct.pack(">BBH", event, END_OF_EVENT | 10, durations[-1])] * 3
    return [
        Packet(first + place, ts, payload, pt, marker=place == 0) for place, payload in enumerate([*going, *ending])
    ]


def sdp_at(place: Place, body: str = "") -> str:
    """SDP (that of `wire.sdp` if none is given) with its audio at `place`."""
    return (body or sdp(place.host)).replace(f"m=audio {MEDIA_PORT} ", f"m=audio {place.port} ")


def rtp_place(message: str) -> Place:
    """Where the sender of this SDP takes RTP."""
    host = re.search(r"^c=IN IP4 (\S+)", message, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", message, re.MULTILINE)
    assert host
    assert port
    return Place(host[1], int(port[1]))


class RtpEnd:
    """A socket for audio of one codec; `to` is where the other side takes it."""

    def __init__(self, host: str, to: Place | None = None, codec: int = PCMU) -> None:
        self.place = Place(host, free_port(host))
        self.to = to
        self.codec = codec
        self.packets: list[Packet] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._socket.setblocking(False)
        self._socket.bind((self.place.host, self.place.port))
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def send(self, *packets: Packet) -> None:
        """All at once."""
        assert self.to
        for packet in packets:
            self._socket.sendto(packet.build(), (self.to.host, self.to.port))

    def received(self) -> list[Packet]:
        """All packets so far."""
        while True:
            try:
                self.packets.append(parse_packet(self._socket.recv(2000)))
            except BlockingIOError:
                return self.packets

    def wait_for(self, payload: bytes) -> list[Packet]:
        """All packets up to the first one with this payload."""
        wait_until(lambda: payload in [packet.payload for packet in self.received()], f"{payload[:4]!r} of audio")
        return self.packets

    def forget(self) -> None:
        """What arrived so far does not count."""
        self.received()
        self.packets.clear()


def open_path(one: RtpEnd, other: RtpEnd, *, both: bool = True) -> None:
    """Return when packets of one reach the other: in the first moment of a call they are not passed on yet."""
    for sender, receiver in ((one, other), (other, one)) if both else ((one, other),):
        open_way(sender, receiver, itertools.count(OPENING))


def open_way(sender: RtpEnd, receiver: RtpEnd, numbers: Iterator[int]) -> None:
    """The same one way, by packets of these numbers."""

    def arrives() -> bool:
        sender.send(Packet(number := next(numbers), number * SAMPLES, FIRST, ssrc=1))
        return FIRST in [packet.payload for packet in receiver.received()]

    receiver.forget()
    wait_until(arrives, "audio arrives")
    sender.send(Packet(number := next(numbers), number * SAMPLES, LAST, ssrc=1))
    receiver.wait_for(LAST)
    receiver.packets.clear()
    sender.forget()  # the silence that a leg may send before it has a peer


_numbers = itertools.count(OPENING + 1000)


def hear_each_other(one: RtpEnd, other: RtpEnd) -> None:
    """Whatever one says now arrives at the other."""
    hears(other, one)
    hears(one, other)


def hears(receiver: RtpEnd, sender: RtpEnd) -> None:
    """Whatever the sender says now arrives at the receiver, in the receiver's codec."""
    sent: list[bytes] = []
    receiver.forget()

    def arrives() -> bool:
        number = next(_numbers)
        sent.append(sound(number) if sender.codec == receiver.codec else LOUD[sender.codec])
        sender.send(Packet(number, number * SAMPLES, sent[-1], sender.codec, ssrc=1))
        wanted = sent if sender.codec == receiver.codec else [LOUD[receiver.codec]]
        return any(packet.payload in wanted and packet.pt == receiver.codec for packet in receiver.received())

    wait_until(arrives, "audio arrives")
