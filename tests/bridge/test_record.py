"""The record of a call at each stage: what it did not come to is None."""

from __future__ import annotations

from gateway.bridge import outcome as outcomes
from gateway.bridge.active_call import ActiveCall
from gateway.bridge.call import State
from gateway.bridge.commands import Role
from gateway.bridge.events import InboundEnded, OutboundEnded
from gateway.bridge.record import CallRecord, LegMedia
from gateway.core.terms import Direction
from tests.bridge.samples import CUSTOMER, call_in, feed, machine_for, plan

PLAN = plan()


def call_at(state: State) -> ActiveCall:
    return ActiveCall(call_in(state, PLAN), inbound=1, inbound_call_id="in-1@pbx", arrived=100.0, started=5000.0)


def times(record: CallRecord) -> tuple[float | None, ...]:
    return (
        record.setup_seconds,
        record.post_dial_delay_seconds,
        record.answer_seconds,
        record.duration_seconds,
        record.ended,
    )


def test_a_call_that_has_just_come_in() -> None:
    call = ActiveCall(machine_for(PLAN), 1, "in-1@pbx", arrived=100.0, started=5000.0)
    record = call.record()
    assert (record.state, record.from_trunk, record.to_trunk, record.attempts) == ("new", "", "", 0)
    assert (record.inbound_call_id, record.outbound_call_id, record.started) == ("in-1@pbx", "", 5000.0)
    assert times(record) == (None,) * 5


def test_a_call_in_progress() -> None:
    call = call_at(State.TALKING)
    call.invited, call.ringing, call.answered = 100.5, 101.0, 104.0
    record = call.record()
    assert (record.state, record.direction, record.outcome) == ("talking", Direction.TO_TWILIO, None)
    assert times(record) == (0.5, 1.0, 4.0, None, None)


def test_a_call_that_ended() -> None:
    call = call_at(State.TALKING)
    feed(call.machine, InboundEnded(200, True, None), OutboundEnded(200, False, None))
    call.invited, call.ringing, call.answered, call.ended = 100.5, 101.0, 104.0, 164.0
    record = call.record()
    assert (record.state, record.outcome, record.code) == ("ended", outcomes.COMPLETED, None)
    assert times(record) == (0.5, 1.0, 4.0, 60.0, 5064.0)


def test_a_call_that_was_not_answered_has_a_code_and_no_duration() -> None:
    call = call_at(State.ANSWERED)
    feed(call.machine, InboundEnded(487, False, None), OutboundEnded(200, False, None))
    call.invited, call.answered, call.ended = 100.5, 104.0, 104.5
    record = call.record()
    assert (record.outcome, record.code) == (outcomes.CANCELLED, 487)
    assert times(record) == (0.5, None, None, None, 5004.5)


def test_a_clock_may_read_zero() -> None:
    call = ActiveCall(machine_for(PLAN), 1, "", arrived=0.0, started=5000.0, invited=0.0, answered=0.0, ended=0.0)
    assert times(call.record()) == (0.0, None, 0.0, 0.0, 5000.0)


def test_a_record_is_a_snapshot() -> None:
    contract = plan(CUSTOMER)
    call = ActiveCall(call_in(State.CALLING, contract), 1, "", arrived=0.0, started=0.0)
    record = call.record()
    call.machine.context["customer_id"] = "C-2"
    call.machine.receipt.clear()
    call.media.append(LegMedia(Role.INBOUND, "pbx", 1, 1, 0, 0.0, 0.0))
    assert (len(record.receipt), record.context, record.media) == (1, {}, ())


def test_the_legs_of_a_call() -> None:
    call = call_at(State.CALLING)
    assert (call.leg(Role.INBOUND), call.leg(Role.OUTBOUND)) == (1, None)
    call.outbound = 2
    assert call.leg(Role.OUTBOUND) == 2
