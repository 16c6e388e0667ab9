"""What no honest peer sends: each piece gets an answer or silence as RFC 3261 has it, and no other call notices."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.process.bystander import bystander
from tests.process.daemon import Gateway
from tests.process.wire import MEDIA_PORT, WirePeer, carrying, header, sdp, status, values

MANY, FLOOD = 20, 2000

Make = Callable[[WirePeer], str | bytes]


@pytest.fixture(autouse=True)
def another_call(gateway: Gateway) -> Iterator[None]:
    with bystander(gateway, "to_pbx"):
        yield


def invite(*headers: str, body: str | None = None) -> Make:
    return lambda peer: peer.invite(*headers, body=body)


def changed(pattern: str, text: str) -> Make:
    """An INVITE with the first match replaced; the test is wrong if there is none."""

    def make(peer: WirePeer) -> str:
        message, count = re.subn(pattern, lambda _: text, peer.invite(), count=1, flags=re.MULTILINE)
        assert count == 1
        return message

    return make


def offer(pattern: str, text: str) -> Make:
    """An INVITE whose SDP has every match replaced."""

    def make(peer: WirePeer) -> str:
        body, count = re.subn(pattern, lambda _: text, sdp(peer.place.host), flags=re.MULTILINE)
        assert count
        return peer.invite(body=body)

    return make


def request(method: str, *headers: str) -> Make:
    return lambda peer: peer.request(method, *headers)


def with_to_tag(make: Make) -> Make:
    return lambda peer: re.sub(r"^(To: .*?)\r", r"\1;tag=nobody\r", str(make(peer)), flags=re.MULTILINE)


def stray_response(peer: WirePeer) -> str:
    return peer.reply(peer.invite(), "200 OK", body=sdp(peer.place.host))


UNREADABLE: dict[str, Make] = {
    "a line before the first": lambda peer: f"hello\r\n{peer.invite()}",
    "no CSeq": changed(r"^CSeq:.*\r\n", ""),
    "no Call-ID": changed(r"^Call-ID:.*\r\n", ""),
    "no From": changed(r"^From:.*\r\n", ""),
    "no To": changed(r"^To:.*\r\n", ""),
    "no Via": changed(r"^Via:.*\r\n", ""),
    "start line with a word too many": changed(r"SIP/2\.0\r", "SIP/2.0 please\r"),
    "start line without a version": changed(r" SIP/2\.0\r", "\r"),
    "another version": changed(r"SIP/2\.0\r", "SIP/3.0\r"),
    "every octet there is": lambda peer: bytes(range(256)) * 8,
    "text that is no SIP": lambda peer: "GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
    "NUL in the start line": changed("service@", "ser\0vice@"),
    "CSeq beyond 32 bits": changed("^CSeq: 1 ", "CSeq: 99999999999 "),
    "a Via that is none before one that is": changed("^Via: ", "Via: nonsense\r\nVia: "),
}

IGNORED: dict[str, Make] = {
    "nothing": lambda peer: b"",
    "keep-alive": lambda peer: b"\r\n\r\n",
    "what is too short for SIP, as keep-alives of some are": lambda peer: b"hello",
    "ACK of nothing": request("ACK"),
    "ACK of a dialog that never was": with_to_tag(request("ACK")),
    "response to nothing": stray_response,
}

UNREADABLE_HEADERS: dict[str, Make] = {
    "NUL in a header": invite("X-Queue: a\0b"),
    "negative Content-Length": changed(r"^Content-Length: .*$", "Content-Length: -5\r"),
    "Content-Length that is no number": changed(r"^Content-Length: .*$", "Content-Length: many\r"),
    "Content-Length beyond all numbers": changed(r"^Content-Length: .*$", "Content-Length: 99999999999999999999\r"),
    "Max-Forwards that is no number": changed("^Max-Forwards: 70", "Max-Forwards: lots"),
    "Contact that is no URI": changed(r"^Contact: .*$", "Contact: <<<>\r"),
    "a line without a colon": invite("hello"),
}

ANSWERED: dict[str, tuple[Make, int, str | None]] = {
    **{fault: (make, 400, "malformed") for fault, make in UNREADABLE_HEADERS.items()},
    "OPTIONS with a header that cannot be read": (request("OPTIONS", "X-Queue: a\0b"), 400, "malformed"),
    "no Contact": (changed(r"^Contact:.*\r\n", ""), 400, "malformed"),
    "Contact *": (changed(r"^Contact: .*$", "Contact: *\r"), 400, "malformed"),
    "CSeq of another method": (changed("^CSeq: 1 INVITE", "CSeq: 1 OPTIONS"), 500, "refused-by-stack"),
    "an extension that nobody has": (invite("Require: frobnication"), 420, "unsupported"),
    "a session timer that is too short": (invite("Supported: timer", "Session-Expires: 5"), 422, "unsupported"),
    "a Content-Length that is too small": (
        changed(r"^Content-Length: .*$", "Content-Length: 10\r"),
        400,
        "malformed",
    ),
    "a Content-Length that is too large": (
        changed(r"^Content-Length: .*$", "Content-Length: 5000\r"),
        400,
        "malformed",
    ),
    "Replaces of nothing": (invite("Replaces: nothing;to-tag=1;from-tag=2"), 481, "no-dialog"),
    "a body that is no SDP": (changed("application/sdp", "text/plain"), 415, "malformed"),
    "SDP that is none": (invite(body="this is not SDP\r\n"), 400, "malformed"),
    "SDP that ends at once": (invite(body="v=0\r\n"), 400, "malformed"),
    "SDP without media": (offer(r"^m=[\s\S]*", ""), 400, "malformed"),
    "SDP of an unknown network": (offer("IN IP4", "IN IP9"), 400, "malformed"),
    "SDP with a port beyond all ports": (offer(f"audio {MEDIA_PORT}", "audio 99999"), 400, "malformed"),
    "no common codec": (offer(r"AVP 0 101\r\n", "AVP 97\r\na=rtpmap:97 SPEEX/8000\r\n"), 488, "no-common-codec"),
    "video only": (offer("m=audio", "m=video"), 488, "no-common-codec"),
    "no audio wanted": (offer(f"audio {MEDIA_PORT}", "audio 0"), 488, "no-common-codec"),
    "DTMF and no audio": (offer("AVP 0 101", "AVP 101"), 488, "no-common-codec"),
    "audio to a host name": (offer("c=IN IP4 .*", "c=IN IP4 localhost\r"), 488, "no-common-codec"),
    "audio to IPv6": (offer("c=IN IP4 .*", "c=IN IP6 ::1\r"), 488, "no-common-codec"),
    "RTCP to a host name": (offer(r"\Z", "a=rtcp:30001 IN IP4 localhost\r\n"), 488, "no-common-codec"),
    "RTCP to IPv6": (offer(r"\Z", "a=rtcp:30001 IN IP6 ::1\r\n"), 488, "no-common-codec"),
    "INVITE in a dialog that never was": (with_to_tag(invite()), 481, "no-dialog"),
    "BYE of an unknown dialog": (with_to_tag(request("BYE")), 481, "no-dialog"),
    "CANCEL of nothing": (request("CANCEL"), 481, "no-dialog"),
    "OPTIONS": (request("OPTIONS"), 200, None),
}

NO_INVITES = (
    "OPTIONS with a header that cannot be read",
    "BYE of an unknown dialog",
    "CANCEL of nothing",
    "OPTIONS",
)
"""Of these."""

AT_THE_DOOR = (*UNREADABLE_HEADERS, *NO_INVITES, "INVITE in a dialog that never was")
"""Those that are turned away before it is known whether a call was wanted, and only counted as that."""

REFUSED_CALLS: dict[str, tuple[Make, int, str]] = {
    "a URI of another scheme": (changed(r"^INVITE \S+", "INVITE http://example.com/"), 416, "client-error/bad-request"),
    "CR and LF in the user part": (changed("service@", "a%0d%0aX-Evil:%201@"), 404, "client-error/no-route"),
    "NUL in the user part": (changed("service@", "a%00b@"), 404, "client-error/no-route"),
    "no user part": (changed("INVITE sip:service@", "INVITE sip:"), 404, "client-error/no-route"),
    "a user part of 5,000 characters": (changed("service@", "1" * 5000 + "@"), 404, "client-error/no-route"),
}

GOOD: dict[str, Make] = {
    "300 headers": invite(*(f"X-Header-{number}: {number}" for number in range(300))),
    "a header of 60 KB": invite("X-Big: " + "x" * 60_000),
    "300 headers of one name": invite(*(f"X-Queue: {number}" for number in range(300))),
    "LF alone ends header lines": lambda peer: "\n\n".join(
        part.replace("\r\n", "\n") if part.startswith("INVITE") else part for part in peer.invite().split("\r\n\r\n")
    ),
    "a folded header": invite("X-Queue: a\r\n b\r\n\tc"),
    "octets that are not UTF-8": lambda peer: (
        peer.invite("X-Queue: a").encode().replace(b"Queue: a", b"Queue: \xff\xfe")
    ),
    "no Content-Length": changed(r"^Content-Length:.*\r\n", ""),
    "a second From": invite("From: <sip:somebody@else>;tag=2"),
    "Max-Forwards beyond all hops": changed("^Max-Forwards: 70", "Max-Forwards: 99999999999"),
    "20 more media lines": offer(r"\Z", "m=audio 0 RTP/AVP 0\r\n" * 20),
    "a telephone number as URI": changed(r"^INVITE \S+", "INVITE tel:+15551234567"),
}


def only_answers(peer: WirePeer) -> list[str]:
    """What came back, complete: an OPTIONS sent afterwards was answered, and the gateway works in order."""
    options = peer.request("OPTIONS")
    peer.send(options)
    peer.wait_for_answer(options)
    own = header(options, "Call-ID")
    return [message for message in peer.received() if header(message, "Call-ID") != own]


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_silence_and_a_count(gateway: Gateway, make: Make) -> None:
    with gateway.wire_caller(gateway.pbx) as peer:
        peer.send(make(peer))
        assert only_answers(peer) == []
    gateway.assert_rejected("malformed")
    assert gateway.counted("gateway_calls_total") == 0


@pytest.mark.parametrize("make", IGNORED.values(), ids=IGNORED)
def test_silence(gateway: Gateway, make: Make) -> None:
    with gateway.wire_caller(gateway.pbx) as peer:
        peer.send(make(peer))
        assert only_answers(peer) == []
    gateway.assert_rejected()
    assert gateway.counted("gateway_calls_total") == 0


@pytest.mark.parametrize("fault", ANSWERED)
def test_an_answer(gateway: Gateway, fault: str) -> None:
    make, code, reason = ANSWERED[fault]
    with gateway.wire_caller(gateway.pbx) as peer:
        message = str(make(peer))
        peer.send(message)
        final = peer.wait_for_final(message)
        assert status(final) == code
        assert {warning.split()[1] for warning in values(final, "Warning")} <= {"gateway"}  # and no name of the machine
        if message.startswith("INVITE"):
            peer.send(peer.in_dialog("ACK", message, final))
    gateway.assert_rejected(*[reason] if reason else [])
    assert gateway.counted("gateway_calls_total") == 0
    sent, is_counted = {"trunk": "pbx", "direction": "sent"}, reason is not None and fault not in AT_THE_DOOR
    assert gateway.counted("gateway_sip_responses_total", **sent) == is_counted
    assert gateway.counted("gateway_sip_responses_total", **sent, code=str(code)) == is_counted


@pytest.mark.parametrize("fault", [fault for fault in ANSWERED if fault not in NO_INVITES])
def test_a_stranger_learns_nothing_from_an_answer(gateway: Gateway, fault: str) -> None:
    """Neither our codecs nor our extensions: what is wrong with an INVITE of his makes no difference."""
    with gateway.wire(gateway.stranger) as peer:
        make, _, _ = ANSWERED[fault]
        message = str(make(peer))
        peer.send(message)
        final = peer.wait_for_final(message)
        assert status(final) == 403
        peer.send(peer.in_dialog("ACK", message, final))
    gateway.assert_rejected("unknown-source")


@pytest.mark.parametrize(("make", "code", "outcome"), REFUSED_CALLS.values(), ids=REFUSED_CALLS)
def test_a_call_that_is_refused(gateway: Gateway, make: Make, code: int, outcome: str) -> None:
    with gateway.wire_caller(gateway.pbx) as peer:
        message = str(make(peer))
        peer.send(message)
        final = peer.wait_for_final(message)
        assert status(final) == code
        peer.send(peer.in_dialog("ACK", message, final))
        gateway.assert_outcomes("to_twilio", outcome)


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_a_call_all_the_same(gateway: Gateway, make: Make) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        message = make(caller)
        text = message if isinstance(message, str) else message.decode(errors="replace")
        caller.send(message)
        callee.answer(callee.wait_for("INVITE"))
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", text, answer))
        caller.send(caller.in_dialog("BYE", text, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")
        sent_on = callee.received("INVITE")[0]
        assert len(sent_on) < 2000
        assert "X-Big" not in sent_on


def test_what_is_behind_the_body_is_not_read(gateway: Gateway) -> None:
    """RFC 3261, section 18.3: of an INVITE with Content-Length 0 nothing is an offer, so the offer is ours."""
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        offering = caller.invite(body=sdp(caller.place.host, "8 101"))
        message = re.sub("Content-Length: .*", "Content-Length: 0\r", offering)
        caller.send(message)
        callee.answer(callee.wait_for("INVITE"))
        answer = caller.wait_for("SIP/2.0 200")
        assert re.search("^m=audio .* RTP/AVP 0 8 ", answer, re.MULTILINE)
        caller.send(carrying(caller.in_dialog("ACK", message, answer), body=sdp(caller.place.host)))
        caller.send(caller.in_dialog("BYE", message, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_each_of_many_is_counted(gateway: Gateway) -> None:
    """They arrive faster than one by one."""
    with gateway.wire_caller(gateway.pbx) as peer:
        messages = [str(ANSWERED["no common codec"][0](peer)) for _ in range(MANY)]
        for message in messages:
            peer.send(message)
        for message in messages:
            final = peer.wait_for_final(message)
            assert status(final) == 488
            peer.send(peer.in_dialog("ACK", message, final))
    gateway.assert_rejected(*["no-common-codec"] * MANY)
    assert gateway.counted("gateway_calls_total") == 0


def test_a_flood_of_packets_that_cannot_be_read(gateway: Gateway) -> None:
    """A call goes through meanwhile, and the log does not grow with them."""
    with gateway.wire_caller(gateway.stranger) as stranger:
        for _ in range(FLOOD):
            stranger.send(b"\xff" * 300)
        callee = gateway.twilio.serve("uas-answer")
        gateway.pbx.call("uac-call").finish()
        callee.finish()
        gateway.assert_outcomes("to_twilio", "success/completed")
    assert gateway.counted("gateway_rejected_total", reason="malformed") > 0
    assert len([line for line in gateway.log() if line["level"] == "WARNING"]) <= 1
