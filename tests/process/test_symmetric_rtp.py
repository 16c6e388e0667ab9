"""A peer behind NAT names an address that nobody reaches: its audio is followed, if the trunk says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.process.conftest import ShareGateway, as_it_is
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.rtp import LAST, SAMPLES, Packet, RtpEnd, open_path, rtp_place, sdp_at, talk_spurt
from tests.process.srtp import STRONG, SrtpEnd, crypto, cryptos, new_key, secured
from tests.process.talk import Talk, talking
from tests.process.wire import carrying, status

STRANGE = 99
"""What strangers say (`rtp.sound`); it is none of what peers say."""


@dataclass
class NatLine:
    """A call of the PBX, whose audio comes from `real`, though its SDP says `named`."""

    talk: Talk
    real: RtpEnd
    named: RtpEnd
    far: RtpEnd

    def beside(self, host: str = "") -> RtpEnd:
        """Somebody else who knows the port."""
        return RtpEnd(host or self.real.place.host, self.real.to)

    def assert_unheard(self, *others: RtpEnd) -> None:
        """Nobody of these ever had the audio, and nothing of theirs arrived."""
        assert [other.received() for other in others] == [[] for _ in others]
        assert strange() not in [packet.payload for packet in self.far.received()]


def strange() -> bytes:
    return talk_spurt(STRANGE, 1)[0].payload


def speak_strangely(*strangers: RtpEnd) -> None:
    for stranger in strangers:
        stranger.send(*[Packet(number, number * SAMPLES, strange(), ssrc=7) for number in range(63500, 63520)])


def still_open(one: RtpEnd, other: RtpEnd) -> None:
    """They still hear each other, and what was sent to one of them before has arrived."""
    for sender, receiver in ((one, other), (other, one)):
        sender.send(*talk_spurt(65500, 20), Packet(65520, 65520 * SAMPLES, LAST))
        receiver.wait_for(LAST)


def symmetric(tree: Tree, site: Site) -> None:
    tree["trunks"]["pbx"]["symmetric_rtp"] = True


def encrypted(tree: Tree, site: Site) -> None:
    tree["trunks"]["twilio"] |= {"srtp": "required", "symmetric_rtp": True}


@contextmanager
def nat_line(gateway: Gateway, direction: str = "to_twilio") -> Iterator[NatLine]:
    """The PBX is the caller or the callee."""
    with ExitStack() as stack:
        host = gateway.pbx.place.host
        real, named = stack.enter_context(RtpEnd(host)), stack.enter_context(RtpEnd(gateway.stranger.place.host))
        far = stack.enter_context(RtpEnd(gateway.twilio.place.host))
        ours, theirs = sdp_at(named.place), sdp_at(far.place)
        offer, answer = (ours, theirs) if direction == "to_twilio" else (theirs, ours)
        talk = stack.enter_context(talking(gateway, direction, offer, answer))
        at_caller, at_callee = rtp_place(talk.answer), rtp_place(talk.placed)
        real.to = named.to = at_caller if direction == "to_twilio" else at_callee
        far.to = at_callee if direction == "to_twilio" else at_caller
        yield NatLine(talk, real, named, far)
        talk.hang_up()
        gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize("direction", ["to_twilio", "to_pbx"])
def test_audio_is_followed_to_where_it_comes_from(share_gateway: ShareGateway, direction: str) -> None:
    """Once: whoever speaks from a trunk's address after that is not heard."""
    with nat_line(share_gateway(symmetric), direction) as line, line.beside() as late:
        open_path(line.real, line.far)
        speak_strangely(late)
        still_open(line.real, line.far)
        line.assert_unheard(late)


def test_nobody_is_followed_who_is_not_of_the_trunk(share_gateway: ShareGateway) -> None:
    """Neither from an address that it does not allow, nor with a payload that was not agreed on."""
    gateway = share_gateway(symmetric)
    with (
        nat_line(gateway) as line,
        line.beside(gateway.stranger.place.host) as stranger,
        line.beside() as odd,
    ):
        speak_strangely(stranger)
        odd.send(*talk_spurt(63500, 20, pt=18))
        open_path(line.real, line.far)
        line.assert_unheard(stranger, odd)


def test_who_speaks_from_where_sdp_says_stays_there(share_gateway: ShareGateway) -> None:
    with nat_line(share_gateway(symmetric)) as line:
        open_path(line.named, line.far)
        speak_strangely(line.real)
        still_open(line.named, line.far)
        line.assert_unheard(line.real)


def test_after_a_new_offer_it_is_followed_anew(share_gateway: ShareGateway) -> None:
    """As behind NAT after a transfer: another port, which SDP does not know either."""
    with nat_line(share_gateway(symmetric)) as line, line.beside() as moved, RtpEnd(line.named.place.host) as other:
        open_path(line.real, line.far)
        request = carrying(line.talk.request("caller", "INVITE", 10), body=sdp_at(other.place))
        line.talk.caller.send(request)
        final = line.talk.caller.wait_for_final(request)
        assert status(final) == 200
        line.talk.caller.send(line.talk.request("caller", "ACK", 10))
        moved.to = rtp_place(final)
        open_path(moved, line.far)
        line.real.forget()
        other.forget()  # silence, as long as nobody had spoken and SDP was all that was known
        speak_strangely(line.real)
        still_open(moved, line.far)
        line.assert_unheard(line.real, other)


def test_without_the_setting_nobody_is_followed(share_gateway: ShareGateway) -> None:
    """Not even from an address that the trunk allows."""
    with nat_line(share_gateway(as_it_is)) as line:
        speak_strangely(line.real)
        open_path(line.named, line.far)
        line.assert_unheard(line.real)


@pytest.mark.parametrize("follows", [False, True], ids=["as SDP says", "symmetric"])
@pytest.mark.parametrize("direction", ["to_twilio", "to_pbx"])
def test_what_strangers_say_is_counted(share_gateway: ShareGateway, direction: str, follows: bool) -> None:
    """Twenty packets of each, and none of the peer's own: in the record of the call and by trunk."""
    gateway = share_gateway(symmetric if follows else as_it_is)
    with nat_line(gateway, direction) as line, line.beside(gateway.stranger.place.host) as stranger:
        peer = line.real if follows else line.named
        strangers = [stranger] if follows else [stranger, line.real]
        open_path(peer, line.far)
        speak_strangely(*strangers)
        still_open(peer, line.far)
    [ended] = gateway.ended_calls()
    refused = {leg["trunk"]: leg["refused"] for leg in gateway.ask(f"/calls/{ended['call']}")["media"]}
    assert refused == {"pbx": 20 * len(strangers), "twilio": 0}
    assert {trunk: gateway.counted("gateway_rtp_refused_total", trunk=trunk) for trunk in refused} == refused


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_encrypted_audio_is_followed_only_to_who_has_the_key(share_gateway: ShareGateway, direction: str) -> None:
    """The address is right of all who speak, and none of them is where SDP says."""
    gateway = share_gateway(encrypted)
    host, key = gateway.twilio.place.host, new_key()
    with (
        SrtpEnd(host) as real,
        SrtpEnd(host) as forger,
        RtpEnd(host) as plain,
        SrtpEnd(gateway.stranger.place.host) as named,
        RtpEnd(gateway.pbx.place.host) as far,
    ):
        ours, theirs = sdp_at(named.place, secured(named.place.host, crypto(1, STRONG, key))), sdp_at(far.place)
        offer, answer = (theirs, ours) if direction == "to_twilio" else (ours, theirs)
        with talking(gateway, direction, offer, answer) as talk:
            at_twilio, at_pbx = (talk.placed, talk.answer)[:: 1 if direction == "to_twilio" else -1]
            far.to, real.to, forger.to, plain.to = rtp_place(at_pbx), *[rtp_place(at_twilio)] * 3
            of_gateway = cryptos(at_twilio)[0][2]
            real.use(STRONG, ours=key, theirs=of_gateway)
            named.use(STRONG, ours=key, theirs=of_gateway)
            open_path(far, named, both=False)
            speak_strangely(forger.use(STRONG, ours=new_key(), theirs=of_gateway), plain)
            open_path(real, far)
            speak_strangely(forger.use(STRONG, ours=new_key(), theirs=of_gateway), plain)
            still_open(real, far)
            assert strange() not in [packet.payload for packet in far.received()]
            assert [forger.received(), forger.unreadable, plain.received()] == [[], [], []]
            assert real.unreadable == []
            talk.hang_up()
        gateway.assert_outcomes(direction, "success/completed")
    assert gateway.counted("gateway_rtp_refused_total", trunk="twilio") == 80
