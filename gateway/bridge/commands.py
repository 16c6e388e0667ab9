"""What the machine wants done. The engine carries commands out, in order, through the ports."""

from __future__ import annotations

from gateway.bridge.events import Timer
from gateway.bridge.outcome import Outcome
from gateway.bridge.terms import Role as Role
from gateway.bridge.terms import TransferResult
from gateway.core.frozen import frozen
from gateway.core.identity import Introduction
from gateway.core.mapping import Mapped
from gateway.core.plan import TransferMode
from gateway.core.terms import On
from gateway.core.variables import Variable

HeaderList = tuple[tuple[str, str], ...]


@frozen
class Place:
    """Call somebody. Takes the place of a leg of this role that failed or never answered."""

    trunk: str
    request_uri: str
    caller: Introduction
    headers: HeaderList
    max_forwards: int
    role: Role = Role.OUTBOUND

    def to(self, request_uri: str) -> Place:
        """The same call to another URI."""
        return Place(self.trunk, request_uri, self.caller, self.headers, self.max_forwards, self.role)


@frozen
class Progress:
    """Send a provisional response to the inbound leg, with our SDP when media flows early."""

    code: int
    headers: HeaderList
    early_media: bool


@frozen
class Answer:
    """Send 200 to the inbound leg and join the media of both."""

    headers: HeaderList


@frozen
class Refuse:
    """Send a final failure to the inbound leg."""

    code: int
    headers: HeaderList


@frozen
class Hangup:
    """End a leg: CANCEL, BYE or nothing, as its state demands. The leg's end is reported like any other."""

    role: Role
    headers: HeaderList = ()


@frozen
class Offer:
    """Offer audio anew to a leg that is up: to hold it, or to end that."""

    role: Role
    hold: bool


@frozen
class StartTimer:
    """Arm a timer; it fires as `TimerFired` unless stopped."""

    timer: Timer
    seconds: float


@frozen
class StopTimer:
    """Disarm a timer, armed or not."""

    timer: Timer


@frozen
class NoteContext:
    """Count what a message's mapping did."""

    on: On
    mapped: Mapped


@frozen
class AnswerRefer:
    """Send the final response to a REFER that a leg sent."""

    by: Role
    code: int
    headers: HeaderList = ()


@frozen
class SendRefer:
    """Ask the leg of this role to call `refer_to`, a value as it goes out."""

    role: Role
    refer_to: str


@frozen
class NotifyRefer:
    """Tell the leg that sent a REFER how it goes (RFC 3515, section 2.4.5)."""

    by: Role
    code: int
    is_final: bool


@frozen
class TakeLeg:
    """Take the leg of this role from another call, as the target."""

    call_id: str
    role: Role


@frozen
class AnswerReplacement:
    """Send 200 to the INVITE that wants the place of a leg, and take it as the target."""


@frozen
class RefuseReplacement:
    """Send a final failure to that INVITE; it never becomes a leg of the call."""

    code: int
    headers: HeaderList


@frozen
class Preview:
    """Let the leg of this role and the target hear each other as soon as the target plays something."""

    role: Role


@frozen
class Promote:
    """Let the target change places with the leg of this role, and hear the other one."""

    role: Role


@frozen
class NoteTransfer:
    """Count what came of a transfer."""

    mode: TransferMode
    result: TransferResult


@frozen
class NoteMiss:
    """Have it known that a call found nobody at a URI of a trunk: no response at all, or no connection."""

    trunk: str
    uri: str
    waited: float
    """So many seconds ago it called there."""


@frozen
class WriteBack:
    """Set variables on the channel of a leg to a PBX; nothing waits for it."""

    role: Role
    trunk: str
    on: On
    variables: tuple[Variable, ...]


@frozen
class Finish:
    """The call is over: one record, one log line, one count."""

    outcome: Outcome


Command = (
    Place
    | Progress
    | Answer
    | Refuse
    | Hangup
    | Offer
    | StartTimer
    | StopTimer
    | NoteContext
    | AnswerRefer
    | SendRefer
    | NotifyRefer
    | TakeLeg
    | AnswerReplacement
    | RefuseReplacement
    | Preview
    | Promote
    | NoteTransfer
    | NoteMiss
    | WriteBack
    | Finish
)
