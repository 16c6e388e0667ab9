"""The context of a call: what each message carries on, what is kept of it, and the calls it forbids."""

from __future__ import annotations

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import (
    Answer,
    Command,
    Hangup,
    NoteContext,
    Progress,
    Refuse,
    Role,
    StopTimer,
)
from gateway.bridge.events import (
    Event,
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    Timer,
)
from gateway.bridge.machine import CallMachine
from gateway.core.fields import Sensitivity
from gateway.core.message import SipMessage
from gateway.core.receipt import Outcome as FieldOutcome
from gateway.core.terms import Direction, On
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    CUSTOMER,
    SDP,
    call_in,
    feed,
    field,
    invite,
    machine_for,
    message,
    place,
    plan,
    reason,
    refused,
    response,
)

PLAN = plan()
INVITE = invite(PLAN)
HEARD = StopTimer(Timer.RESPONSE)
IN = Hangup(Role.INBOUND)


# ---- On the INVITE ----


def context_message(*headers: str) -> tuple[CallMachine, list[Command]]:
    contract = plan(CUSTOMER, reject=True)
    machine = machine_for(contract)
    return machine, feed(machine, invite(contract, *headers))


def test_context_goes_with_the_invite_and_is_noted_after_it() -> None:
    machine, commands = context_message("X-PBX-CUSTOMER-ID: C-1")
    order, _, note, _ = commands
    assert isinstance(note, NoteContext)
    assert (note.on, note.mapped.receipt) == (On.INVITE, tuple(machine.receipt))
    assert order == place(headers=(("X-CustomerID", "C-1"),))
    assert [(entry.field, entry.outcome) for entry in machine.receipt] == [("customer_id", FieldOutcome.SENT)]
    assert machine.context == {"customer_id": "C-1"}


def test_a_call_without_required_context_is_refused_and_its_receipt_noted() -> None:
    machine, commands = context_message()
    assert isinstance(commands[0], NoteContext)
    assert refused(commands) == (
        400,
        '399 gateway "context field customer_id (var:CUSTOMER_ID) is required and missing: the source is not there"',
    )
    assert (machine.state, machine.outcome, machine.code) == (State.ENDING, outcomes.MISSING_CONTEXT, 400)
    assert [(entry.field, entry.outcome) for entry in machine.receipt] == [("customer_id", FieldOutcome.MISSING)]
    assert machine.attempts == 0


def test_private_context_is_hidden_where_the_call_keeps_it() -> None:
    contract = plan(field("card", "var:CARD", "header:X-Card", sensitivity=Sensitivity.SECRET))
    machine = machine_for(contract)
    commands = feed(machine, invite(contract, "X-PBX-CARD: 4111"))
    assert machine.context == {"card": "***"}
    assert commands[0] == place(headers=(("X-Card", "4111"),))


def test_a_contract_without_fields_notes_nothing() -> None:
    assert not [command for command in feed(machine_for(PLAN), INVITE) if isinstance(command, NoteContext)]


def test_nothing_but_context_and_what_the_gateway_makes_crosses() -> None:
    hostile: SipMessage = response(183, "X-Evil: 1", "Reason: SIP;cause=200", body=SDP)
    machine = call_in(State.CALLING, PLAN)
    assert feed(machine, OutboundProgress(183, hostile)) == [HEARD, Progress(183, (), True)]
    assert feed(machine, OutboundAnswered(hostile))[-1] == Answer(())
    assert feed(machine, InboundConfirmed(), OutboundEnded(200, True, hostile)) == [IN]


# ---- On later messages ----

LATER = {
    on: field(f"on_{on}", "header:X-Note", "header:X-Note", on=frozenset({on}))
    for on in (On.PROGRESS, On.ANSWER, On.END)
}
TALKATIVE = plan(*LATER.values())
NOTE = ("X-Note", "from the far end")
CANCEL = message("CANCEL sip:1@gw.example SIP/2.0", "X-Note: from the far end")
BYE = message("BYE sip:1@gw.example SIP/2.0", "X-Note: from the far end")


@pytest.mark.parametrize("trunk", ["pbx", "twilio"])
@pytest.mark.parametrize(
    ("way", "event", "wanted"),
    [
        ((), OutboundProgress(180, response(180, "X-Note: from the far end")), Progress(180, (NOTE,), False)),
        ((), OutboundAnswered(response(200, "X-Note: from the far end")), Answer((NOTE,))),
        (
            (),
            OutboundEnded(486, True, response(486, "X-Note: from the far end")),
            Refuse(486, (reason(486, "Busy Here"), NOTE)),
        ),
        (
            (),
            InboundEnded(487, True, CANCEL),
            Hangup(Role.OUTBOUND, (NOTE,)),
        ),
        (
            (ANSWERED, CONFIRMED),
            OutboundEnded(200, True, BYE),
            Hangup(Role.INBOUND, (NOTE,)),
        ),
        (
            (ANSWERED, CONFIRMED),
            InboundEnded(200, True, BYE),
            Hangup(Role.OUTBOUND, (NOTE,)),
        ),
    ],
    ids=["progress", "answer", "refusal", "cancel", "callee's bye", "caller's bye"],
)
def test_context_travels_from_the_side_that_sends_the_message(
    trunk: str, way: tuple[Event, ...], event: Event, wanted: Command
) -> None:
    machine = machine_for(TALKATIVE)
    feed(machine, invite(TALKATIVE, trunk=trunk), *way)
    commands = feed(machine, event)
    assert commands[-1] == wanted
    assert [type(command) for command in commands[-2:]] == [NoteContext, type(wanted)]


def test_a_peer_that_rings_again_and_again_fills_no_memory() -> None:
    contract = plan(CUSTOMER, *LATER.values())
    machine = machine_for(contract)
    feed(machine, invite(contract, "X-PBX-CUSTOMER-ID: C-1"))
    for number in range(1000):
        commands = feed(machine, OutboundProgress(180, response(180, f"X-Note: {number}")))
        assert [type(command) for command in commands] == [StopTimer, NoteContext, Progress]
    assert [(entry.field, entry.on) for entry in machine.receipt] == [
        ("customer_id", On.INVITE),
        ("on_progress", On.PROGRESS),
    ]
    assert machine.context == {"customer_id": "C-1", "on_progress": "999"}


@pytest.mark.parametrize(
    "event", [OutboundProgress(180, None), OutboundAnswered(None), OutboundEnded(503, False, None)]
)
def test_what_the_stack_made_itself_carries_no_context(event: Event) -> None:
    machine = machine_for(TALKATIVE)
    feed(machine, invite(TALKATIVE))
    assert not [command for command in feed(machine, event) if isinstance(command, NoteContext)]


def test_a_field_of_the_answer_knows_the_trunk_that_answered() -> None:
    contract = plan(
        field("by", "header:X-By", "call:trunk", direction=frozenset({Direction.TO_TWILIO}), on=frozenset({On.ANSWER}))
    )
    machine = machine_for(contract)
    feed(machine, invite(contract))
    assert feed(machine, ANSWERED)[-1] == Answer((("X-By", "twilio"),))
