"""TLS that is refused or given up: how that is counted and told, and that no call is the worse for it."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.process.authority import Authority
from tests.process.bystander import bystander
from tests.process.conftest import StartGateway
from tests.process.places import own_host
from tests.process.process_files import half_closed, open_files
from tests.process.secure import ADVICE, EDGE, FAILURES, GIVEN_UP, UNAVAILABLE, Secure, secure
from tests.process.secure import configure as configure
from tests.process.secure import environment as environment
from tests.process.secure import tls as tls
from tests.process.waiting import wait_until
from tests.process.wire import status

NEAR = ("*.edge.example.com", "*.example.com", "sip.edge.example.com", "acme.sip.example.com")
"""Names that are not that of the edge."""
HANDSHAKES = 100

OLD_VERSION = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")


def called_by_address(start_gateway: StartGateway) -> Secure:
    return Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))


def test_a_name_that_is_only_near_is_refused(tls: Secure) -> None:
    tls.refuse("certificate-name", *(tls.authority.certify(name) for name in NEAR))


def test_a_certificate_of_another_name_is_refused_at_an_address_too(start_gateway: StartGateway) -> None:
    tls = called_by_address(start_gateway)
    tls.refuse("certificate-name", tls.authority.certify("other.example.com", own_host()))


def test_an_expired_certificate_is_refused(tls: Secure) -> None:
    tls.refuse("certificate-expired", tls.authority.certify(EDGE, days=-1))


def test_a_certificate_of_an_unknown_authority_is_refused(tls: Secure, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    tls.refuse("certificate-untrusted", stranger.certify(EDGE), stranger.intermediate().certify(EDGE))


def test_a_certificate_without_the_rest_of_its_chain_is_refused(start_gateway: StartGateway) -> None:
    """Who signed it may be vouched for by whom we believe, but nobody says so."""
    tls = called_by_address(start_gateway)
    tls.refuse("certificate-untrusted", tls.authority.intermediate().certify(tls.gateway.twilio.place.host).alone())


@OLD_VERSION
def test_an_old_tls_version_is_not_spoken(tls: Secure) -> None:
    tls.refuse("handshake", tls.authority.certify(EDGE), version=ssl.TLSVersion.TLSv1_1)


@OLD_VERSION
def test_callers_that_we_cannot_agree_with(tls: Secure) -> None:
    """One speaks an old version alone, and one does not believe our authority."""
    gateway = tls.gateway
    with bystander(gateway, "to_pbx"):
        with pytest.raises((ssl.SSLError, ConnectionError)), tls.peer(ssl.TLSVersion.TLSv1_1):
            pass
        with (
            socket.create_connection((tls.listener.host, tls.listener.port), timeout=20) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(plain, server_hostname=tls.listener.host)
        refused = {"direction": "inbound", "reason": "handshake"}
        wait_until(lambda: gateway.counted(FAILURES, **refused) == 2, "both are counted")
    assert gateway.counted(FAILURES) == 2
    line, *_ = gateway.told(msg=GIVEN_UP, level="WARNING", **refused)
    assert ADVICE["handshake"] in line["advice"]


def hang_up(connection: socket.socket) -> None:
    connection.close()


def hear_and_hang_up(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_an_edge_that_hangs_up_in_the_handshake(start_gateway: StartGateway) -> None:
    """As one does that wants no TLS on that port, or not from us."""
    gateway = called_by_address(start_gateway).gateway
    ends, edge = (hang_up, hear_and_hang_up, reset), gateway.twilio.place
    with bystander(gateway, "to_pbx"), socket.create_server((edge.host, edge.port)) as server:
        server.settimeout(20)
        for end in ends:
            caller = gateway.pbx.call("uac-refused", code="503", header=UNAVAILABLE)
            end(server.accept()[0])
            caller.finish()
        gateway.assert_outcomes("to_twilio", *["upstream-error/unavailable"] * len(ends))
    refused = {"direction": "outbound", "reason": "handshake"}
    assert gateway.counted(FAILURES, **refused) == gateway.counted(FAILURES) == len(ends)
    line, *_ = gateway.told(msg=GIVEN_UP, level="WARNING", **refused)
    assert ADVICE["handshake"] in line["advice"]


# -- handshakes that never finish ------------------------------------------------------------------------------------


def client_hello() -> bytes:
    """What a client says first, as it leaves a real one."""
    inbound, outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(inbound, outbound, server_hostname=EDGE).do_handshake()
    return outbound.read()


def is_ended(connection: socket.socket) -> bool:
    """Whether the gateway has closed it; what it said before does not matter."""
    with suppress(BlockingIOError):
        while connection.recv(4096):
            pass
        return True
    return False


def test_handshakes_that_never_finish_are_given_up(tls: Secure) -> None:
    """Half say nothing at all, the others fall silent after their hello.

    Each ends by itself and is counted, the log says so once, and calls are placed and heard meanwhile.
    """
    gateway = tls.gateway
    where, pid = (tls.listener.host, tls.listener.port), gateway.process.pid
    with bystander(gateway, "to_pbx"), ExitStack() as stack:
        before = len(open_files(pid))
        twilio = gateway.twilio.place.host, 0
        connections = (socket.create_connection(where, source_address=twilio) for _ in range(HANDSHAKES))
        begun = [stack.enter_context(connection) for connection in connections]
        for connection in begun:
            connection.setblocking(False)
        for connection in begun[::2]:
            connection.sendall(client_hello())
        with tls.peer() as peer:
            options = peer.request("OPTIONS")
            peer.send(options)
            assert status(peer.wait_for_answer(options)) == 200
        tls.takes_a_call(tls.authority.certify(EDGE))
        wait_until(lambda: all(is_ended(connection) for connection in begun), "all are given up")
        timeouts = {"direction": "inbound", "reason": "timeout"}
        wait_until(lambda: gateway.counted(FAILURES, **timeouts) == HANDSHAKES, "all are counted")
        assert gateway.counted(FAILURES) == HANDSHAKES
        wait_until(lambda: len(open_files(pid)) - half_closed(pid) <= before, "their sockets are closed")
    lines = gateway.told(msg=GIVEN_UP)
    assert 1 <= len(lines) <= 2
    assert {"level": "WARNING", "direction": "inbound", "reason": "timeout"}.items() <= lines[0].items()
    assert ADVICE["timeout"] in lines[0]["advice"]
