"""Stories of transfers that the other side is asked to do: what it is sent, and what comes of its answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge.call import State
from gateway.bridge.commands import (
    Command,
    Role,
    SendRefer,
)
from gateway.bridge.events import (
    OutboundEnded,
    ReferAnswered,
    ReferStatus,
    TargetEnded,
    Timer,
    TimerFired,
)
from gateway.bridge.record import TransferRecord
from gateway.bridge.terms import TransferResult
from gateway.core.plan import TransferMode
from gateway.core.receipt import Outcome as FieldOutcome
from gateway.core.terms import On
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    CUSTOMER,
    ELSEWHERE,
    FIRST,
    REFER,
    SECOND,
    call_in,
    feed,
    field,
    plan,
    refer,
)
from tests.bridge.transfers import QUEUE, REPLACES, TARGET_ANSWERED, refusal, talk, told

RELAYS = plan(CUSTOMER, QUEUE, transfer=TransferMode.RELAY)
LONG = field("long", "header:X-Long", "header:X-Long", on=frozenset({On.REFER}), priority=10)


def sent(commands: list[Command]) -> str:
    (order,) = [command for command in commands if isinstance(command, SendRefer)]
    return order.refer_to


def test_the_other_side_is_asked_for_what_one_side_asked_us() -> None:
    """With the fields of REFER behind the URI, under the names of that side, and nothing else that was there."""
    machine = talk(RELAYS, "X-PBX-CUSTOMER-ID: C-1", "X-Queue: sales")
    given = f"{ELSEWHERE}:5070;user=phone;maddr=192.0.2.77?X-Queue=re%20pairs&X-CustomerID=C-2&X-Else=1&Route=x"
    assert sent(feed(machine, refer(Role.OUTBOUND, given))) == ("<sip:2000@pbx.example;user=phone?X-Queue=re%20pairs>")
    assert [(entry.field, entry.outcome) for entry in machine.receipt if entry.on is On.REFER] == [
        ("queue", FieldOutcome.SENT)
    ]
    assert machine.transfers == [TransferRecord(Role.OUTBOUND, TransferMode.RELAY, "pbx")]


def test_the_dialog_to_replace_is_for_the_other_side_to_know() -> None:
    machine = talk(RELAYS)
    assert sent(feed(machine, refer(Role.OUTBOUND, f"{ELSEWHERE}?{REPLACES}"))) == (
        "<sip:2000@pbx.example?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"
    )


def test_the_target_is_at_the_uri_that_took_the_call() -> None:
    machine = call_in(State.CALLING, plan(uris=(FIRST, SECOND), transfer=TransferMode.RELAY))
    feed(machine, OutboundEnded(503, True, None), ANSWERED, CONFIRMED)
    assert sent(feed(machine, refer(Role.INBOUND))) == "<sip:2000@two.twilio.example>"


def test_twilio_replaces_no_dialog_and_learns_of_none() -> None:
    machine = talk(RELAYS)
    assert refusal(feed(machine, refer(Role.INBOUND, f"{ELSEWHERE}?{REPLACES}"))) == (603, TransferResult.NO_ROUTE)
    assert machine.state is State.TALKING


def test_a_target_without_a_user_is_nobody_at_the_other_side() -> None:
    machine = talk(RELAYS)
    assert refusal(feed(machine, refer(Role.INBOUND, "sip:elsewhere.example"))) == (400, TransferResult.BAD_REQUEST)


def test_twilio_gets_as_much_as_it_takes_and_what_matters_least_stays_behind() -> None:
    machine = talk(plan(QUEUE, LONG, transfer=TransferMode.RELAY))
    event = refer(Role.INBOUND, ELSEWHERE, "X-Queue: sales", f"X-Long: {'%' * 73}")
    assert sent(feed(machine, event)) == "<sip:2000@one.twilio.example?X-Queue=sales>"
    outcome = {entry.field: entry.outcome for entry in machine.receipt}
    assert outcome == {"queue": FieldOutcome.SENT, "long": FieldOutcome.DROPPED}


@pytest.mark.parametrize(("length", "fits"), [(219, True), (220, False)])
def test_256_characters_of_refer_to_is_the_most_for_twilio(length: int, fits: bool) -> None:
    machine = talk(plan(LONG, transfer=TransferMode.RELAY))
    target = sent(feed(machine, refer(Role.INBOUND, ELSEWHERE, f"X-Long: {'a' * length}")))
    assert (len(target), "X-Long" in target) == ((256, True) if fits else (len("<sip:2000@one.twilio.example>"), False))


def test_a_pbx_gets_all_of_it() -> None:
    machine = talk(plan(LONG, transfer=TransferMode.RELAY))
    assert sent(feed(machine, refer(Role.OUTBOUND, ELSEWHERE, f"X-Long: {'%' * 200}"))).count("%25") == 200


def test_a_target_that_is_too_long_by_itself_is_refused() -> None:
    machine = talk(RELAYS)
    longest = "2" * (256 - len("<sip:@one.twilio.example>"))
    assert sent(feed(machine, refer(Role.INBOUND, f"sip:{longest}@h"))) == f"<sip:{longest}@one.twilio.example>"
    feed(machine, ReferAnswered(603))
    code, result = refusal(feed(machine, refer(Role.INBOUND, f"sip:{longest}2@h")))
    assert (code, result) == (400, TransferResult.BAD_REQUEST)


def test_a_contract_that_refuses_asks_nobody() -> None:
    needed = field("ticket", "header:X-Ticket", "header:X-Ticket", on=frozenset({On.REFER}), required=True)
    machine = talk(plan(needed, reject=True, transfer=TransferMode.RELAY))
    assert refusal(feed(machine, REFER)) == (400, TransferResult.CONTEXT_REFUSED)
    assert machine.state is State.TALKING


def test_two_of_one_side_ask_each_other_without_context() -> None:
    pbx, twilio = plan().trunks
    trunks = (replace(pbx, transfer=TransferMode.RELAY), twilio)
    machine = talk(plan(QUEUE, trunks=trunks))
    feed(machine, REFER, TARGET_ANSWERED, TargetEnded(200, False, None))
    assert sent(feed(machine, refer(Role.OUTBOUND, f"{ELSEWHERE}?X-Queue=x"))) == "<sip:2000@pbx.example>"


def test_an_answer_and_a_status_that_come_late_are_nothing() -> None:
    machine = talk(RELAYS)
    feed(machine, REFER, ReferAnswered(202), TimerFired(Timer.RING))
    assert feed(machine, ReferStatus(200, True)) == []
    assert machine.state is State.TALKING


def test_who_was_told_that_it_is_tried_is_not_told_again() -> None:
    machine = talk(RELAYS)
    feed(machine, REFER, ReferAnswered(202))
    assert feed(machine, ReferStatus(180, False)) == [told(180, last=False)]
    assert told(504) in feed(machine, TimerFired(Timer.RING))
