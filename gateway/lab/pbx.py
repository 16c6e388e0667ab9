"""What the demo wants of a PBX, and the stand-in for one: a telephone that sends and reads headers itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.lab.driver import Call, Phone
from gateway.lab.scenes import Header, Scene

PBX_ADDRESS = "127.0.0.2"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the INVITE of a call brought to a PBX; `variables` are those that its dialplan made of it, if it has one."""

    headers: tuple[Header, ...]
    variables: dict[str, str] | None = None


class Pbx(Protocol):
    """A PBX with a telephone."""

    @property
    def name(self) -> str:
        """For the page."""

    @property
    def uri(self) -> str:
        """Where it takes calls of the gateway."""

    @property
    def phone(self) -> Phone:
        """What rings there, and what calls from there."""

    def meet_gateway(self) -> None:
        """The gateway is up now."""

    def place(self, scene: Scene) -> Call:
        """Make the call of a scene to Twilio."""

    def call_id(self, placed: Call) -> str:
        """The Call-ID with which a call that it placed came to the gateway, while it is up."""

    def look(self, arrived: Call) -> Arrival:
        """What a call brought, while it is up."""


OpenPbx = Callable[[Path, str], AbstractContextManager[Pbx]]
"""Starts one that writes into a folder and calls a gateway at HOST:PORT."""


@dataclass(frozen=True, slots=True)
class TelephonePbx:
    """The stand-in."""

    phone: Phone
    gateway: str
    name: str = "stand-in"

    @property
    def uri(self) -> str:
        """The telephone is all there is."""
        return self.phone.uri

    def meet_gateway(self) -> None:
        """It need not know."""

    def place(self, scene: Scene) -> Call:
        """With the headers that a dialplan would set."""
        return self.phone.call(f"sip:{scene.number}@{self.gateway}", scene.headers, scene.caller)

    def call_id(self, placed: Call) -> str:
        """That of the telephone's own call."""
        return placed.call_id

    def look(self, arrived: Call) -> Arrival:
        """The INVITE as it came."""
        return Arrival(tuple(arrived.headers))


@contextmanager
def open_telephone(folder: Path, gateway: str) -> Iterator[Pbx]:
    """A stand-in for as long as the block lasts.

    Raises:
        LabError: it does not start.
    """
    with Phone.start("pbx", PBX_ADDRESS, folder) as phone:
        yield TelephonePbx(phone, gateway)
