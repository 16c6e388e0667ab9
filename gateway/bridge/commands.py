"""What the machine wants done. The engine carries commands out, in order, through the ports."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gateway.bridge.events import Timer
from gateway.bridge.outcome import Outcome
from gateway.core.mapping import Mapped
from gateway.core.terms import On

HeaderList = tuple[tuple[str, str], ...]


class Role(enum.StrEnum):
    """The two legs of a call, seen from the gateway."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Place:
    """Call the other side. Takes the place of an outbound leg that failed or never answered."""

    trunk: str
    request_uri: str
    caller: str
    """User part for From, already escaped for a URI (RFC 3261, section 19.1.2); empty when the caller is unknown."""
    headers: HeaderList
    max_forwards: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Send a provisional response to the inbound leg, with our SDP when media flows early."""

    code: int
    headers: HeaderList
    early_media: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200 to the inbound leg and join the media of both."""

    headers: HeaderList


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send a final failure to the inbound leg."""

    code: int
    headers: HeaderList


@dataclass(frozen=True, slots=True)
class Hangup:
    """End a leg: CANCEL, BYE or nothing, as its state demands. The leg's end is reported like any other."""

    role: Role
    headers: HeaderList = ()


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Arm a timer; it fires as `TimerFired` unless stopped."""

    timer: Timer
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Disarm a timer, armed or not."""

    timer: Timer


@dataclass(frozen=True, slots=True)
class NoteContext:
    """Count what a message's mapping did."""

    on: On
    mapped: Mapped


@dataclass(frozen=True, slots=True)
class Finish:
    """The call is over: one record, one log line, one count."""

    outcome: Outcome


Command = Place | Progress | Answer | Refuse | Hangup | StartTimer | StopTimer | NoteContext | Finish
