"""The HTTP server's life over real sockets: it starts or says why not, bounds its peers, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway.errors import StartError
from gateway.ops import server
from gateway.ops.server import AdminServer

HOST = "127.0.0.1"
RECEIVE_SECONDS = 10


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def hello_from_a_worker(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def new_server(host: str = HOST, port: int = 0) -> AdminServer:
    return AdminServer(Starlette(routes=[Route("/", hello)]), host, port)


@pytest.fixture
def running() -> Iterator[AdminServer]:
    admin = new_server()
    admin.start()
    yield admin
    admin.stop()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def connect(admin: AdminServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", admin.port), timeout=RECEIVE_SECONDS)


def receives_nothing(peer: socket.socket) -> bool:
    """Whether the server ends the connection, in whatever way, without a word."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


def test_serves_as_soon_as_start_returns(running: AdminServer) -> None:
    assert httpx.get(f"http://127.0.0.1:{running.port}/").text == "hello"


def test_serves_on_ipv6() -> None:
    admin = new_server("::1")
    admin.start()
    try:
        assert httpx.get(f"http://[::1]:{admin.port}/").text == "hello"
    finally:
        admin.stop()


def test_answers_do_not_wait_for_acknowledgements(running: AdminServer) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}") as client:
        times = [client.get("/").elapsed.total_seconds() for _ in range(10)]
    assert min(times[1:]) < 0.03  # a delayed ACK takes 40 ms on Linux, each time


def test_port_zero_reports_the_bound_port(running: AdminServer) -> None:
    assert running.port != 0


def test_a_taken_port_is_a_start_error(running: AdminServer) -> None:
    with pytest.raises(StartError) as caught:
        new_server(port=running.port).start()
    assert str(caught.value) == f"admin HTTP cannot listen on 127.0.0.1:{running.port}: Address already in use"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("192.0.2.1", 0, id="not an address of this machine"),
        pytest.param("127.0.0.1", 70000, id="no such port"),
        pytest.param("not an address", 0, id="no address at all"),
    ],
)
def test_an_unusable_address_is_a_start_error_and_leaves_nothing(host: str, port: int) -> None:
    threads, files = threading.active_count(), open_files()
    with pytest.raises(StartError, match="^admin HTTP cannot listen on "):
        new_server(host, port).start()
    assert (threading.active_count(), open_files()) == (threads, files)


def test_start_requests_and_stop_leave_no_thread_and_no_file() -> None:
    def use() -> None:
        admin = AdminServer(Starlette(routes=[Route("/", hello), Route("/waiting", hello_from_a_worker)]), HOST, 0)
        admin.start()
        with httpx.Client(base_url=f"http://{HOST}:{admin.port}") as client:
            client.get("/")
            client.get("/waiting")
            admin.stop()

    use()
    threads, files = set(threading.enumerate()), open_files()
    for _ in range(3):
        use()
    for thread in set(threading.enumerate()) - threads:
        thread.join(RECEIVE_SECONDS)  # workers of the server's loop are told to end, and do so a moment after it
    # Not equal: what an earlier test told to end may end now.
    assert set(threading.enumerate()) <= threads
    assert open_files() <= files


def test_the_port_is_free_again_after_stop() -> None:
    first = new_server()
    first.start()
    first.stop()
    second = new_server(port=first.port)
    second.start()
    second.stop()


def test_stop_without_start_and_twice_is_nothing() -> None:
    admin = new_server()
    admin.stop()
    admin.start()
    admin.stop()
    admin.stop()


def test_signals_stay_with_the_main_thread() -> None:
    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    admin = new_server()
    admin.start()
    during = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    admin.stop()
    assert during == before


def test_a_connection_too_many_is_closed_and_the_rest_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 2)
    admin = new_server()
    admin.start()
    try:
        with connect(admin) as first, connect(admin), connect(admin) as third:
            assert receives_nothing(third)
            first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert first.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        admin.stop()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="silent"),
        pytest.param(b"GET / HTTP/1.1\r\nHost:", id="half a request"),
    ],
)
def test_a_peer_that_sends_no_request_is_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.05)
    admin = new_server()
    admin.start()
    try:
        with connect(admin) as peer:
            peer.sendall(sent)
            assert receives_nothing(peer)
    finally:
        admin.stop()


def test_a_peer_that_does_not_read_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.05)
    monkeypatch.setattr(server, "STOP_SECONDS", 0.05)
    reached, cut_off = threading.Event(), threading.Event()

    async def endless(request: Request) -> PlainTextResponse:
        reached.set()
        return PlainTextResponse("x" * 50_000_000)

    class Watched(server._BoundedProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            cut_off.set()

    monkeypatch.setattr(server, "_BoundedProtocol", Watched)
    admin = AdminServer(Starlette(routes=[Route("/", endless)]), "127.0.0.1", 0)
    admin.start()
    with connect(admin) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reached.wait(RECEIVE_SECONDS)
        assert cut_off.wait(RECEIVE_SECONDS)
    monkeypatch.undo()
    admin.stop()


def test_an_answer_in_progress_is_the_last_of_an_old_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTION_SECONDS", 0.05)
    expired = asyncio.Event()

    async def slow(request: Request) -> PlainTextResponse:
        await expired.wait()
        return PlainTextResponse("late")

    class Watched(server._BoundedProtocol):
        def _expire(self) -> None:
            super()._expire()
            expired.set()

    monkeypatch.setattr(server, "_BoundedProtocol", Watched)
    admin = AdminServer(Starlette(routes=[Route("/", slow)]), "127.0.0.1", 0)
    admin.start()
    try:
        with connect(admin) as peer, peer.makefile("rb") as answer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.read().endswith(b"\r\n\r\nlate")  # to its end: the connection is closed
    finally:
        admin.stop()


def test_a_handler_that_blocks_does_not_keep_stop_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 0.05)
    reached, go_on = threading.Event(), threading.Event()

    async def blocking(request: Request) -> PlainTextResponse:
        reached.set()
        go_on.wait(RECEIVE_SECONDS)
        return PlainTextResponse("at last")

    admin = AdminServer(Starlette(routes=[Route("/", blocking)]), "127.0.0.1", 0)
    admin.start()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "admin-http"]
    with connect(admin) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert reached.wait(RECEIVE_SECONDS)
        admin.stop()
        assert [record.getMessage() for record in caplog.records] == ["admin HTTP did not stop in time"]
        go_on.set()
        thread.join(RECEIVE_SECONDS)
    assert not thread.is_alive()


def test_a_machine_without_descriptors_is_a_start_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: object, sockets: list[socket.socket]) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(server._Server, "run", run)
    threads, files = threading.active_count(), open_files()
    with pytest.raises(StartError, match=r"^admin HTTP did not start on 127.0.0.1:\d+: .*Too many open files$"):
        new_server().start()
    assert (threading.active_count(), open_files()) == (threads, files)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x00\xff\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 70_000, id="endless header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", id="a length below nothing"),
    ],
)
def test_what_is_not_http_gets_400(running: AdminServer, sent: bytes) -> None:
    with connect(running) as peer:
        peer.sendall(sent)
        assert peer.recv(100).startswith(b"HTTP/1.1 400")
