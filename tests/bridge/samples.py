"""Plans, messages and calls on their way: ordinary ones, to be varied by each test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.bridge.call import State
from gateway.bridge.commands import Command, Place, Refuse, Role
from gateway.bridge.events import (
    Event,
    InboundConfirmed,
    InviteReceived,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    ReferReceived,
    Timer,
    TimerFired,
)
from gateway.bridge.machine import CallMachine
from gateway.core.contract import Contract, MissingPolicy
from gateway.core.fields import Field
from gateway.core.identity import Introduction
from gateway.core.locators import parse_locator
from gateway.core.message import SipMessage, parse_message
from gateway.core.plan import Hold, Plan, Redirect, TransferMode, Trunk
from gateway.core.profiles import PROFILES
from gateway.core.routing import Router
from gateway.core.terms import Side

SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

FIRST, SECOND, THIRD = "sip:one.twilio.example", "sip:two.twilio.example", "sip:three.twilio.example"


def field(name: str, pbx: str, twilio: str, **changes: Any) -> Field:
    return Field(name, parse_locator(pbx), parse_locator(twilio), **changes)


CUSTOMER = field("customer_id", "var:CUSTOMER_ID", "header:X-CustomerID", required=True)


def plan(
    *fields: Field,
    uris: Iterable[str] = (FIRST,),
    reject: bool = False,
    hold: Hold = Hold.LOCAL,
    redirect: Redirect = Redirect.REFUSE,
    transfer: TransferMode = TransferMode.LOCAL,
    **changes: Any,
) -> Plan:
    """A PBX and a Twilio; calls to Twilio try `uris` in order."""
    trunks = (
        Trunk("pbx", Side.PBX, PROFILES["pbx"], ("sip:pbx.example",), (), hold=hold, transfer=transfer),
        Trunk(
            "twilio",
            Side.TWILIO,
            PROFILES["sip-domain"],
            tuple(uris),
            (),
            hold=hold,
            redirect=redirect,
            transfer=transfer,
        ),
    )
    contract = Contract(fields, missing=MissingPolicy.REJECT if reject else MissingPolicy.CONTINUE)
    defaults: dict[str, Any] = {"listeners": (), "trunks": trunks, "routes": (), "contract": contract, "hash": "0123"}
    return Plan(**(defaults | changes))


def machine_for(plan: Plan) -> CallMachine:
    return CallMachine("call-1", plan, Router(plan.trunks, plan.routes))


def message(start: str, *headers: str, body: str = "", kind: str = "application/sdp") -> SipMessage:
    lines = [start, *headers, *([f"Content-Type: {kind}"] if body else [])]
    return parse_message("\r\n".join(lines) + "\r\n\r\n" + body)


def request(*headers: str, uri: str = "sip:+15550100@gw.example", body: str = SDP) -> SipMessage:
    """The INVITE of extension 1001."""
    return message(f"INVITE {uri} SIP/2.0", "From: <sip:1001@pbx.example>;tag=a", *headers, body=body)


def response(code: int, *headers: str, body: str = "", kind: str = "application/sdp") -> SipMessage:
    return message(f"SIP/2.0 {code} Phrase", *headers, body=body, kind=kind)


def invite(plan: Plan, *headers: str, trunk: str = "pbx", **changes: Any) -> InviteReceived:
    sender = next(one for one in plan.trunks if one.name == trunk)
    return InviteReceived(request(*headers, **changes), sender, "192.0.2.9")


RINGING = OutboundProgress(180, response(180))
EARLY_MEDIA = OutboundProgress(183, response(183, body=SDP))
ANSWERED = OutboundAnswered(response(200, body=SDP))
CONFIRMED = InboundConfirmed()


ELSEWHERE = "sip:2000@elsewhere.example"


def refer(by: Role = Role.OUTBOUND, to: str = ELSEWHERE, *headers: str, **changes: Any) -> ReferReceived:
    """One of two who talk asks for a transfer; by default Twilio, to a user of the PBX."""
    request = message("REFER sip:gw.example SIP/2.0", f"Refer-To: <{to}>", *headers)
    return ReferReceived(by, request, **changes)


REFER = refer()
REPLACING = message("INVITE sip:gw.example SIP/2.0", "From: <sip:2000@twilio.example>;tag=n", body=SDP)
"""An INVITE that wants the place of a leg."""

WAY: dict[State, tuple[Event, ...]] = {
    State.NEW: (),
    State.CALLING: (),
    State.RINGING: (RINGING,),
    State.ANSWERED: (ANSWERED,),
    State.TALKING: (ANSWERED, CONFIRMED),
    State.TRANSFERRING: (ANSWERED, CONFIRMED, REFER),
    State.FORWARDING: (ANSWERED, CONFIRMED, REFER, OutboundEnded(200, True, None)),
    State.RELAYING: (ANSWERED, CONFIRMED, REFER),
    State.ENDING: (ANSWERED, CONFIRMED, TimerFired(Timer.DURATION)),
}
"""What happens to a call after its INVITE until it is in a state; in ENDING both legs are still up."""


def call_in(state: State, plan: Plan, **changes: Any) -> CallMachine:
    """A call that got as far as `state`."""
    machine = machine_for(plan)
    if state is not State.NEW:
        feed(machine, invite(plan, **changes), *WAY[state])
    assert machine.state is state
    return machine


def feed(machine: CallMachine, *events: Event) -> list[Command]:
    """What the last of these events makes the machine do."""
    commands: list[Command] = []
    for event in events:
        commands = machine.handle(event)
    return commands


def reason(code: int, phrase: str) -> tuple[str, str]:
    """The header that names a final response of the other leg."""
    return ("Reason", f'SIP;cause={code};text="{phrase}"')


def place(uri: str = "sip:+15550100@one.twilio.example", **changes: Any) -> Place:
    """What the ordinary INVITE makes of itself."""
    defaults: dict[str, Any] = {
        "trunk": "twilio",
        "request_uri": uri,
        "caller": Introduction("1001"),
        "headers": (),
        "max_forwards": 69,
    }
    return Place(**(defaults | changes))


def refused(commands: list[Command]) -> tuple[int, str]:
    """The code of the one Refuse, and its Warning."""
    (refuse,) = [command for command in commands if isinstance(command, Refuse)]
    ((name, warning),) = refuse.headers
    assert name == "Warning"
    return refuse.code, warning
