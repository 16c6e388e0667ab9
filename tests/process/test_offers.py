"""Offers inside a call, judged by the audio: what is accepted holds at once, what is refused changes nothing."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway
from tests.process.line import METHODS, SENDERS, Line
from tests.process.line import open_line as open_line
from tests.process.places import own_host
from tests.process.rtp import EVENT, PCMA, PCMU, RtpEnd, hear_each_other, hears, rtp_place, sdp_at
from tests.process.talk import Talk, talking
from tests.process.wire import carrying, sdp, status

OTHER = {"caller": "callee", "callee": "caller"}
REFUSED = {
    "no common codec": (
        sdp("192.0.2.9", "97").replace("a=rtpmap:101", "a=rtpmap:97 SPEEX/8000\r\na=rtpmap:101"),
        {488},
    ),
    "audio to a host name": (sdp("localhost"), {488}),
    "RTCP to a host name": (sdp("192.0.2.9") + "a=rtcp:30001 IN IP4 localhost\r\n", {488}),
    "no SDP at all": ("this is no SDP\r\n", {415, 488}),
}


def described(end: RtpEnd) -> str:
    """SDP with the place and the codec of an end."""
    return sdp_at(end.place, sdp(end.place.host, f"{end.codec} {EVENT}"))


@SENDERS
@METHODS
@pytest.mark.parametrize(
    ("codec", "moves"),
    [
        pytest.param(PCMU, False, id="another port"),
        pytest.param(PCMU, True, id="another address"),
        pytest.param(PCMA, False, id="another codec"),
        pytest.param(PCMA, True, id="all of it"),
    ],
)
def test_an_offer_moves_the_audio(open_line: Line, sender: str, method: str, codec: int, moves: bool) -> None:
    """Both ways, at once, and away from where it was."""
    before, other = open_line.pair(sender)
    with RtpEnd(own_host() if moves else before.place.host, codec=codec) as after:
        after.to = rtp_place(open_line.change(sender, described(after), method))
        hear_each_other(after, other)
        before.forget()
        hears(after, other)
        assert before.received() == []


@SENDERS
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["as before", "another codec"])
def test_a_re_invite_without_sdp_moves_the_audio(open_line: Line, sender: str, codec: int) -> None:
    """The offer is ours, and the answer comes with the ACK (RFC 3261, section 14.1)."""
    before, other = open_line.pair(sender)
    with RtpEnd(before.place.host, codec=codec) as after:
        after.to = rtp_place(open_line.ask(sender, described(after)))
        hear_each_other(after, other)
        before.forget()
        hears(after, other)
        assert before.received() == []


@SENDERS
@METHODS
@pytest.mark.parametrize(("body", "codes"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_the_audio_as_it_was(
    open_line: Line, sender: str, method: str, body: str, codes: set[int]
) -> None:
    assert status(open_line.offer(sender, body, method)) in codes
    hear_each_other(*open_line.pair(sender))


# ---- Offers that cross a BYE ----


def bid(talk: Talk, by: str, method: str, number: int) -> str:
    peer = talk.peer(by)
    request = carrying(talk.request(by, method, number), body=sdp(peer.place.host))
    peer.send(request)
    return request


def settled(talk: Talk, by: str, request: str, method: str, number: int) -> int:
    """What an offer is answered in the end, which must not come again and again."""
    final = talk.peer(by).wait_for_final(request)
    if method == "INVITE":
        talk.peer(by).send(talk.request(by, "ACK", number))
    return status(final)


def is_over(gateway: Gateway, talk: Talk, left: str) -> None:
    """The side that is left gets BYE, and the call ended once."""
    peer = talk.peer(left)
    peer.send(peer.reply(peer.wait_for("BYE"), "200 OK"))
    gateway.assert_outcomes("to_twilio", "success/completed")


@SENDERS
@METHODS
def test_an_offer_just_before_a_bye(gateway: Gateway, sender: str, method: str) -> None:
    """Who offers hangs up before the answer is there."""
    with talking(gateway, "to_twilio") as talk:
        request = bid(talk, sender, method, 10)
        bye = talk.request(sender, "BYE", 11)
        talk.peer(sender).send(bye)
        assert settled(talk, sender, request, method, 10) == 200
        assert status(talk.peer(sender).wait_for_final(bye)) == 200
        is_over(gateway, talk, OTHER[sender])


@SENDERS
@METHODS
@pytest.mark.parametrize("number", [10, 12], ids=["overtaken", "too late"])
def test_an_offer_after_a_bye(gateway: Gateway, sender: str, method: str, number: int) -> None:
    """UDP keeps no order, and a side may go on with what is over."""
    with talking(gateway, "to_twilio") as talk:
        bye = talk.request(sender, "BYE", 11)
        talk.peer(sender).send(bye)
        request = bid(talk, sender, method, number)
        assert status(talk.peer(sender).wait_for_final(bye)) == 200
        assert settled(talk, sender, request, method, number) == 481
        is_over(gateway, talk, OTHER[sender])


@SENDERS
@METHODS
def test_an_offer_that_crosses_our_bye(gateway: Gateway, sender: str, method: str) -> None:
    """The other side has hung up."""
    with talking(gateway, "to_twilio") as talk:
        bye = talk.request(OTHER[sender], "BYE", 11)
        talk.peer(OTHER[sender]).send(bye)
        talk.peer(sender).wait_for("BYE")
        request = bid(talk, sender, method, 10)
        assert settled(talk, sender, request, method, 10) == 481
        is_over(gateway, talk, sender)
