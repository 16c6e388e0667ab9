"""Fixtures: what takes half a minute of waiting or more. It begins while the other tests of this folder run."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.process import transfers
from tests.process.conftest import run_gateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.registrar import FickleRegistrar, registering
from tests.process.sipp import Sipp
from tests.process.transfers import Transfer
from tests.process.waiting import wait_until

ACK_SECONDS = 32
"""64 * T1: how long a 200 is repeated and the ACK waited for (RFC 3261, section 13.3.1.4)."""
NOTIFY_SECONDS = 36
"""64 * T1, how long a request is repeated that nobody answers (RFC 3261, section 17.1.2.2), and some."""
SESSION_SECONDS = 100
"""The shortest session (RFC 4028, section 5), and some."""
STALLED = 30
"""Connections of each kind that never become one of SIP."""
NO_MESSAGES = (b"", b"INVITE sip:", b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")

LONG = ("timed_calls", "silent_calls", "untold_transfer", "lost_registration")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask for how it ended last of all: what takes longest comes last."""
    here = [place for place, item in enumerate(items) if Path(__file__).parent in item.path.parents]
    ordered = sorted((items[place] for place in here), key=lambda item: waits_for(item))
    for place, item in zip(here, ordered, strict=True):
        items[place] = item


def waits_for(item: pytest.Item) -> list[str]:
    """Which of what is long a test asks for."""
    return [name for name in LONG if isinstance(item, pytest.Function) and name in item.fixturenames]


@dataclass(frozen=True)
class LongCalls:
    """Calls that go on while other tests run: their gateway, and the peers that look on."""

    gateway: Gateway
    peers: list[Sipp]


@dataclass(frozen=True)
class SilentCalls(LongCalls):
    """Calls whose answer nobody acknowledges, and connections that say nothing."""

    stalled: list[socket.socket]


def stall(gateway: Gateway, text: bytes) -> socket.socket:
    """A connection of the PBX that brings this and no more."""
    place = gateway.site.gateway
    connection = socket.create_connection((place.host, place.port), source_address=(gateway.pbx.place.host, 0))
    connection.sendall(text)
    return connection


@pytest.fixture(scope="session")
def silent_calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SilentCalls]:
    """One each way without ACK, after a call over TCP whose connection must be closed by the time they end."""
    gateway = run_gateway(tmp_path_factory.mktemp("silent"))
    callee = gateway.twilio.serve("uas-answer")
    gateway.pbx.call("uac-call", "-t", "t1").finish()
    callee.finish()
    stalled = [stall(gateway, half) for half in NO_MESSAGES for _ in range(STALLED)]
    patience = ["-timeout", f"{ACK_SECONDS + 20}s"]
    callees = [gateway.callee(direction).serve("uas-answer", *patience) for direction in DIRECTIONS]
    callers = [gateway.caller(direction).call("uac-never-ack", *patience) for direction in DIRECTIONS]
    yield SilentCalls(gateway, callees + callers, stalled)
    for connection in stalled:
        connection.close()
    gateway.stop_peers()
    gateway.stop()


@pytest.fixture(scope="session")
def timed_calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongCalls]:
    """One each way with session timers, of the shortest interval there is: who refreshes does so after 45 seconds."""
    gateway = run_gateway(tmp_path_factory.mktemp("timed"))
    patience = ["-timeout", f"{SESSION_SECONDS}s"]
    peers = [gateway.pbx.serve("uas-expect-refresh", *patience), gateway.twilio.serve("uas-answer", *patience)]
    never = "Supported: timer\r\nSession-Expires: 90;refresher=uac"
    peers.append(gateway.twilio.call("uac-hung-up-on", *patience, headers=never))
    peers.append(gateway.pbx.call("uac-refuse-refresh", *patience))
    yield LongCalls(gateway, peers)
    gateway.stop_peers()
    gateway.stop()


@dataclass(frozen=True)
class UntoldTransfer:
    """A call whose callee asked for a transfer and answers no NOTIFY, from `began` on."""

    transfer: Transfer
    began: float


def without_audio(tree: Tree, site: Site) -> None:
    """Nobody speaks until the test has its turn."""
    transfers.configure(tree, site)
    tree["media"] = {**tree.get("media", {}), "timeout_seconds": 0}


@pytest.fixture(scope="session")
def untold_transfer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UntoldTransfer]:
    """Its target refuses, so that the two go on to talk."""
    gateway = run_gateway(tmp_path_factory.mktemp("untold"), without_audio)
    with transfers.transferring(gateway, "callee") as transfer:
        transfer.refer()
        transfer.place.send(transfer.place.reply(transfer.target(), "486 Busy Here"))
        wait_until(lambda: len(transfer.statuses()) == 2, "both NOTIFYs")
        yield UntoldTransfer(transfer, time.monotonic())
        if gateway.active_calls():
            transfer.talk.hang_up()
    gateway.stop()


@dataclass(frozen=True)
class LostRegistration:
    """A gateway whose registrar loses it and takes it back."""

    gateway: Gateway
    registrar: FickleRegistrar


@pytest.fixture(scope="session")
def lost_registration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LostRegistration]:
    site = Site(tmp_path_factory.mktemp("registration"))
    tree = site.configuration()
    registering(tree, site)
    tree["trunks"]["pbx"]["register"]["expires_seconds"] = 3600
    gateway = Gateway(site, tree)
    with gateway.wire(gateway.pbx) as peer:
        registrar = FickleRegistrar(peer)
        registrar.start()
        gateway.start()
        yield LostRegistration(gateway, registrar)
        gateway.stop()
    registrar.join()


@pytest.fixture(scope="session", autouse=True)
def begin_early(request: pytest.FixtureRequest) -> None:
    """Start what a test of this worker will ask for."""
    for name in LONG:
        if any(name in waits_for(item) for item in request.session.items):
            request.getfixturevalue(name)
