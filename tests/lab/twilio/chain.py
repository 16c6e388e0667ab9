"""The whole chain on loopback: a telephone as the PBX, a real gateway, the Twilio stand-in, and an application."""

from __future__ import annotations

import http.server
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from gateway.lab.daemon import GatewayProcess, free_port
from gateway.lab.driver import Phone
from gateway.lab.twilio.driver import LabHttpClient, TwilioProcess
from gateway.lab.twilio.settings import ACCOUNT_SID, AUTH_TOKEN

GATEWAY, PBX, TWILIO, APPLICATION = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
WAIT_SECONDS = 20
DOMAIN = "acme.sip.twilio.com"
FIELDS = {
    "customer_id": {"pbx": "var:CUSTOMER_ID", "twilio": "header:X-CustomerID"},
    "account": {"pbx": "header:User-to-User", "twilio": "header:User-to-User"},
    "note": {"pbx": "var:NOTE", "twilio": "header:X-Note"},
    "call_sid": {"pbx": "var:TWILIO_CALL_SID", "twilio": "header:X-Twilio-CallSid", "direction": "to_pbx"},
    "ticket": {"pbx": "var:TICKET", "twilio": "header:X-Ticket", "on": ["refer"]},
    "agent": {
        "pbx": "header:X-Agent",
        "twilio": "header:X-Agent",
        "direction": "to_pbx",
        "on": ["answer"],
    },
    "disposition": {
        "pbx": "header:X-Disposition",
        "twilio": "header:X-Disposition",
        "direction": "to_pbx",
        "on": ["end"],
    },
}

Params = dict[str, str]


class Application(http.server.ThreadingHTTPServer):
    """A customer's application: checks signatures, keeps what it is asked, answers the TwiML of each path."""

    daemon_threads = True

    def __init__(self, token: str = AUTH_TOKEN) -> None:
        super().__init__((APPLICATION, 0), _Handler)
        self.url = f"http://{APPLICATION}:{self.server_port}"
        self.validator = RequestValidator(token)
        self._answers: dict[str, str] = {}
        self._asked: dict[str, queue.SimpleQueue[Params]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, path: str, twiml: object) -> str:
        """Answer requests to `path` with this from now on; gives the URL."""
        self._answers[path] = str(twiml)
        self._asked[path] = queue.SimpleQueue()
        return self.url + path

    def forget(self, path: str) -> None:
        """Answer 404 from now on."""
        del self._answers[path]

    def expect(self, path: str) -> Params:
        """The parameters of the next request to `path`, its query included."""
        return self._asked[path].get(timeout=WAIT_SECONDS)

    def take(self, path: str, params: Params) -> str | None:
        """What a request is answered; None for a path that nobody set up."""
        plain = path.partition("?")[0]
        if plain not in self._answers:
            return None
        self._asked[plain].put(params)
        return self._answers[plain]

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Application

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        posted = dict(parse_qsl(form, keep_blank_values=True))
        url = self.server.url + self.path
        if not self.server.validator.validate(url, posted, self.headers["X-Twilio-Signature"]):
            self._send(403, "")
            return
        query = dict(parse_qsl(self.path.partition("?")[2]))
        answer = self.server.take(self.path, {**query, **posted})
        self._send(404 if answer is None else 200, answer or "")

    def _send(self, status: int, body: str) -> None:
        octets = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""


@dataclass(frozen=True)
class Chain:
    """Everything that runs. `rest` is the twilio library's own client."""

    pbx: Phone
    gateway: str
    process: GatewayProcess
    twilio: TwilioProcess
    application: Application
    rest: Client
    folder: Path

    def pbx_uri(self, user: str = "100") -> str:
        """What Twilio dials to reach the PBX: the gateway."""
        return f"sip:{user}@{self.gateway}"


@contextmanager
def run_chain(folder: Path, pbx: Phone | None = None, **more: Any) -> Iterator[Chain]:
    """Start all of it; `more` goes into the configuration of the stand-in."""
    with ExitStack() as running:
        pbx = pbx or running.enter_context(Phone.start("pbx", PBX, folder))
        application = Application()
        running.callback(application.close)
        application.answer("/voice", "<Response/>")
        twilio = running.enter_context(TwilioProcess(write_lab(folder, application, **more), folder / "twilio.log"))
        gateway = f"{GATEWAY}:{free_port(GATEWAY, socket.SOCK_DGRAM)}"
        process = start_gateway(folder, gateway, pbx.uri, twilio)
        running.callback(process.kill)
        rest = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=LabHttpClient(twilio.url))
        yield Chain(pbx, gateway, process, twilio, application, rest, folder)
        assert process.active_calls() == 0
        assert process.stop().clean


def write_lab(folder: Path, application: Application, **more: Any) -> Path:
    """The stand-in's configuration."""
    config = {
        "sip": f"{TWILIO}:{free_port(TWILIO, socket.SOCK_DGRAM)}",
        "http": f"{TWILIO}:{free_port(TWILIO, socket.SOCK_STREAM)}",
        "domains": {
            DOMAIN: {
                "voice_url": f"{application.url}/voice",
                "allow": [GATEWAY],
                "credentials": {"gateway": "Correct-Horse-1"},
            }
        },
        "application": {"voice_url": f"{application.url}/voice"},
    }
    path = folder / "lab.yaml"
    path.write_text(yaml.safe_dump({**config, **more}))
    return path


def start_gateway(folder: Path, sip: str, pbx: str, twilio: TwilioProcess) -> GatewayProcess:
    admin = f"{GATEWAY}:{free_port(GATEWAY, socket.SOCK_STREAM)}"
    auth = {"username": "gateway", "password": "Correct-Horse-1"}
    config = {
        "sip": {"listen": [f"udp://{sip}"]},
        "admin": {"listen": admin},
        "limits": {"calls": 10, "drain_seconds": 2},
        "trunks": {
            "pbx": {"side": "pbx", "uris": [pbx], "allow": [PBX], "variables": "asterisk", "transfer": "relay"},
            "twilio": {"side": "twilio", "uris": [f"sip:{twilio.sip}"], "allow": [TWILIO], "auth": auth},
        },
        "context": {"fields": FIELDS},
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(config))
    return GatewayProcess(path, admin, folder / "gateway.log")
