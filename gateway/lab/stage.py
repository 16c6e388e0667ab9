"""Sets up a PBX, Twilio and a gateway between them on loopback and plays scenes there; what it saw others judge."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.lab.daemon import Ending, GatewayProcess, free_port
from gateway.lab.driver import Call, LabError, Phone
from gateway.lab.scenes import Played, Scene
from gateway.lab.tone import Tone

GATEWAY_ADDRESS, PBX_ADDRESS, TWILIO_ADDRESS = "127.0.0.1", "127.0.0.2", "127.0.0.3"
LISTEN_SECONDS = 1.0
RING_SECONDS = 3.0
"""How long an INVITE may take through the gateway; it takes milliseconds."""

CONFIG = """\
sip: {{listen: ["udp://{sip}"]}}
admin: {{listen: "{admin}"}}
limits: {{calls: 10, drain_seconds: 2}}
trunks:
  pbx: {{side: pbx, uris: ["{pbx}"], allow: ["{pbx_address}"], variables: asterisk}}
  twilio: {{side: twilio, profile: sip-domain, uris: ["{twilio}"], allow: ["{twilio_address}"]}}
{contract}"""


class Stage:
    """The three processes; use it in a `with`.

    Raises:
        LabError: one of them does not start.
    """

    def __init__(self, folder: Path, contract: str) -> None:
        self._closing = ExitStack()
        with ExitStack() as starting:
            self.pbx = starting.enter_context(Phone.start("pbx", PBX_ADDRESS, folder))
            self.twilio = starting.enter_context(Phone.start("twilio", TWILIO_ADDRESS, folder))
            self.sip = f"{GATEWAY_ADDRESS}:{free_port(GATEWAY_ADDRESS, socket.SOCK_DGRAM)}"
            self._gateway = self._start_gateway(folder, contract)
            starting.callback(self._gateway.kill)
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
        from_phone, to_phone = (self.pbx, self.twilio) if scene.direction == "to_twilio" else (self.twilio, self.pbx)
        placed = from_phone.call(f"sip:{scene.number}@{self.sip}", scene.headers, scene.caller)
        try:
            arrived = to_phone.expect_call(RING_SECONDS)
        except LabError as error:
            raise LabError(f"{error}\n  {scene.caller_name} was told: {_answers(from_phone)}") from None
        arrived.answer(180)
        placed.expect("progress")
        caller_heard, callee_heard = _talk(scene, placed, arrived)
        placed.hangup()
        for call in (placed, arrived):
            call.expect("ended")
        record = self._gateway.ended_call(placed.call_id)
        return Played(scene, tuple(arrived.headers), caller_heard, callee_heard, record)

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


def _answers(phone: Phone) -> str:
    """The responses that a telephone got and nobody looked at."""
    return (
        ", ".join(f"{event['code']} {event.get('reason', '')}" for event in phone.seen() if "code" in event)
        or "nothing"
    )
