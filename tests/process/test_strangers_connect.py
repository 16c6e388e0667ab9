"""Strangers over TCP and TLS: one answer and the end of the connection, and never the place of somebody else."""

from __future__ import annotations

import re
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.process.bystander import bystander
from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.process_files import open_files
from tests.process.secure import listener, secure
from tests.process.talk import talking
from tests.process.waiting import wait_until
from tests.process.wire import TcpWirePeer, TcpWireServer, WirePeer, status
from tests.process.wire_tls import TlsWirePeer

TRANSPORTS = ("tcp", "tls")
ANSWERED = {"INVITE": 403, "OPTIONS": 403, "REGISTER": 405, "CANCEL": 481, "BYE": 481, "FROBNICATE": 501}
JUNK = {
    "text that is no SIP": "GET / HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n",
    "more than any message has": "x" * 100_000,
}
FLOOD = 100
SPARE_FILES, MANY = 20, 80
"""Many more connections than there are files, and than PJSIP would fail to take before it gave up."""


def configure(tree: Tree, site: Site) -> None:
    """Strangers of these tests want little, and many tests want it in a second."""
    secure(tree, site, site.twilio.host)
    tree["limits"]["stranger_answers_per_second"] = 1000


def connect(gateway: Gateway, transport: str, host: str) -> TcpWirePeer:
    """A peer at this address, over a connection of its own."""
    if transport == "tls":
        return TlsWirePeer(listener(gateway.site), host)
    return TcpWirePeer(gateway.site.gateway, host)


def reach(gateway: Gateway, transport: str, host: str) -> WirePeer:
    """The same, over UDP too."""
    return gateway.wire_from(host) if transport == "udp" else connect(gateway, transport, host)


def is_served(gateway: Gateway, transport: str) -> None:
    """A friend's request is answered, over a connection that stays."""
    with connect(gateway, transport, gateway.pbx.place.host) as friend:
        for _ in range(2):
            options = friend.request("OPTIONS")
            friend.send(options)
            assert status(friend.wait_for_answer(options)) == 200


@contextmanager
def a_stranger(gateway: Gateway, transport: str) -> Iterator[TcpWirePeer]:
    """His connection, which must end by itself, beside a call that goes on."""
    with bystander(gateway, "to_pbx"):
        before = open_files(gateway.process.pid)
        with connect(gateway, transport, gateway.stranger.place.host) as stranger:
            yield stranger
            wait_until(stranger.is_closed, "the gateway ends the connection")
            wait_until(lambda: len(open_files(gateway.process.pid)) <= len(before), "and closes its file")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("method", ANSWERED)
def test_one_answer(gateway: Gateway, transport: str, method: str) -> None:
    with a_stranger(gateway, transport) as stranger:
        request = stranger.request(method)
        stranger.send(request)
        final = stranger.wait_for_final(request)
        assert status(final) == ANSWERED[method]
        assert ("Warning: 399 gateway" in final) is (method == "INVITE")
    gateway.assert_rejected("unknown-source")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("method", ["BYE", "CANCEL", "OPTIONS", "INVITE"])
def test_a_dialog_that_never_was(gateway: Gateway, transport: str, method: str) -> None:
    """The tag of one makes no difference."""
    with a_stranger(gateway, transport) as stranger:
        request = re.sub(r"^(To: .*?)\r", r"\1;tag=nobody\r", stranger.request(method), flags=re.MULTILINE)
        stranger.send(request)
        assert status(stranger.wait_for_final(request)) == (403 if method == "INVITE" else 481)
    gateway.assert_rejected("unknown-source")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("what", ["ACK", "a response"])
def test_what_asks_for_nothing_ends_the_connection_too(gateway: Gateway, transport: str, what: str) -> None:
    with a_stranger(gateway, transport) as stranger:
        options = stranger.request("OPTIONS")
        stranger.send(stranger.request("ACK") if what == "ACK" else stranger.reply(options, "200 OK"))
        wait_until(stranger.is_closed, "the gateway ends the connection")
        assert stranger.received() == []
    gateway.assert_rejected()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_junk_is_counted(gateway: Gateway, transport: str, junk: str) -> None:
    """What is no message keeps no connection: see test_timeouts.py."""
    with connect(gateway, transport, gateway.stranger.place.host) as stranger:
        with suppress(OSError):  # it need not take all of it
            stranger.send(junk)
        gateway.assert_rejected("malformed")
        is_served(gateway, transport)
        assert stranger.received() == []


@pytest.mark.parametrize("transport", ["udp", *TRANSPORTS])
def test_a_cancel_of_the_call_of_another(gateway: Gateway, transport: str) -> None:
    """Whoever knows all of its INVITE, as one on the way does, still comes from elsewhere."""
    with (
        gateway.wire_caller(gateway.twilio) as caller,
        gateway.wire(gateway.pbx) as callee,
        reach(gateway, transport, gateway.stranger.place.host) as stranger,
    ):
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        caller.wait_for("SIP/2.0 180")
        stranger.send(caller.cancel(invite))
        gateway.assert_rejected("unknown-source")
        callee.answer(placed)
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")
        assert not callee.received("CANCEL")


def test_whom_we_call_may_speak_in_its_call_over_a_connection_of_its_own(start_gateway: StartGateway) -> None:
    """Though it may not call: it has no `allow`."""

    def only_called(tree: Tree, site: Site) -> None:
        configure(tree, site)
        del tree["trunks"]["pbx"]["allow"]

    gateway = start_gateway(only_called)
    with talking(gateway, "to_pbx") as talk, connect(gateway, "tcp", gateway.pbx.place.host) as callee:
        for number, method in ((1, "OPTIONS"), (2, "BYE")):
            request = callee.in_dialog_of_callee(method, talk.placed, number)
            callee.send(request)
            assert status(callee.wait_for_answer(request)) == 200
        talk.caller.send(talk.caller.reply(talk.caller.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")
        assert not callee.is_closed()
    gateway.assert_rejected()


def test_a_connection_that_we_made_stays(start_gateway: StartGateway) -> None:
    """Whom we call may not ask for anything outside of its call, and asks over the connection that has it."""

    def only_called(tree: Tree, site: Site) -> None:
        configure(tree, site)
        tree["trunks"]["pbx"]["uris"] = [f"sip:{site.pbx};transport=tcp"]
        del tree["trunks"]["pbx"]["allow"]

    gateway = start_gateway(only_called)
    ours, theirs = gateway.site.gateway, gateway.pbx.place
    with gateway.wire_caller(gateway.twilio) as caller, TcpWireServer(ours, theirs) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.answer(placed)
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for("SIP/2.0 200")))
        gateway.wait_for_talking()
        options = callee.request("OPTIONS")
        callee.send(options)
        assert status(callee.wait_for_final(options)) == 403
        bye = callee.in_dialog_of_callee("BYE", placed)
        callee.send(bye)
        assert status(callee.wait_for_final(bye)) == 200
        caller.send(caller.reply(caller.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")
        gateway.assert_rejected("unknown-source")


def test_a_flood_of_connections(start_gateway: StartGateway) -> None:
    """As many are taken as strangers get answers, each of the others is counted, and friends are served."""

    def one_a_second(tree: Tree, site: Site) -> None:
        configure(tree, site)
        tree["limits"]["stranger_answers_per_second"] = 1

    gateway = start_gateway(one_a_second)
    host, pid = gateway.stranger.place.host, gateway.process.pid
    with bystander(gateway, "to_pbx"), ExitStack() as stack:
        before = len(open_files(pid))
        began = time.monotonic()
        for number in range(FLOOD):
            place = listener(gateway.site) if number % 2 else gateway.site.gateway
            flooding = socket.create_connection((place.host, place.port), source_address=(host, 0))
            stack.enter_context(flooding)

        def taken() -> float:
            return FLOOD - gateway.counted("gateway_rejected_total", reason="unknown-source-silenced")

        wait_until(lambda: taken() <= 1 + time.monotonic() - began, "all others are counted")
        for transport in TRANSPORTS:
            is_served(gateway, transport)
        [line] = gateway.told(reason="unknown-source-silenced")
        assert line["source_address"] == host
        assert "config/nftables" in line["advice"]
        wait_until(lambda: len(open_files(pid)) <= before + taken(), "and closed")


def test_a_moment_without_files_ends_no_listener(start_gateway: StartGateway) -> None:
    """Friends may have so many connections that there is no file for more; when there is, the next one is taken."""
    gateway = start_gateway(configure)
    pid, host = gateway.process.pid, gateway.pbx.place.host
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(open_files(pid))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + SPARE_FILES, most))
    with ExitStack() as stack:
        for place in (listener(gateway.site), gateway.site.gateway):
            for _ in range(MANY):
                address = place.host, place.port
                stack.enter_context(socket.create_connection(address, source_address=(host, 0)))
        wait_until(lambda: len(open_files(pid)) >= used + SPARE_FILES, "there is no file left")
        with gateway.wire_caller(gateway.pbx) as friend:
            options = friend.request("OPTIONS")
            friend.send(options)
            assert status(friend.wait_for_answer(options)) == 200
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, most))
    for transport in TRANSPORTS:
        is_served(gateway, transport)
