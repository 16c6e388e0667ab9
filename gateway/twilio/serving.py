"""Serves the webhook until SIGTERM or SIGINT; knows sockets, nothing of what is served. TLS is a proxy's before it."""

from __future__ import annotations

import logging
import signal

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import StartError

MAX_CONNECTIONS = 256
STOP_SECONDS = 5


def serve(app: ASGIApp, host: str, port: int) -> None:
    """Returns when a signal ended it.

    Raises:
        StartError: the address cannot be listened on.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    for name in (signal.SIGTERM, signal.SIGINT):
        # Uvicorn sends itself the signal that ended it once more, so that the process dies of it: this is our end.
        signal.signal(name, lambda *_: setattr(server, "should_exit", True))
    try:
        server.run()
    except SystemExit:
        raise StartError(f"the webhook cannot listen on {host}:{port}") from None
