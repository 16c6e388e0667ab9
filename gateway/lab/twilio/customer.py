"""A customer's application for tests and the demo: believes what is signed, keeps what it is asked, answers TwiML."""

from __future__ import annotations

import http.server
import queue
import threading
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from twilio.request_validator import RequestValidator

from gateway.lab.driver import LabError
from gateway.lab.twilio.parameters import Params
from gateway.lab.twilio.settings import AUTH_TOKEN

WAIT_SECONDS = 20


class Application(http.server.ThreadingHTTPServer):
    """An HTTP server at a loopback address, on threads of its own; use it in a `with`, or `close` it."""

    daemon_threads = True

    def __init__(self, address: str, token: str = AUTH_TOKEN) -> None:
        super().__init__((address, 0), _Handler)
        self.url = f"http://{address}:{self.server_port}"
        self.validator = RequestValidator(token)
        self._answers: dict[str, str] = {}
        self._asked: dict[str, queue.SimpleQueue[Params]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.close()

    def answer(self, path: str, twiml: object) -> str:
        """Answer requests to `path` with this from now on; gives the URL."""
        self._answers[path] = str(twiml)
        self._asked[path] = queue.SimpleQueue()
        return self.url + path

    def answered(self, path: str) -> str:
        """What requests to `path` are answered."""
        return self._answers[path]

    def forget(self, path: str) -> None:
        """Answer 404 from now on."""
        del self._answers[path]

    def expect(self, path: str) -> Params:
        """The parameters of the next request to `path`, its query included.

        Raises:
            LabError: there is none in time.
        """
        try:
            return self._asked[path].get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise LabError(f"the application was not asked at {path}") from None

    def take(self, path: str, params: Params) -> str | None:
        """What a request is answered; None for a path that nobody set up."""
        plain = path.partition("?")[0]
        if plain not in self._answers:
            return None
        self._asked[plain].put(params)
        return self._answers[plain]

    def close(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Application

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        posted = dict(parse_qsl(form, keep_blank_values=True))
        url = self.server.url + self.path
        if not self.server.validator.validate(url, posted, self.headers["X-Twilio-Signature"]):
            self._send(HTTPStatus.FORBIDDEN, "")
            return
        query = dict(parse_qsl(self.path.partition("?")[2]))
        answer = self.server.take(self.path, {**query, **posted})
        self._send(HTTPStatus.NOT_FOUND if answer is None else HTTPStatus.OK, answer or "")

    def _send(self, status: HTTPStatus, body: str) -> None:
        octets = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""
