"""Audio of calls through Twilio's edge: encrypted there, plain at the PBX, heard at both ends, also after each held."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.lab.tone import Sound, find_tone, sine
from gateway.lab.twilio.stream import build_mulaw
from tests.process.daemon import DIRECTIONS, Tree
from tests.process.edge.conftest import Raise, Scene
from tests.process.edge.kamailio import Edge
from tests.process.line import Line
from tests.process.rtp import LAST, PCMU, SAMPLES, Packet, RtpEnd, open_way, rtp_place, sdp_at
from tests.process.srtp import STRONG, SrtpEnd, crypto, cryptos, new_key, secured
from tests.process.talk import talk_between
from tests.process.test_hold import OTHER, take, wait_for_offer
from tests.process.wire import WirePeer

TONES = {"caller": (440, -12.0), "callee": (1004, -21.0)}
"""What each side says: hertz and dBFS."""
TONE_SECONDS = 0.5
PURE = 0.9

_numbers = itertools.count(65500)
"""Of packets: they soon count over, which encryption has to know of (RFC 3711, section 3.3.1)."""


def spoken(hz: float, dbfs: float) -> list[Packet]:
    """A tone in packets, and one after it."""
    coded = build_mulaw(array("h", sine(hz, dbfs, TONE_SECONDS).samples).tobytes())
    cuts = [coded[start : start + SAMPLES] for start in range(0, len(coded), SAMPLES)]
    return [Packet(number := next(_numbers), number * SAMPLES, cut, ssrc=1) for cut in [*cuts, LAST]]


def parse_mulaw(coded: bytes) -> Sound:
    """The twin of `build_mulaw` (ITU-T G.711): a sign, three bits of exponent, four of mantissa, all turned over."""
    samples = []
    for octet in coded:
        turned = octet ^ 0xFF
        size = ((((turned & 0x0F) << 3) + 0x84) << (turned >> 4 & 7)) - 0x84
        samples.append(-size if turned & 0x80 else size)
    return Sound(samples)


def is_heard(line: Line, by: str) -> None:
    """What one side says arrives at the other, as high and as loud."""
    sender, receiver = line.pair(by)
    open_way(sender, receiver, _numbers)
    sender.send(*spoken(*TONES[by]))
    heard = [packet for packet in receiver.wait_for(LAST) if packet.pt == PCMU]
    found = find_tone(parse_mulaw(b"".join(packet.payload for packet in heard[:-1])))
    assert found is not None
    assert found.is_like(*TONES[by])
    assert found.purity > PURE


def encrypt_and_hold(tree: Tree, edges: list[Edge]) -> None:
    """Encrypted at Twilio; who holds one side holds the other."""
    tree["trunks"]["twilio"]["srtp"] = "required"
    for trunk in tree["trunks"].values():
        trunk["hold"] = "relay"


@contextmanager
def call(it: Scene, direction: str) -> Iterator[tuple[Line, dict[str, str]]]:
    """A call between the PBX's plain audio and Twilio's encrypted one, and what each of them says of its own."""
    key, to_twilio = new_key(), direction == "to_twilio"
    with ExitStack() as stack:
        pbx: WirePeer = stack.enter_context((it.gateway.wire_caller if to_twilio else it.gateway.wire)(it.gateway.pbx))
        plain = stack.enter_context(RtpEnd(pbx.place.host))
        encrypted = stack.enter_context(SrtpEnd(it.agent.place.host))
        ours = sdp_at(plain.place)
        theirs = sdp_at(encrypted.place, secured(it.agent.place.host, crypto(1, STRONG, key)))
        if to_twilio:
            talk = talk_between(it.gateway, pbx, it.agent, pbx.invite(user="+15550100", body=ours), theirs)
        else:
            talk = talk_between(it.gateway, it.agent, pbx, it.agent.dial(it.own_uri("tls"), body=theirs), ours)
        at_twilio, at_pbx = (talk.placed, talk.answer) if to_twilio else (talk.answer, talk.placed)
        plain.to, encrypted.to = rtp_place(at_pbx), rtp_place(at_twilio)
        encrypted.use(STRONG, ours=key, theirs=cryptos(at_twilio)[0][2])
        ends, told = (plain, encrypted), (ours, theirs)
        names = ("caller", "callee") if to_twilio else ("callee", "caller")
        yield Line(talk, dict(zip(names, ends, strict=True)), itertools.count(10)), dict(zip(names, told, strict=True))
        talk.hang_up()
        it.gateway.assert_outcomes(direction, "success/completed")
        assert encrypted.unreadable == []


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_both_hear_each_other_and_again_when_each_was_held(scene: Raise, direction: str) -> None:
    """Whoever holds is heard meanwhile, as with music."""
    it = scene("tls", encrypt_and_hold, secure=True)
    with call(it, direction) as (line, sdp_of):
        is_heard(line, "caller")
        is_heard(line, "callee")
        for by, other in OTHER.items():
            for number, (asked, granted) in enumerate((("sendonly", "recvonly"), ("sendrecv", "sendrecv")), 1):
                line.change(by, f"{sdp_of[by]}a={asked}\r\n")
                offered = wait_for_offer(line.talk, other, number)
                assert f"a={asked}\r\n" in offered
                take(line.talk, other, offered, granted, sdp_of[other])
                is_heard(line, by)
            is_heard(line, other)
