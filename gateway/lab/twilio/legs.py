"""Who can be in a call: a SIP endpoint, a Voice SDK client, a telephone of the public network. Used on the event loop.

A leg that is no SIP has no audio of its own: whoever talks with it over SIP hears a tone, so that it can be told that
somebody is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.lab.twilio.messages import Headers

VOICE_HZ = 660
"""What a client or a telephone sounds like."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a leg ended: the SIP code of a failure (200 after an answer), and the headers of the peer's last word."""

    code: int
    headers: Headers = ()
    by_peer: bool = True


@dataclass(frozen=True, slots=True)
class Referred:
    """How a REFER ended: the response to it, and what the last NOTIFY said of the call to its target."""

    answer: int
    status: int | None = None

    @property
    def went_well(self) -> bool:
        """Whether the target took the call."""
        return self.status is not None and self.status < 300


class Leg(Protocol):
    """One side of a call."""

    answered: asyncio.Future[Headers]
    """The headers of the 200; cancelled never, pending for ever when nobody answers."""
    ended: asyncio.Future[Ended]
    call_id: str
    """Its SIP Call-ID; empty without SIP."""

    def ring(self) -> None:
        """Tell a caller that it rings."""

    def answer(self) -> None:
        """Take a call that this leg placed to us."""

    def hang_up(self, code: int = 0, headers: Headers = ()) -> None:
        """End it: `code` refuses a call that was not answered. Harmless to repeat."""

    def link(self, other: Leg) -> None:
        """Let both hear each other."""

    def unlink(self, other: Leg) -> None:
        """End what `link` began."""

    def play(self, hz: int) -> None:
        """A tone for whoever is there, 0 for silence."""

    def press(self, digits: str) -> None:
        """DTMF for whoever is there."""

    def refer(self, uri: str) -> asyncio.Future[Referred]:
        """Send whoever is there to another URI; how that ended."""

    def tap(self, take: Callable[[bytes], None] | None) -> None:
        """Give the audio of whoever is there to `take`, 20 ms of 16-bit samples at a time; None ends it."""


class QuietLeg:
    """A leg without SIP; what it has to be told is given to `tell`."""

    def __init__(self, tell: Callable[[str], None] = lambda event: None) -> None:
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[Headers] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()
        self.call_id = ""
        self._tell = tell

    def ring(self) -> None:
        """Nothing is sent: a client and a telephone hear it by themselves."""

    def answer(self) -> None:
        """The call that it placed is taken."""
        self._tell("connected")
        self.was_answered()

    def was_answered(self) -> None:
        """It took the call that was placed to it."""
        if not self.answered.done() and not self.ended.done():
            self.answered.set_result(())

    def was_ended(self, code: int) -> None:
        """It hung up or refused."""
        self._end(Ended(code))

    def hang_up(self, code: int = 0, headers: Headers = ()) -> None:
        """End it from our side."""
        self._end(Ended(code or (200 if self.answered.done() else 487), by_peer=False))

    def _end(self, how: Ended) -> None:
        if not self.ended.done():
            self._tell("ended")
            self.ended.set_result(how)

    def link(self, other: Leg) -> None:
        """Whoever talks with it hears its voice."""
        other.play(VOICE_HZ)

    def unlink(self, other: Leg) -> None:
        """Its voice ends."""
        other.play(0)

    def play(self, hz: int) -> None:
        """Nobody listens."""

    def press(self, digits: str) -> None:
        """Nobody listens."""

    def refer(self, uri: str) -> asyncio.Future[Referred]:
        """REFER is SIP."""
        refused: asyncio.Future[Referred] = asyncio.get_running_loop().create_future()
        refused.set_result(Referred(405))
        return refused

    def tap(self, take: Callable[[bytes], None] | None) -> None:
        """It has no audio."""
