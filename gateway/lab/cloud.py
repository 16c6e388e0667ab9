"""Twilio as the demo needs it: the stand-in, an application that its webhooks ask, an agent with a telephone."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from twilio.twiml.voice_response import VoiceResponse

from gateway.lab.daemon import free_port
from gateway.lab.driver import Call, Phone
from gateway.lab.scenes import ACCOUNT_SID, Header, Posted, Scene
from gateway.lab.twilio.customer import Application
from gateway.lab.twilio.driver import Sheet, TwilioProcess

TWILIO_ADDRESS, AGENT_ADDRESS, APPLICATION_ADDRESS = "127.0.0.3", "127.0.0.5", "127.0.0.6"
DOMAIN = "demo.sip.twilio.com"
VOICE = "/voice"
GATEWAY_LEG = {"to_twilio": "inbound", "to_pbx": "outbound-dial"}
"""Which of Twilio's two calls is the one with the gateway; the other is the agent's."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """It. The application's answer about each call is TwiML that dials the other side.

    `uri` is where it takes calls of the gateway.
    """

    phone: Phone
    stand_in: TwilioProcess
    application: Application
    uri: str

    def wait(self) -> None:
        """Until it is up; it starts beside the gateway, as both take a while.

        Raises:
            LabError: it does not start.
        """
        self.stand_in.wait()

    def connect_agent(self) -> None:
        """The next call that arrives goes to the agent."""
        response = VoiceResponse()
        response.dial(answer_on_bridge=True).sip(self.phone.uri)
        self.application.answer(VOICE, response)

    def place(self, scene: Scene, gateway: str) -> Call:
        """The agent calls the PBX: the application has the gateway dialled, with the context in the URI of `<Sip>`."""
        user = scene.caller.partition(":")[2].partition("@")[0]
        response = VoiceResponse()
        response.dial(answer_on_bridge=True, caller_id=user).sip(f"sip:{scene.number}@{gateway}?{scene.uri_headers}")
        self.application.answer(VOICE, response)
        return self.phone.call(self.uri.replace("sip:", f"sip:{scene.number}@"))

    def leg(self, scene: Scene) -> Sheet:
        """What the stand-in has of its call with the gateway, while that is the newest."""
        return self.stand_in.wait_for_call(
            lambda call: call["direction"] == GATEWAY_LEG[scene.direction] and call["sip_call_id"]
        )

    def posted(self) -> Posted:
        """The webhook of the call.

        Raises:
            LabError: there was none; one that is not signed is none.
        """
        params = self.application.expect(VOICE)
        return Posted(self.application.url + VOICE, tuple(params.items()), self.application.answered(VOICE))


def headers_of(leg: Sheet) -> tuple[Header, ...]:
    """Those of the INVITE of a call of the stand-in, as they arrived."""
    return tuple((str(name), str(value)) for name, value in leg["invite"])


@contextmanager
def open_cloud(folder: Path, gateway_address: str) -> Iterator[Cloud]:
    """All of it, for as long as the block lasts; `Cloud.wait` before the first call.

    Raises:
        LabError: some of it does not start.
    """
    sip = f"{TWILIO_ADDRESS}:{free_port(TWILIO_ADDRESS, socket.SOCK_DGRAM)}"
    with ExitStack() as running:
        application = running.enter_context(Application(APPLICATION_ADDRESS))
        config = _write_config(folder, sip, application, gateway_address)
        stand_in = TwilioProcess(config, folder / "twilio.log")
        running.callback(stand_in.stop)
        agent = running.enter_context(Phone.start("agent", AGENT_ADDRESS, folder))
        yield Cloud(agent, stand_in, application, f"sip:{sip}")


def _write_config(folder: Path, sip: str, application: Application, gateway_address: str) -> Path:
    config = {
        "sip": sip,
        "http": f"{TWILIO_ADDRESS}:{free_port(TWILIO_ADDRESS, socket.SOCK_STREAM)}",
        "account": {"sid": ACCOUNT_SID},
        "domains": {DOMAIN: {"voice_url": application.url + VOICE, "allow": [gateway_address, AGENT_ADDRESS]}},
    }
    path = folder / "twilio.yaml"
    path.write_text(json.dumps(config))  # which is YAML too
    return path
