"""No port of `media.rtp_ports` is free, as another process has them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.wire import WirePeer, header, status

FIRST, LAST = 20000, 20019


def few_ports(tree: Tree, site: Site) -> None:
    tree["limits"]["calls"] = (LAST - FIRST + 1) // 4
    tree["media"]["rtp_ports"] = f"{FIRST}-{LAST}"


@contextmanager
def taken(gateway: Gateway, *ports: int) -> Iterator[None]:
    """Another process has these."""
    held = []
    try:
        for port in ports:
            held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            held[-1].bind((gateway.site.gateway.host, port))
        yield
    finally:
        for one in held:
            one.close()


def call(caller: WirePeer, *headers: str) -> str:
    """The final answer to a call."""
    invite = caller.invite(*headers)
    caller.send(invite)
    final = caller.wait_for_final(invite)
    caller.send(caller.in_dialog("ACK", invite, final))
    return final


def test_it_is_said_what_is_missing(start_gateway: StartGateway) -> None:
    """And nothing else is taken for it afterwards: the next call gets through."""
    gateway = start_gateway(few_ports)
    with gateway.wire_caller(gateway.pbx) as caller:
        with taken(gateway, *range(FIRST, LAST + 1)):
            final = call(caller)
            assert (status(final), header(final, "Retry-After")) == (503, "5")
            gateway.assert_rejected("no-rtp-ports")
            [line] = gateway.told(msg="request rejected", reason="no-rtp-ports")
            assert "media.rtp_ports" in line["advice"]
        with gateway.wire(gateway.twilio) as callee:
            invite = caller.invite()
            caller.send(invite)
            callee.send(callee.reply(callee.wait_for("INVITE"), "486 Busy Here"))
            final = caller.wait_for_final(invite)
            caller.send(caller.in_dialog("ACK", invite, final))
            assert status(final) == 486
        assert status(call(caller, "Require: frobnication")) == 420
        gateway.assert_rejected("no-rtp-ports", "unsupported")


def test_a_port_for_one_leg_is_too_little(start_gateway: StartGateway) -> None:
    gateway = start_gateway(few_ports)
    with gateway.wire_caller(gateway.pbx) as caller, taken(gateway, *range(FIRST + 2, LAST + 1)):
        assert status(call(caller)) == 503
    [line] = gateway.told(msg="cannot place a call")
    assert line["problem"].startswith("no port of media.rtp_ports can be had: ")
    gateway.assert_outcomes("to_twilio", "upstream-error/unavailable")
    gateway.assert_rejected()
