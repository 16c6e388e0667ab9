"""Audio packet by packet: two legs of one codec hear each other without anything being decoded, and numbered anew."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.process.daemon import Gateway
from tests.process.line import METHODS, SENDERS, Line, line
from tests.process.line import open_line as open_line
from tests.process.rtp import (
    EVENT,
    LAST,
    LOUD,
    PCMA,
    PCMU,
    SAMPLES,
    Packet,
    RtpEnd,
    digit,
    open_path,
    rtp_place,
    sdp_at,
    sound,
    talk_spurt,
)
from tests.process.waiting import stays_false, wait_until
from tests.process.wire import sdp

WATCH_SECONDS = 0.3
"""Fifteen packets, were there any."""


def numbered(packets: list[Packet]) -> list[tuple[int, int, bytes, int]]:
    """Distance in number and time from the first one, with sound and payload type."""
    first = packets[0]
    return [((it.seq - first.seq) & 0xFFFF, (it.ts - first.ts) & 0xFFFFFFFF, it.payload, it.pt) for it in packets]


def sources(packets: list[Packet]) -> set[int]:
    return {packet.ssrc for packet in packets}


def pass_on(sent: list[Packet], sender: RtpEnd, receiver: RtpEnd) -> list[Packet]:
    """Send these, and give what arrived of them."""
    last = max(sent, key=lambda packet: packet.seq)
    sender.send(*sent, replace(last, seq=last.seq + 1, ts=last.ts + SAMPLES, payload=LAST, pt=0, marker=False))
    receiver.wait_for(LAST)
    arrived, receiver.packets = receiver.packets[:-1], []
    return arrived


@SENDERS
def test_packets_arrive_as_they_were_sent(open_line: Line, sender: str) -> None:
    sent = talk_spurt(65500, 100)
    arrived = pass_on(sent, *open_line.pair(sender))
    assert numbered(arrived) == numbered(sent)
    assert len(sources(arrived)) == 1
    assert sources(arrived) != sources(sent)
    assert [packet.marker for packet in arrived] == [True] + [False] * 99


def swapped(packets: list[Packet]) -> list[Packet]:
    return [*packets[:10], packets[11], packets[10], *packets[12:]]


DISTURBED: dict[str, Callable[[list[Packet]], list[Packet]]] = {
    "one is lost": lambda packets: packets[:10] + packets[11:],
    "half a second is lost": lambda packets: packets[:10] + packets[35:],
    "two are swapped": swapped,
    "a pause": lambda packets: packets[:10] + [replace(it, ts=it.ts + 80000) for it in packets[10:]],
}


@SENDERS
@pytest.mark.parametrize("disturb", DISTURBED.values(), ids=DISTURBED)
def test_what_the_network_did_stays_visible(
    open_line: Line, sender: str, disturb: Callable[[list[Packet]], list[Packet]]
) -> None:
    """A receiver conceals a loss and waits for a late packet, if it can tell."""
    sent = disturb(talk_spurt(65500, 60))
    assert numbered(pass_on(sent, *open_line.pair(sender))) == numbered(sent)


def test_a_packet_that_comes_twice_leaves_once(open_line: Line) -> None:
    sent = talk_spurt(65500, 20)
    arrived = pass_on([*sent[:10], sent[9], *sent[10:]], *open_line.pair("caller"))
    assert numbered(arrived) == numbered(sent)


def test_noise_that_was_not_agreed_on_is_not_passed_on(open_line: Line) -> None:
    """Comfort noise (RFC 3389), which the other side never said it takes."""
    sent = talk_spurt(65500, 20)
    sent[10] = replace(sent[10], pt=13, payload=b"\x40")
    arrived = pass_on(sent, *open_line.pair("caller"))
    assert numbered(arrived) == numbered([packet for packet in sent if packet.pt == 0])


@SENDERS
def test_another_source_goes_on_where_the_last_one_ended(open_line: Line, sender: str) -> None:
    """As after a transfer behind the peer: new SSRC, new numbers, no re-INVITE."""
    ends = open_line.pair(sender)
    first = pass_on(talk_spurt(65500, 20), *ends)
    second = pass_on(talk_spurt(20000, 20, ssrc=77), *ends)
    assert sources(first) == sources(second)
    assert second[0].seq == (first[-1].seq + 2) & 0xFFFF
    assert 0 < (second[0].ts - first[-1].ts) & 0xFFFFFFFF < 80000
    assert second[0].marker
    # PJMEDIA waits for a second packet before it believes in numbers that are far from those before.
    assert [packet.payload for packet in second] == [sound(mark) for mark in range(20001, 20020)]


def press(number: int) -> list[Packet]:
    """Ten digits in a second, with audio between them."""
    packets: list[Packet] = []
    for event in range(10):
        packets += talk_spurt(number, 1)
        packets += digit(event, number + 1, (number + 1) * SAMPLES, 4)
        number += 8
    return packets


@SENDERS
@pytest.mark.parametrize("formats", [("0 101", "0 96"), ("0 96", "0 101")], ids=" to ".join)
def test_digits_keep_their_timing(gateway: Gateway, sender: str, formats: tuple[str, str]) -> None:
    """Each packet of RFC 4733 arrives, with the payload type that its receiver asked for."""
    with line(gateway, formats=formats) as opened:
        open_path(*opened.pair("caller"))
        receiver = "callee" if sender == "caller" else "caller"
        wanted = int(formats[0 if receiver == "caller" else 1].split()[1])
        asked = opened.event_for(sender)
        sent = [replace(it, pt=asked) if it.pt == EVENT else it for it in press(65200)]
        arrived = pass_on(sent, *opened.pair(sender))
        expected = [replace(it, pt=wanted) if it.pt == asked else it for it in sent]
        assert numbered(arrived) == numbered(expected)


def test_digits_that_are_not_taken_leave_no_gap(gateway: Gateway) -> None:
    """The callee did not agree to RFC 4733: it gets the audio, and the call goes on."""
    with line(gateway, formats=("0 101", "0")) as opened:
        open_path(*opened.pair("caller"))
        sent = press(65200)
        arrived = pass_on(sent, *opened.pair("caller"))
        assert [packet.payload for packet in arrived] == [packet.payload for packet in sent if packet.pt == 0]
        assert [place for place, *_ in numbered(arrived)] == list(range(10))
        gateway.wait_for_talking()


def test_nothing_is_sent_where_nothing_arrives(open_line: Line) -> None:
    near, far = open_line.pair("caller")
    assert stays_false(lambda: near.received() or far.received(), WATCH_SECONDS)


@SENDERS
def test_a_stranger_is_not_heard_where_nobody_speaks(gateway: Gateway, sender: str) -> None:
    """From an address that no SDP named, before the first packet from the one that it did name."""
    with line(gateway) as opened:
        silent, other = opened.pair(sender)
        open_path(other, silent, both=False)
        with RtpEnd(gateway.stranger.place.host, silent.to) as stranger:
            stranger.send(*talk_spurt(65500, 20))
            other.send(*talk_spurt(65500, 20, ssrc=3))
            assert stays_false(lambda: other.received() or stranger.received(), WATCH_SECONDS)
        open_path(silent, other)


@SENDERS
@METHODS
def test_music_on_hold_goes_one_way(open_line: Line, sender: str, method: str) -> None:
    """The holding side sends, and gets nothing (RFC 3264, section 8.4)."""
    holding, held = open_line.pair(sender)
    answer = open_line.change(sender, sdp_at(holding.place) + "a=sendonly\r\n", method)
    assert "a=recvonly" in answer
    open_path(holding, held, both=False)
    music = talk_spurt(65500, 20)
    assert numbered(pass_on(music, holding, held)) == numbered(music)
    held.send(*talk_spurt(65500, 20))
    assert stays_false(holding.received, WATCH_SECONDS)
    open_line.change(sender, sdp_at(holding.place), method)
    open_path(holding, held)


@SENDERS
@METHODS
@pytest.mark.parametrize("how", ["a=inactive", "0.0.0.0"])
def test_a_call_on_hold_is_silent(open_line: Line, sender: str, method: str, how: str) -> None:
    """`0.0.0.0` is how RFC 2543 had it."""
    holding, held = open_line.pair(sender)
    body = sdp_at(holding.place)
    on_hold = body.replace(f"IP4 {holding.place.host}", "IP4 0.0.0.0") if how == "0.0.0.0" else f"{body}{how}\r\n"
    open_line.change(sender, on_hold, method)
    for end in (holding, held):
        end.forget()
        end.send(*talk_spurt(65500, 20))
    assert stays_false(lambda: holding.received() or held.received(), WATCH_SECONDS)
    open_line.change(sender, body, method)
    open_path(holding, held)


@SENDERS
def test_another_port_is_the_same_stream(open_line: Line, sender: str) -> None:
    """A re-INVITE moves the audio of one side; what the other side gets goes on, and so does what it sends."""
    moving, staying = open_line.pair(sender)
    before = pass_on(talk_spurt(65500, 20), moving, staying)
    before_there = pass_on(talk_spurt(65500, 20), staying, moving)
    with RtpEnd(moving.place.host) as elsewhere:
        elsewhere.to = rtp_place(open_line.change(sender, sdp_at(elsewhere.place)))
        open_path(elsewhere, staying)
        after = pass_on(talk_spurt(65500, 20), elsewhere, staying)
        after_there = pass_on(talk_spurt(65500, 20), staying, elsewhere)
        assert moving.received() == []
    for first, second in ((before, after), (before_there, after_there)):
        assert sources(first) == sources(second)
        assert 0 < (second[0].seq - first[-1].seq) & 0xFFFF < 100
        assert 0 < (second[0].ts - first[-1].ts) & 0xFFFFFFFF < 80000
    open_line.change(sender, sdp_at(moving.place))


@SENDERS
def test_another_codec_is_converted(open_line: Line, sender: str) -> None:
    """By a re-INVITE to PCMA and back to PCMU: the other side has PCMU all the time, of one stream."""
    changing, staying = open_line.pair(sender)
    before = pass_on(talk_spurt(65500, 20), changing, staying)
    open_line.change(sender, sdp_at(changing.place, sdp(changing.place.host, f"{PCMA} {EVENT}")))
    staying.forget()
    numbers = itertools.count(65500)

    def arrives() -> bool:
        changing.send(Packet(number := next(numbers), number * SAMPLES, LOUD[PCMA], PCMA))
        return LOUD[PCMU] in [packet.payload for packet in staying.received()]

    wait_until(arrives, "the sound in the other codec")
    converted = staying.received()
    assert {packet.pt for packet in converted} == {0}
    open_line.change(sender, sdp_at(changing.place))
    open_path(changing, staying)
    after = pass_on(talk_spurt(65500, 20), changing, staying)
    assert sources(before) == sources(converted) == sources(after)
    assert 0 < (after[0].seq - before[-1].seq) & 0xFFFF < 3000
