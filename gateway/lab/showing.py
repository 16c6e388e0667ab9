"""Shows a page to whoever is at the terminal: on loopback, until Ctrl-C, and to nobody when nobody is there."""

from __future__ import annotations

import http.server
import os
import sys
from collections.abc import Callable
from http import HTTPStatus

ADDRESS = "127.0.0.1"


def is_watched() -> bool:
    """Whether a person is at this terminal; a pipeline that gives its jobs a terminal says `CI`."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")


def serve_page(page: str, tell: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C; `tell` is given its URL as soon as it can be opened."""
    with _Server(page) as server:
        tell(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, page: str) -> None:
        super().__init__((ADDRESS, 0), _Handler)
        self.octets = page.encode()
        self.url = f"http://{ADDRESS}:{self.server_port}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.path != "/":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.server.octets)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(self.server.octets)

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""
