"""Requests inside a call that is up: what is understood is obeyed, anything else is refused, and the call goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.process.daemon import Gateway
from tests.process.places import Place, own_host
from tests.process.talk import Talk, talking
from tests.process.waiting import stays_false
from tests.process.wire import WirePeer, carrying, header, sdp, status

ELSEWHERE = Place(own_host(), 5060)
"""Where a transfer would lead."""
ELSEWHERE_SECONDS = 0.3
NAMED_BY = {405: ("Allow",), 415: ("Accept",), 489: ("Allow-Events",), 501: ("Allow",)}
"""What an answer says would be right."""
NO_COMMON_CODEC = sdp("192.0.2.9", "97").replace("a=rtpmap:101", "a=rtpmap:97 SPEEX/8000\r\na=rtpmap:101")


@pytest.fixture
def talk(gateway: Gateway) -> Iterator[Talk]:
    """A call from the PBX to Twilio, which must still be there at the end of the test."""
    with talking(gateway, "to_twilio") as talk:
        yield talk
        gateway.wait_for_talking()
        talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")


@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize(
    ("method", "headers", "body", "kind", "code"),
    [
        pytest.param("UPDATE", (), "", "", 200, id="UPDATE without SDP"),
        pytest.param("UPDATE", (), "hello", "text/plain", 415, id="UPDATE with anything"),
        pytest.param("UPDATE", (), "this is no SDP\r\n", "application/sdp", 415, id="UPDATE with SDP that is none"),
        pytest.param("UPDATE", (), NO_COMMON_CODEC, "application/sdp", 488, id="UPDATE without a common codec"),
        pytest.param("INFO", (), "Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", 200, id="DTMF by INFO"),
        pytest.param("INFO", (), "5", "application/dtmf", 200, id="plain DTMF by INFO"),
        pytest.param("INFO", (), "Signal=x\r\n", "application/dtmf-relay", 400, id="DTMF that is no digit"),
        pytest.param("INFO", (), "", "", 200, id="INFO of nothing"),
        pytest.param("INFO", (), "hello", "text/plain", 415, id="INFO of anything"),
        pytest.param("INFO", ("Info-Package: conference",), "", "", 469, id="INFO of a package"),
        pytest.param("OPTIONS", (), "", "", 200, id="OPTIONS"),
        pytest.param("FROBNICATE", (), "", "", 501, id="an unknown method"),
        pytest.param("SUBSCRIBE", ("Event: presence",), "", "", 489, id="SUBSCRIBE"),
        pytest.param("NOTIFY", ("Event: refer", "Subscription-State: active"), "", "", 481, id="NOTIFY"),
        pytest.param("CANCEL", (), "", "", 481, id="CANCEL of nothing"),
        pytest.param("PRACK", ("RAck: 1 1 INVITE",), "", "", 481, id="PRACK of nothing"),
        pytest.param("PRACK", (), "", "", 481, id="PRACK that names nothing"),
        pytest.param("MESSAGE", (), "hello", "text/plain", 405, id="MESSAGE"),
        pytest.param("PUBLISH", ("Event: presence",), "", "", 405, id="PUBLISH"),
        pytest.param("REGISTER", (), "", "", 405, id="REGISTER"),
        pytest.param("REFER", (f"Refer-To: <sip:{ELSEWHERE}>",), "", "", 603, id="REFER to a host"),
        pytest.param("REFER", (), "", "", 400, id="REFER to nobody"),
        pytest.param("INVITE", (), "this is no SDP\r\n", "application/sdp", 415, id="INVITE with SDP that is none"),
        pytest.param("INVITE", (), "hello", "text/plain", 415, id="INVITE with anything"),
        pytest.param("INVITE", (), NO_COMMON_CODEC, "application/sdp", 488, id="INVITE without a common codec"),
    ],
)
def test_a_request(
    gateway: Gateway, talk: Talk, by: str, method: str, headers: tuple[str, ...], body: str, kind: str, code: int
) -> None:
    peer = talk.peer(by)
    with WirePeer(gateway.site.gateway, ELSEWHERE) as elsewhere:
        request = carrying(talk.request(by, method, 10), *headers, body=body, kind=kind)
        peer.send(request)
        final = peer.wait_for_final(request)
        assert status(final) == code
        for name in NAMED_BY.get(code, ()):
            assert header(final, name)
        if method == "INVITE":
            peer.send(talk.request(by, "ACK", 10))
        assert method != "REFER" or stays_false(elsewhere.received, ELSEWHERE_SECONDS)


@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(sdp("127.0.0.1") + "a=sendonly\r\n", id="hold"),
        pytest.param(sdp("0.0.0.0"), id="hold as RFC 2543 had it"),
        pytest.param("", id="an offer is asked for"),
        pytest.param(sdp("127.0.0.1") + "m=audio 0 RTP/AVP 0\r\n" * 20, id="20 more media lines"),
    ],
)
def test_an_offer_inside_the_call(talk: Talk, by: str, body: str) -> None:
    """Hold and its end: each is answered, and the other side is left alone."""
    peer, other = talk.peer(by), talk.peer("callee" if by == "caller" else "caller")
    before = len(other.received())
    for number, offered in ((10, body), (11, sdp("127.0.0.1"))):
        request = carrying(talk.request(by, "INVITE", number), body=offered)
        peer.send(request)
        final = peer.wait_for_final(request)
        assert status(final) == 200
        acknowledgement = talk.request(by, "ACK", number)
        peer.send(acknowledgement if offered else carrying(acknowledgement, body=sdp("127.0.0.1")))
    assert other.received()[before:] == []


@pytest.mark.parametrize("side", ["twilio", "stranger"])
def test_nobody_takes_a_call_over(gateway: Gateway, talk: Talk, side: str) -> None:
    """INVITE with Replaces (RFC 3891) from somebody who knows the dialog and has none of its trunk's addresses."""
    dialog = header(talk.answer, "Call-ID"), header(talk.answer, "To"), header(talk.answer, "From")
    call_id, to_tag, from_tag = dialog[0], *(value.rpartition(";tag=")[2] for value in dialog[1:])
    with gateway.wire_caller(getattr(gateway, side)) as thief:
        invite = thief.invite(f"Replaces: {call_id};to-tag={to_tag};from-tag={from_tag}")
        thief.send(invite)
        final = thief.wait_for_final(invite)
        assert status(final) == (403 if side == "stranger" else 481)
        thief.send(thief.in_dialog("ACK", invite, final))
    gateway.assert_rejected("unknown-source" if side == "stranger" else "no-dialog")


def test_a_request_with_an_old_number(talk: Talk) -> None:
    """RFC 3261, section 12.2.2: a CSeq lower than the last is answered 500."""
    for number, code in ((20, 200), (19, 500)):
        request = talk.request("caller", "UPDATE", number)
        talk.caller.send(request)
        assert status(talk.caller.wait_for_final(request)) == code


def test_an_invite_that_is_repeated_before_the_answer_is_one_call(gateway: Gateway) -> None:
    """As UDP has it when answers are slow (RFC 3261, section 17.1.1.2)."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        for _ in range(5):
            caller.send(invite)
        placed = callee.wait_for("INVITE")
        caller.send(invite)
        callee.send(callee.reply(placed, "486 Busy Here"))
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)))
        gateway.assert_outcomes("to_twilio", "client-error/busy")
        assert len({header(placed, "Call-ID") for placed in callee.received("INVITE")}) == 1


def test_an_invite_that_comes_twice_is_one_call(gateway: Gateway, talk: Talk) -> None:
    """A retransmission while the 200 was on its way."""
    talk.caller.send(talk.invite)
    talk.caller.send(talk.request("caller", "ACK", 1))
    assert len(gateway.wait_for_talking()) == 1
    assert len({header(invite, "Call-ID") for invite in talk.callee.received("INVITE")}) == 1
