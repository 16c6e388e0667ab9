"""The whole chain on loopback: a telephone as the PBX, a real gateway, the Twilio stand-in, and an application."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from twilio.rest import Client

from gateway.lab.daemon import GatewayProcess, free_port
from gateway.lab.driver import Phone
from gateway.lab.twilio.customer import Application
from gateway.lab.twilio.driver import LabHttpClient, TwilioProcess
from gateway.lab.twilio.settings import ACCOUNT_SID, AUTH_TOKEN
from tests.process.places import own_host

GATEWAY, PBX, TWILIO, APPLICATION = (own_host() for _ in range(4))
"""Of these tests alone: a port of 127.0.0.1 that is free may be that of a connection before the gateway has it."""
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
        application = Application(APPLICATION)
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
