"""`gateway lab twilio`: the stand-in as a process. SIP on one thread, everything else on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from gateway.errors import StartError
from gateway.lab.twilio.applications import Applications
from gateway.lab.twilio.console import Console
from gateway.lab.twilio.exchange import Exchange
from gateway.lab.twilio.rest import Rest
from gateway.lab.twilio.settings import TwilioLab, load_lab
from gateway.lab.twilio.sip_side import SipSide
from gateway.lab.twilio.voice import Voice


def main(path: str) -> int:
    """Run until SIGTERM or SIGINT; prints one JSON line when it is ready.

    Raises:
        ConfigError: the file has problems.
        StartError: an address cannot be had.
    """
    settings = load_lab(path)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(_serve(settings, Path(path).parent))
    return 0


async def _serve(settings: TwilioLab, folder: Path) -> None:
    exchange = Exchange(settings)
    voice = Voice(exchange)
    listener = _listen(settings)
    try:
        exchange.sip = SipSide(settings.sip.host, settings.sip.port, voice.take)
    except OSError as error:
        listener.close()
        raise StartError(str(error)) from None
    applications = Applications(settings, folder)
    routes = [*Rest(exchange, voice).routes(), *applications.routes(), *Console(exchange).routes()]
    try:
        await _serve_http(Starlette(routes=routes), listener, exchange)
    finally:
        exchange.sip.close()
        await exchange.close()


async def _serve_http(app: Starlette, listener: socket.socket, exchange: Exchange) -> None:
    config = uvicorn.Config(
        app, lifespan="off", log_config=None, access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    assert exchange.sip is not None
    ready = {
        "event": "ready",
        "sip": f"{exchange.sip.address}:{exchange.sip.port}",
        "http": "http://{}:{}".format(*listener.getsockname()),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    await serving


class _Server(uvicorn.Server):
    """Leaves signals to us."""

    def end(self) -> None:
        """Stop serving."""
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """None are captured."""
        yield


def _listen(settings: TwilioLab) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.http.host, settings.http.port))
        listener.listen()  # before we say that we are ready; whoever comes then waits for the server
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {settings.http}: {error.strerror}") from None
    return listener
