"""What happens to a call. The SIP shell, the timers and the operator make events; the machine decides what follows.

An event is about the leg that its name says. Messages are parsed once, where they arrive; `message` is None where the
stack itself made the event (a timeout, a transport that broke).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any

from gateway.bridge.terms import Role
from gateway.core.frozen import frozen
from gateway.core.identity import Party, believe
from gateway.core.message import SipMessage
from gateway.core.plan import Trunk


class Timer(enum.StrEnum):
    """The clocks of a call; each is armed at most once at a time."""

    RESPONSE = "response"
    """No response at all from the URI we called."""
    RING = "ring"
    """Nobody answered."""
    DURATION = "duration"
    """The call is as long as it may be."""
    INBOUND_OFFER = "inbound-offer"
    """The inbound leg may be offered again what was in the way before."""
    OUTBOUND_OFFER = "outbound-offer"
    SILENCE = "silence"
    """No RTP from one of the legs."""


class Ending(enum.StrEnum):
    """Why the operator's side ends a call."""

    ADMIN = "admin"
    DRAIN = "drain"
    STOP = "stop"


@frozen
class InviteReceived:
    """An INVITE of a known trunk was admitted."""

    message: SipMessage
    trunk: Trunk
    source_address: str


@frozen
class OutboundTrying:
    """The first sign of life from the URI we called: any response, 100 included."""


@frozen
class OutboundProgress:
    """A provisional response above 100."""

    code: int
    message: SipMessage | None


@frozen
class OutboundAnswered:
    """A 2xx to our INVITE."""

    message: SipMessage | None


@frozen
class OutboundEnded:
    """The outbound leg is gone: a final failure, a BYE, a timeout, or our own hanging up.

    `code` is the final response or what the stack gives as the cause. Not `by_peer`: the stack gave up (a timeout, a
    broken transport) or we hung up.
    """

    code: int
    by_peer: bool
    message: SipMessage | None


@frozen
class InboundConfirmed:
    """The ACK to our 200 arrived."""


@frozen
class InboundEnded:
    """The inbound leg is gone: CANCEL, BYE, no ACK, or our own final response or BYE went out."""

    code: int
    by_peer: bool
    message: SipMessage | None


@frozen
class Consultation:
    """Another call of ours, which whoever asks for a transfer has with the target: the leg that stays of it."""

    call_id: str
    role: Role
    trunk: Trunk
    party: Party


@frozen
class ReferReceived:
    """A leg asks for a transfer; `message` is None when it cannot be read.

    `admitted`: the gateway may place another call now. `consultation` is what its Replaces names, if that is ours.
    """

    by: Role
    message: SipMessage | None
    admitted: bool = True
    consultation: Consultation | None = None


@frozen
class ReferAnswered:
    """The final response to our REFER."""

    code: int


@frozen
class ReferStatus:
    """What the leg that we sent REFER tells of its call to the target; `code` is 0 if it cannot be read."""

    code: int
    is_final: bool


@frozen
class ReplacementArrived:
    """An INVITE wants the place of the leg of this role (RFC 3891); it is of the same trunk."""

    role: Role
    message: SipMessage


@frozen
class LegTaken:
    """Another call, of who consulted here, has taken this leg."""

    role: Role


@frozen
class TargetTrying:
    """The first sign of life from the target."""


@frozen
class TargetProgress:
    """A provisional response of the target above 100."""

    code: int
    message: SipMessage | None


@frozen
class TargetAnswered:
    """A 2xx of the target."""

    message: SipMessage | None


@frozen
class TargetEnded:
    """The target leg is gone, as `OutboundEnded`."""

    code: int
    by_peer: bool
    message: SipMessage | None


@frozen
class HoldChanged:
    """A leg's peer holds the call, or holds it no more."""

    by: Role
    held: bool


@frozen
class Glare:
    """Our offer to a leg met one of its own, and can be made again in so many seconds."""

    by: Role
    seconds: float


@frozen
class AudioHeard:
    """RTP came from both legs within the last `seconds`, or was not to be expected."""

    seconds: float


@frozen
class TimerFired:
    """A timer that was started and not stopped ran out."""

    timer: Timer


@frozen
class EndRequested:
    """The operator ends the call."""

    why: Ending


@frozen
class Faulted:
    """Our own code failed on this call; the traceback is in the log."""


Event = (
    InviteReceived
    | OutboundTrying
    | OutboundProgress
    | OutboundAnswered
    | OutboundEnded
    | InboundConfirmed
    | InboundEnded
    | ReferReceived
    | ReferAnswered
    | ReferStatus
    | ReplacementArrived
    | LegTaken
    | TargetTrying
    | TargetProgress
    | TargetAnswered
    | TargetEnded
    | HoldChanged
    | Glare
    | AudioHeard
    | TimerFired
    | EndRequested
    | Faulted
)


def _final_code(ended: OutboundEnded | TargetEnded) -> int | None:
    return ended.code if ended.by_peer and ended.code >= 300 else None


_RESPONSE_CODE: dict[type[Event], Callable[[Any], int | None]] = {  # Any: each takes the event of its key
    OutboundProgress: attrgetter("code"),
    OutboundAnswered: lambda _: 200,
    OutboundEnded: _final_code,
    TargetProgress: attrgetter("code"),
    TargetAnswered: lambda _: 200,
    TargetEnded: _final_code,
}


def response_code(event: Event) -> int | None:
    """The status code of the response that this event is, None if it is none."""
    read = _RESPONSE_CODE.get(type(event))
    return None if read is None else read(event)


def message_of(event: Event) -> SipMessage | None:
    """What the peer sent that made this event, if anything and if it can be read."""
    message: SipMessage | None = getattr(event, "message", None)
    return message


_SAYS_WHO_CALLS = (OutboundProgress, OutboundAnswered, OutboundEnded, InboundEnded, ReferReceived)


def believed(event: Event, trunk: Trunk) -> tuple[Event, tuple[str, ...]]:
    """What a leg to this trunk reports, without what the trunk is not believed; and the words for what was left out."""
    if not isinstance(event, _SAYS_WHO_CALLS):
        return event, ()
    if event.message is None:
        return event, ()
    message, left_out = believe(event.message, trunk)
    return replace(event, message=message) if left_out else event, left_out


LegEnded = InboundEnded | OutboundEnded | TargetEnded
ENDED: dict[Role, type[LegEnded]] = {
    Role.INBOUND: InboundEnded,
    Role.OUTBOUND: OutboundEnded,
    Role.TARGET: TargetEnded,
}
ROLE_OF = {kind: role for role, kind in ENDED.items()}
"""Which leg is gone."""


_NAMED_AFTER: dict[Role, frozenset[type[Event]]] = {
    Role.INBOUND: frozenset({InboundConfirmed, InboundEnded}),
    Role.OUTBOUND: frozenset({OutboundProgress, OutboundAnswered, OutboundEnded}),
    Role.TARGET: frozenset(),
}
"""Events that legs report by the name of the role that they began in: it changes with transfers only."""


def seen_as(event: Event, role: Role) -> Event:
    """What a leg reports, as the leg of this role: the role of a leg changes, and the stack does not know."""
    if type(event) in _NAMED_AFTER[role]:
        return event
    match event:
        case InboundEnded(code, by_peer, message) | OutboundEnded(code, by_peer, message):
            return ENDED[role](code, by_peer, message)
        case OutboundProgress(code, message) if role is Role.TARGET:
            return TargetProgress(code, message)
        case OutboundAnswered(message) if role is Role.TARGET:
            return TargetAnswered(message)
        case ReferReceived() | HoldChanged() | Glare():
            return replace(event, by=role)
    return event
