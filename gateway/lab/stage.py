"""Sets up a PBX, Twilio and a gateway between them on loopback and plays scenes there; what it saw others judge."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.lab.cloud import TWILIO_ADDRESS, headers_of, open_cloud
from gateway.lab.daemon import Ending, GatewayProcess, free_port
from gateway.lab.driver import Call, LabError, Phone
from gateway.lab.pbx import PBX_ADDRESS, Arrival, OpenPbx, open_telephone
from gateway.lab.scenes import Played, Scene
from gateway.lab.tone import Tone
from gateway.lab.twilio.driver import Sheet

GATEWAY_ADDRESS = "127.0.0.1"
LISTEN_SECONDS = 1.0
RING_SECONDS = 20.0
"""How long an INVITE may take through the gateway; it takes milliseconds on a quiet machine."""
LOOK_AGAIN_SECONDS = 0.05

CONFIG = """\
sip: {{listen: ["udp://{sip}"]}}
admin: {{listen: "{admin}"}}
limits: {{calls: 10, drain_seconds: 2}}
trunks:
  pbx: {{side: pbx, uris: ["{pbx}"], allow: ["{pbx_address}"], variables: asterisk}}
  twilio: {{side: twilio, profile: sip-domain, uris: ["{twilio}"], allow: ["{twilio_address}"]}}
{contract}"""


class Stage:
    """The PBX, Twilio and the gateway; use it in a `with`.

    Raises:
        LabError: one of them does not start.
    """

    def __init__(self, folder: Path, contract: str, open_pbx: OpenPbx = open_telephone) -> None:
        self._closing = ExitStack()
        self.sip = f"{GATEWAY_ADDRESS}:{free_port(GATEWAY_ADDRESS, socket.SOCK_DGRAM)}"
        with ExitStack() as starting:
            self.twilio = starting.enter_context(open_cloud(folder, GATEWAY_ADDRESS))
            self.pbx = starting.enter_context(open_pbx(folder, self.sip))
            self._gateway = self._start_gateway(folder, contract)
            starting.callback(self._gateway.kill)
            self.pbx.meet_gateway()
            self.twilio.wait()
            self._closing = starting.pop_all()

    def _start_gateway(self, folder: Path, contract: str) -> GatewayProcess:
        admin = f"{GATEWAY_ADDRESS}:{free_port(GATEWAY_ADDRESS, socket.SOCK_STREAM)}"
        config = folder / "gateway.yaml"
        places = {"pbx": self.pbx.uri, "pbx_address": PBX_ADDRESS}
        places |= {"twilio": self.twilio.uri, "twilio_address": TWILIO_ADDRESS}
        config.write_text(CONFIG.format(sip=self.sip, admin=admin, contract=contract, **places))
        return GatewayProcess(config, admin, folder / "gateway.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def play(self, scene: Scene) -> Played:
        """Make the call of a scene, with tones both ways, and hang up on the caller's side.

        Raises:
            LabError: the call does not go as calls go.
        """
        placed, called = self._place(scene)
        if not _rings(placed, called):
            told = _answers(placed.phone)
            raise LabError(f"it does not ring at {scene.callee_name}\n  {scene.caller_name} was told: {told}")
        arrived = called.expect_call()
        arrived.answer(180)
        placed.expect("progress")
        caller_heard, callee_heard = _talk(scene, placed, arrived)
        leg = self.twilio.leg(scene)
        call_id, arrival = self._look(scene, placed, arrived, leg)
        placed.hangup()
        for call in (placed, arrived):
            call.expect("ended")
        record = self._gateway.ended_call(call_id)
        known = scene.with_call_sid(str(leg["sid"]))
        heard = (caller_heard, callee_heard)
        return Played(known, arrival.headers, *heard, record, arrival.variables, self.twilio.posted())

    def _place(self, scene: Scene) -> tuple[Call, Phone]:
        """The call of a scene, and whose telephone is to ring."""
        if scene.direction == "to_twilio":
            self.twilio.connect_agent()
            return self.pbx.place(scene), self.twilio.phone
        return self.twilio.place(scene, self.sip), self.pbx.phone

    def _look(self, scene: Scene, placed: Call, arrived: Call, leg: Sheet) -> tuple[str, Arrival]:
        """The Call-ID that the gateway was called with, and what the called side was given."""
        if scene.direction == "to_twilio":
            return self.pbx.call_id(placed), Arrival(headers_of(leg))
        return str(leg["sip_call_id"]), self.pbx.look(arrived)

    def stop(self) -> tuple[int, Ending]:
        """End the gateway; the calls that it still had, and how it ended.

        Raises:
            LabError: it does not end.
        """
        return self._gateway.active_calls(), self._gateway.stop()


def _talk(scene: Scene, placed: Call, arrived: Call) -> tuple[Tone | None, Tone | None]:
    """Answer, play and listen; what the caller and the called side heard."""
    placed.play(scene.caller_hz)
    arrived.play(scene.callee_hz)
    arrived.answer()
    for call in (placed, arrived):
        call.expect("confirmed")
        call.expect("audio")
    for call in (placed, arrived):
        call.listen(LISTEN_SECONDS)
    return placed.tone(), arrived.tone()


def _rings(placed: Call, called: Phone) -> bool:
    """Whether a call arrives before it is over for the caller."""
    deadline = time.monotonic() + RING_SECONDS
    while not any(event["event"] == "invite" for event in called.seen()):
        over = any(event["event"] == "ended" and event["call"] == placed.number for event in placed.phone.seen())
        if over or time.monotonic() > deadline:
            return False
        time.sleep(LOOK_AGAIN_SECONDS)
    return True


def _answers(phone: Phone) -> str:
    """The responses that a telephone got and nobody looked at."""
    return (
        ", ".join(f"{event['code']} {event.get('reason', '')}" for event in phone.seen() if "code" in event)
        or "nothing"
    )
