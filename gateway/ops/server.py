"""Serves the admin application on its own thread; knows sockets and threads, nothing of what is served.

The caller binds first and learns at once when it cannot: a port that is taken is a `StartError`, not a log line of a
thread. Signals stay with the main thread. Connections are few and short, so a peer that opens many of them or sends its
request a byte a minute cannot use up the file descriptors that calls need.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.errors import StartError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MAX_CONNECTIONS = 64
CONNECTION_SECONDS = 60.0
"""How long a connection may live; whoever still needs one opens the next."""
STOP_SECONDS = 5.0
TICK_SECONDS = 1.0
"""How long the Date of an answer is true."""

log = logging.getLogger(__name__)


class AdminServer:
    """An HTTP server in a daemon thread. Start it once, stop it once."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        """Nothing listens yet. `host` is an address (a `:` in it means IPv6), port 0 lets the system choose."""
        self._host = host
        self._port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=_BoundedProtocol,
                ws="none",
                interface="asgi3",
                lifespan="off",
                log_config=None,
                log_level=logging.WARNING,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread: threading.Thread | None = None
        self._failure: OSError | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._port

    def start(self) -> None:
        """Listen and serve; returns when requests are answered.

        Raises:
            StartError: the address cannot be listened on.
        """
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(listener,), name="admin-http", daemon=True)
        self._thread.start()
        self._server.settled.wait()
        if not self._server.started:
            raise StartError(f"admin HTTP did not start on {self._host}:{self._port}: {self._failure}")

    def stop(self) -> None:
        """Stop listening, let running requests end for a second, join the thread."""
        if self._thread is None:
            return
        self._server.end()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("admin HTTP did not stop in time", extra={"seconds": STOP_SECONDS})
        self._thread = None

    def _run(self, listener: socket.socket) -> None:
        try:
            with listener:
                self._server.run(sockets=[listener])
        except OSError as error:  # an event loop needs file descriptors, too
            self._failure = error
        finally:
            self._server.settled.set()


class _Server(uvicorn.Server):
    """Says when it has started and is told when to end, instead of being polled and polling: its thread can sleep."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.settled.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_SECONDS)

    def end(self) -> None:
        """Have it end; on any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is over already
                self._loop.call_soon_threadsafe(self._ending.set)


class _BoundedProtocol(H11Protocol):
    """One HTTP connection: one of few, and not for ever."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._deadline = self.loop.call_later(CONNECTION_SECONDS, self._expire)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _expire(self) -> None:
        """Let an answer in progress be the last, close otherwise; whoever does not read it is cut off."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.transport.close()
        self._deadline = self.loop.call_later(STOP_SECONDS, self.transport.abort)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY by it: without, every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Or a restart within a minute would find the port taken by connections that are long closed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(MAX_CONNECTIONS)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise StartError(f"admin HTTP cannot listen on {host}:{port}: {reason}") from error
    return listener
