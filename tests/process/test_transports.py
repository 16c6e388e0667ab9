"""TCP on one leg or both, requests that outgrow 1,300 bytes, and TCP peers that do not keep to the framing."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from gateway.bridge.outcome import reason_header
from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.wire import TcpWirePeer, WirePeer, header, status

TCP = ("-t", "t1")
LARGE = "x" * 3000
PUBLIC = "203.0.113.7"

Make = Callable[[WirePeer], str]


def configure(tree: Tree, site: Site) -> None:
    """Twilio is called over TCP, the PBX over UDP."""
    tree["trunks"]["twilio"]["uris"] = [f"sip:{site.twilio};transport=tcp"]
    tree["context"]["fields"]["note"] = {"pbx": "header:X-Note", "twilio": "header:X-Note"}


@pytest.mark.parametrize("transport", [TCP, ()], ids=["from TCP", "from UDP"])
def test_a_call_to_tcp(gateway: Gateway, transport: tuple[str, ...]) -> None:
    callee = gateway.twilio.serve("uas-answer", *TCP)
    gateway.pbx.call("uac-call", *transport).finish()
    callee.finish()
    gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_call_from_tcp_to_udp(gateway: Gateway) -> None:
    callee = gateway.pbx.serve("uas-answer")
    gateway.twilio.call("uac-call", *TCP).finish()
    callee.finish()
    gateway.assert_outcomes("to_pbx", "success/completed")


def test_the_callee_of_a_tcp_call_hangs_up(gateway: Gateway) -> None:
    callee = gateway.twilio.serve("uas-answer-and-hang-up", *TCP)
    gateway.pbx.call("uac-hung-up-on", *TCP).finish()
    callee.finish()
    gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_tcp_call_is_cancelled(gateway: Gateway) -> None:
    callee = gateway.twilio.serve("uas-ring-until-cancelled", *TCP)
    gateway.pbx.call("uac-cancel", *TCP).finish()
    callee.finish()
    gateway.assert_outcomes("to_twilio", "client-error/cancelled")


def test_nothing_listens_on_tcp(gateway: Gateway) -> None:
    """A refused connection is known at once; it counts as a server that failed."""
    header = 'Reason: SIP;cause=503;text="Service Unavailable"'
    gateway.pbx.call("uac-refused", code="503", header=header).finish()
    gateway.assert_outcomes("to_twilio", "upstream-error/unavailable")


def test_a_large_request_keeps_to_udp(gateway: Gateway) -> None:
    """RFC 3261, section 18.1.1, would have it on TCP, where this PBX does not listen."""
    callee = gateway.pbx.serve("uas-answer")
    gateway.twilio.call("uac-call", headers=f"X-Note: {LARGE}").finish()
    callee.finish()
    assert LARGE in callee.shown_messages()
    gateway.assert_outcomes("to_pbx", "success/completed")


def public(tree: Tree, site: Site) -> None:
    tree["sip"]["public_address"] = PUBLIC


@pytest.mark.parametrize("kind", [WirePeer, TcpWirePeer], ids=["UDP", "TCP"])
def test_peers_see_the_public_address(start_gateway: StartGateway, kind: type[WirePeer]) -> None:
    """In Contact and SDP, on both legs: behind NAT nothing else reaches us."""
    gateway = start_gateway(public)
    with kind(gateway.site.gateway, gateway.pbx.place.host) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.answer(placed)
        answer = caller.wait_for("SIP/2.0 200")
        transport = "" if kind is WirePeer else ";transport=tcp"
        assert header(answer, "Contact") == f"<sip:{PUBLIC}:{gateway.site.gateway.port}{transport}>"
        assert header(placed, "Contact") == f"<sip:{PUBLIC}:{gateway.site.gateway.port}>"
        for message in (answer, placed):
            assert f"c=IN IP4 {PUBLIC}\r\n" in message
        assert f"SIP/2.0/UDP {PUBLIC}:" in header(placed, "Via")
        caller.send(caller.in_dialog("ACK", invite, answer))
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_tcp_peer_that_is_called_sees_the_public_address(start_gateway: StartGateway) -> None:
    def public_over_tcp(tree: Tree, site: Site) -> None:
        public(tree, site)
        configure(tree, site)

    gateway = start_gateway(public_over_tcp)
    callee = gateway.twilio.serve("uas-refuse", *TCP, status_line="SIP/2.0 486 Busy Here")
    gateway.pbx.call("uac-refused", code="486", header=": ".join(reason_header(486))).finish()
    callee.finish()
    shown = callee.shown_messages()
    assert f"Via: SIP/2.0/TCP {PUBLIC}:" in shown  # the port is that of the connection
    assert f"Contact: <sip:{PUBLIC}:{gateway.site.gateway.port};transport=tcp>" in shown
    assert f"c=IN IP4 {PUBLIC}" in shown
    gateway.assert_outcomes("to_twilio", "client-error/busy")


def framed(pattern: str, text: str) -> Make:
    """An INVITE with one line replaced, after which the stream says nothing any more."""

    def make(peer: WirePeer) -> str:
        message, count = re.subn(pattern, lambda _: text, peer.invite(), count=1, flags=re.MULTILINE)
        assert count == 1
        return message

    return make


STALLED: dict[str, Make] = {
    "half a message": lambda peer: peer.invite()[:100],
    "one octet": lambda peer: "I",
    "no line ever ends": lambda peer: "x" * 100_000,
    "text that is no SIP": lambda peer: "GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
    "Content-Length that is too large": framed(r"^Content-Length: .*$", "Content-Length: 5000\r"),
    "Content-Length beyond any message": framed(r"^Content-Length: .*$", "Content-Length: 70000\r"),
    "negative Content-Length": framed(r"^Content-Length: .*$", "Content-Length: -1\r"),
    "Content-Length that is no number": framed(r"^Content-Length: .*$", "Content-Length: many\r"),
    "Content-Length beyond all numbers": framed(r"^Content-Length: .*$", "Content-Length: 99999999999999999999\r"),
    "no Content-Length": framed(r"^Content-Length:.*\r\n", ""),
    "100 KB of header": framed("^Max-Forwards", "X-Big: " + "x" * 100_000 + "\r\nMax-Forwards"),
}


@pytest.mark.parametrize("make", STALLED.values(), ids=STALLED)
def test_a_connection_that_stalls(gateway: Gateway, make: Make) -> None:
    """It waits alone: others are answered meanwhile, over TCP and over UDP, and it makes no call."""
    host = gateway.pbx.place.host
    with TcpWirePeer(gateway.site.gateway, host) as stalled:
        stalled.send(make(stalled))
        for peer in (TcpWirePeer(gateway.site.gateway, host), WirePeer(gateway.site.gateway, host)):
            with peer:
                options = peer.request("OPTIONS")
                peer.send(options)
                assert status(peer.wait_for_answer(options)) == 200
        assert stalled.received() == []
    assert gateway.counted("gateway_calls_total") == 0


def test_many_connections_that_say_nothing(gateway: Gateway) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(TcpWirePeer(gateway.site.gateway, gateway.pbx.place.host))
        callee = gateway.twilio.serve("uas-answer", *TCP)
        gateway.pbx.call("uac-call", *TCP).finish()
        callee.finish()
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_messages_that_arrive_in_pieces(gateway: Gateway) -> None:
    """Octet by octet, then two in one segment."""
    with TcpWirePeer(gateway.site.gateway, gateway.pbx.place.host) as peer:
        first, second, third = (peer.request("OPTIONS") for _ in range(3))
        for octet in first:
            peer.send(octet)
        assert status(peer.wait_for_answer(first)) == 200
        peer.send(f"\r\n\r\n{second}\r\n\r\n{third}")
        assert status(peer.wait_for_answer(second)) == 200
        assert status(peer.wait_for_answer(third)) == 200
