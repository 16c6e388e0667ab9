"""Audio and digits through the gateway, judged by the sound that arrives at each end and not by packet counters."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from gateway.lab.driver import Call, Phone
from gateway.lab.tone import LOUDNESS_DBFS, Tone
from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.waiting import wait_until

DIGITS = "0123456789*#00"
"""The last two: a digit pressed twice is two digits."""
DIGIT_SECONDS = 15.0
CALLER_HZ, CALLEE_HZ = 440, 880
PACKET_SECONDS = 0.02
MILLIWATT = bytes.fromhex("1E0B0B1E9E8B8B9E")
"""A sine of 1,000 Hz and 0 dBm0 in PCMU (ITU-T G.711, table 6)."""
GARBAGE = (b"", b"x", b"\xff" * 1400, b"\x80" * 13, b"\x9f" + b"\xff" * 20, b"\x81\xcb\x00\x01\x00\x00\x5e\xed")
"""The last is an RTCP BYE (RFC 3550, section 6.6)."""
LEAST_PACKETS = 40
"""Of a call in which a second of audio was listened to: 50 packets a second and end."""


@dataclass(frozen=True)
class Phones:
    """A telephone on each side of a gateway."""

    gateway: Gateway
    pbx: Phone
    twilio: Phone

    def ring(self, direction: str) -> tuple[Call, Call]:
        """A call that rings: the caller's end and the callee's."""
        caller, callee = (self.pbx, self.twilio) if direction == "to_twilio" else (self.twilio, self.pbx)
        placed = caller.call(f"sip:service@{self.gateway.site.gateway}")
        return placed, callee.expect_call()

    def talk(self, direction: str) -> tuple[Call, Call]:
        """A call with audio."""
        ends = self.ring(direction)
        ends[1].answer()
        for end in ends:
            end.expect("confirmed")
        return ends


@contextmanager
def two_phones(site: Site) -> Iterator[tuple[Phone, Phone]]:
    with (
        Phone.start("pbx", site.pbx.host, site.folder, site.pbx.port) as pbx,
        Phone.start("twilio", site.twilio.host, site.folder, site.twilio.port) as twilio,
    ):
        yield pbx, twilio


@pytest.fixture(scope="module")
def telephones(module_gateway: Gateway) -> Iterator[tuple[Phone, Phone]]:
    with two_phones(module_gateway.site) as pair:
        yield pair


@pytest.fixture
def phones(gateway: Gateway, telephones: tuple[Phone, Phone]) -> Phones:
    return Phones(gateway, *telephones)


def tone_at(call: Call) -> Tone:
    heard = call.tone()
    assert heard is not None, "silence"
    return heard


def assert_heard(caller: Call, callee: Call) -> None:
    """Each end hears the tone of the other, as loud as it was played, and nothing else."""
    caller.play(CALLER_HZ)
    callee.play(CALLEE_HZ)
    caller.listen()
    callee.listen()
    assert tone_at(caller).is_like(CALLEE_HZ, LOUDNESS_DBFS)
    assert tone_at(callee).is_like(CALLER_HZ, LOUDNESS_DBFS)


def codecs(call: Call) -> str:
    return str(call.expect("audio")["codec"])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_each_end_hears_the_other(phones: Phones, direction: str) -> None:
    caller, callee = phones.talk(direction)
    assert (codecs(caller), codecs(callee)) == ("PCMU", "PCMU")
    assert_heard(caller, callee)
    caller.hangup()
    callee.expect("ended")
    caller.expect("ended")
    [ended] = phones.gateway.assert_outcomes(direction, "success/completed")

    media = {leg["role"]: leg for leg in phones.gateway.ask(f"/calls/{ended['call']}")["media"]}
    assert {role: leg["codec"] for role, leg in media.items()} == {"inbound": "PCMU", "outbound": "PCMU"}
    for leg in media.values():
        assert leg["received"] > LEAST_PACKETS
        assert leg["sent"] > LEAST_PACKETS
        assert leg["lost"] == 0
        assert leg["mos"] > 4
        for way in ("received", "sent"):
            labels = {"trunk": leg["trunk"], "direction": way}
            assert phones.gateway.counted("gateway_rtp_packets_total", **labels) == leg[way]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_digits_travel_both_ways(phones: Phones, direction: str) -> None:
    """RFC 4733: each digit once and in order, while both sides press at the same time."""
    caller, callee = phones.talk(direction)
    for end in (caller, callee):
        end.expect("audio")
    caller.press(DIGITS)
    callee.press(DIGITS[::-1])
    assert callee.expect_digits(len(DIGITS), DIGIT_SECONDS) == DIGITS
    assert caller.expect_digits(len(DIGITS), DIGIT_SECONDS) == DIGITS[::-1]
    callee.hangup()
    for end in (caller, callee):
        end.expect("ended")
        assert "digit" not in [event["event"] for event in end.phone.seen()]
    phones.gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_early_media_is_heard_before_the_answer(phones: Phones, direction: str) -> None:
    caller, callee = phones.ring(direction)
    callee.play(CALLEE_HZ)
    callee.answer(183)
    assert caller.expect("progress")["code"] == 183
    caller.expect("audio")
    caller.listen()
    assert tone_at(caller).is_like(CALLEE_HZ, LOUDNESS_DBFS)
    callee.answer()
    caller.expect("confirmed")
    assert_heard(caller, callee)
    caller.hangup()
    callee.expect("ended")
    phones.gateway.assert_outcomes(direction, "success/completed")


def rtp_place(message: str) -> tuple[str, int]:
    """Where the sender of this SDP takes RTP."""
    host, port = (
        re.search(r"^c=IN IP4 (\S+)", message, re.MULTILINE),
        re.search(r"^m=audio (\d+)", message, re.MULTILINE),
    )
    assert host
    assert port
    return host[1], int(port[1])


def rtp(number: int, payload: bytes) -> bytes:
    """A packet of PCMU (RFC 3550, section 5.1)."""
    return struct.pack(">BBHII", 0x80, 0, number, 160 * number, 0x5EED) + payload


def senders(receiver: socket.socket) -> set[tuple[str, int]]:
    """Where everything came from that is waiting."""
    found = set()
    while True:
        try:
            found.add(receiver.recvfrom(2000)[1])
        except BlockingIOError:
            return found


def test_a_stranger_is_not_heard(phones: Phones) -> None:
    """RTP and garbage from an address that no SDP named: not heard, not sent any audio, and it does no harm."""
    caller, callee = phones.talk("to_twilio")
    gateway_rtp = rtp_place(str(caller.expect("answered")["message"]))
    caller.play(CALLER_HZ)
    callee.expect("audio")
    callee.listen()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((phones.gateway.stranger.place.host, 0))
        stranger.setblocking(False)
        for number in range(65):
            stranger.sendto(rtp(number, MILLIWATT * 20), gateway_rtp)
            stranger.sendto(GARBAGE[number % len(GARBAGE)], (gateway_rtp[0], gateway_rtp[1] + number % 2))
            time.sleep(PACKET_SECONDS)
        assert tone_at(callee).is_like(CALLER_HZ, LOUDNESS_DBFS)
        assert gateway_rtp not in senders(stranger)
    caller.hangup()
    callee.expect("ended")
    phones.gateway.assert_outcomes("to_twilio", "success/completed")


def prefer_pcma(tree: Tree, site: Site) -> None:
    tree["media"]["codecs"] = ["PCMA", "PCMU"]


def test_each_end_hears_the_other_through_another_codec(start_gateway: StartGateway) -> None:
    """The caller's telephone prefers PCMU, the gateway's offer to the callee PCMA."""
    gateway = start_gateway(prefer_pcma)
    with two_phones(gateway.site) as pair:
        for direction in DIRECTIONS:
            caller, callee = Phones(gateway, *pair).talk(direction)
            assert (codecs(caller), codecs(callee)) == ("PCMU", "PCMA")
            assert_heard(caller, callee)
            caller.hangup()
            callee.expect("ended")
        wait_until(lambda: len(gateway.ended_calls()) == len(DIRECTIONS), "both calls have ended")
