"""What a call has set on the channel of its PBX: of which messages, on which leg, and of which fields."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge.call import State
from gateway.bridge.commands import Answer, Command, Hangup, NoteContext, Refuse, Role, WriteBack
from gateway.bridge.events import Event, InboundEnded, OutboundAnswered, OutboundEnded, OutboundProgress
from gateway.core.fields import Field
from gateway.core.plan import Plan
from gateway.core.plan import WriteBack as Access
from gateway.core.terms import On, Side
from gateway.core.variables import Variable, variables_of
from tests.bridge.samples import call_in, feed, field, message, plan, response

LATER = frozenset({On.PROGRESS, On.ANSWER, On.END})
FIELDS = (
    field("agent", "var:AGENT", "header:X-Agent", on=LATER),
    field("note", "header:X-Note", "header:X-Note", on=LATER),
    field("survey", "var:SURVEY", "header:X-Survey", on=LATER),
    Field("of_twilio", twilio=field("", "var:A", "header:X-Only").twilio, on=LATER),
)
SAID = ("X-Agent: bob", "X-Note: n", "X-Only: o")
AGENT = (Variable("agent", "AGENT", "bob"),)
ACCESS = Access("ami://pbx.example:5038", "gw", "hunter2")
BYE = message("BYE sip:1@gw.example SIP/2.0", *SAID)


def writing(access: Access | None = ACCESS) -> Plan:
    ordinary = plan(*FIELDS)
    trunks = tuple(replace(trunk, write_back=access) if trunk.side is Side.PBX else trunk for trunk in ordinary.trunks)
    return replace(ordinary, trunks=trunks)


def written(commands: list[Command]) -> list[WriteBack]:
    return [command for command in commands if isinstance(command, WriteBack)]


@pytest.mark.parametrize(
    ("state", "trunk", "event", "role", "then"),
    [
        (State.CALLING, "pbx", OutboundAnswered(response(200, *SAID)), Role.INBOUND, Answer),
        (State.CALLING, "pbx", OutboundEnded(486, True, response(486, *SAID)), Role.INBOUND, Refuse),
        (State.TALKING, "pbx", OutboundEnded(200, True, BYE), Role.INBOUND, Hangup),
        (State.TALKING, "twilio", InboundEnded(200, True, BYE), Role.OUTBOUND, Hangup),
        (State.RINGING, "twilio", InboundEnded(487, True, BYE), Role.OUTBOUND, Hangup),
    ],
    ids=["answer", "failure", "Twilio hangs up", "Twilio hangs up, having called", "Twilio cancels"],
)
def test_what_twilio_says_later_is_set_before_it_travels(
    state: State, trunk: str, event: Event, role: Role, then: type[Command]
) -> None:
    """A channel that is told to end has a moment left, so the write is asked for first."""
    machine = call_in(state, writing(), trunk=trunk)
    commands = feed(machine, event)
    on = On.ANSWER if then is Answer else On.END
    assert written(commands) == [WriteBack(role, "pbx", on, AGENT)]
    kinds = [type(command) for command in commands]
    assert kinds.index(NoteContext) < kinds.index(WriteBack) < kinds.index(then)


@pytest.mark.parametrize(
    ("state", "trunk", "event"),
    [
        (State.CALLING, "pbx", OutboundProgress(180, response(180, *SAID))),
        (State.CALLING, "twilio", OutboundAnswered(response(200, "X-PBX-AGENT: bob"))),
        (State.TALKING, "twilio", OutboundEnded(200, True, message("BYE sip:1@gw SIP/2.0", "X-PBX-AGENT: bob"))),
        (State.CALLING, "pbx", OutboundAnswered(response(200, "X-Note: n"))),
    ],
    ids=["ringing", "the PBX answers", "the PBX hangs up", "no variable in it"],
)
def test_nothing_else_is_set(state: State, trunk: str, event: Event) -> None:
    assert written(feed(call_in(state, writing(), trunk=trunk), event)) == []


def test_nothing_is_set_where_the_trunk_does_not_say_how() -> None:
    machine = call_in(State.CALLING, writing(access=None))
    assert written(feed(machine, OutboundAnswered(response(200, *SAID)))) == []


def test_variables_are_in_the_order_of_the_fields() -> None:
    values = {"survey": "5", "note": "n", "agent": "bob"}
    assert variables_of(FIELDS, values) == (Variable("agent", "AGENT", "bob"), Variable("survey", "SURVEY", "5"))
