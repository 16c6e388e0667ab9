"""Context that travels with later messages: from the leg that sends them, to the other."""

from __future__ import annotations

from gateway.bridge.commands import Answer, Hangup, Progress, Refuse, Role
from gateway.bridge.events import InboundEnded, OutboundAnswered, OutboundEnded, OutboundProgress
from gateway.bridge.machine import State
from gateway.core.terms import Direction, On
from tests.bridge.samples import call_in, feed, field, plan, request, response

LATER = frozenset({On.PROGRESS, On.ANSWER, On.END})
CONTEXT = plan(
    field("agent", "var:AGENT", "header:X-Agent", on=LATER),
    field("sid", "var:SID", "header:X-Twilio-CallSid", on=LATER, direction=frozenset({Direction.TO_TWILIO})),
    field("trunk", "header:X-Trunk", "call:trunk", on=LATER, direction=frozenset({Direction.TO_TWILIO})),
    field("address", "header:X-From", "sip:source.address", on=LATER, direction=frozenset({Direction.TO_TWILIO})),
)
OF_TWILIO = ("X-Agent: 7", "X-Twilio-CallSid: CA1")
TO_THE_PBX = (("X-PBX-AGENT", "7"), ("X-PBX-SID", "CA1"), ("X-Trunk", "twilio"))


def test_progress_of_twilio_carries_its_context_to_the_pbx() -> None:
    machine = call_in(State.CALLING, CONTEXT)
    commands = feed(machine, OutboundProgress(180, response(180, *OF_TWILIO)))
    assert commands[-1] == Progress(180, TO_THE_PBX, False)


def test_the_answer_of_twilio_carries_its_context_to_the_pbx() -> None:
    machine = call_in(State.CALLING, CONTEXT)
    assert feed(machine, OutboundAnswered(response(200, *OF_TWILIO)))[-1] == Answer(TO_THE_PBX)
    assert machine.context == {"agent": "7", "sid": "CA1", "trunk": "twilio"}
    assert [entry.reason for entry in machine.receipt] == [None, None, None, "the source is empty"]


def test_a_failure_of_twilio_carries_its_context_to_the_pbx() -> None:
    machine = call_in(State.CALLING, CONTEXT)
    refuse = feed(machine, OutboundEnded(486, True, response(486, *OF_TWILIO)))[-1]
    assert isinstance(refuse, Refuse)
    assert refuse.headers[1:] == TO_THE_PBX


def test_a_bye_of_twilio_carries_its_context_to_the_pbx() -> None:
    machine = call_in(State.TALKING, CONTEXT)
    assert feed(machine, OutboundEnded(200, True, request(*OF_TWILIO)))[-1] == Hangup(Role.INBOUND, TO_THE_PBX)


def test_a_bye_of_the_pbx_carries_its_context_to_twilio() -> None:
    machine = call_in(State.TALKING, CONTEXT)
    bye = request("X-PBX-AGENT: 8", "X-PBX-SID: forged")
    assert feed(machine, InboundEnded(200, True, bye))[-1] == Hangup(Role.OUTBOUND, (("X-Agent", "8"),))


def test_the_answer_of_the_pbx_carries_its_context_to_twilio() -> None:
    machine = call_in(State.CALLING, CONTEXT, trunk="twilio")
    answer = response(200, "X-PBX-AGENT: 9", "X-PBX-SID: forged")
    assert feed(machine, OutboundAnswered(answer))[-1] == Answer((("X-Agent", "9"),))


def test_a_limit_of_the_receiving_side_counts() -> None:
    machine = call_in(State.CALLING, CONTEXT)
    long = response(200, f"X-Agent: {'7' * 4001}", "X-Twilio-CallSid: CA1")
    assert feed(machine, OutboundAnswered(long))[-1] == Answer(TO_THE_PBX[1:])
    assert machine.receipt[0].reason == "4001 bytes, 4000 allowed (profile pbx)"
