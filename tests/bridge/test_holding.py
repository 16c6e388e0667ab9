"""Hold: who is told, when, and what becomes of offers that cross."""

from __future__ import annotations

import pytest

from gateway.bridge.call import State
from gateway.bridge.commands import Command, Offer, Role, StartTimer, StopTimer
from gateway.bridge.events import Event, Glare, HoldChanged, TargetAnswered, Timer, TimerFired
from gateway.bridge.holding import MOST_OFFERS
from gateway.core.plan import Hold
from tests.bridge.samples import ANSWERED, CONFIRMED, REFER, call_in, feed, plan

LOCAL, RELAY = plan(), plan(hold=Hold.RELAY)
TELL_CALLEE = [StopTimer(Timer.OUTBOUND_OFFER), Offer(Role.OUTBOUND, True)]
TELL_CALLER = [StopTimer(Timer.INBOUND_OFFER), Offer(Role.INBOUND, True)]


@pytest.mark.parametrize(
    "event", [HoldChanged(Role.INBOUND, True), HoldChanged(Role.OUTBOUND, True), HoldChanged(Role.INBOUND, False)]
)
def test_hold_is_a_legs_own_affair(event: Event) -> None:
    machine = call_in(State.TALKING, LOCAL)
    assert machine.handle(event) == []
    assert machine.handle(event) == []


def test_hold_and_resume() -> None:
    machine = call_in(State.TALKING, RELAY)
    assert machine.handle(HoldChanged(Role.INBOUND, True)) == TELL_CALLEE
    assert machine.handle(HoldChanged(Role.INBOUND, True)) == []
    assert machine.handle(HoldChanged(Role.INBOUND, False)) == [
        StopTimer(Timer.OUTBOUND_OFFER),
        Offer(Role.OUTBOUND, False),
    ]


@pytest.mark.parametrize(
    ("early", "told"),
    [
        pytest.param((), [], id="nobody holds"),
        pytest.param((HoldChanged(Role.INBOUND, True),), TELL_CALLEE, id="the caller holds"),
        pytest.param(
            (HoldChanged(Role.OUTBOUND, True), HoldChanged(Role.INBOUND, True)),
            TELL_CALLER + TELL_CALLEE,
            id="both hold",
        ),
        pytest.param((HoldChanged(Role.INBOUND, True), HoldChanged(Role.INBOUND, False)), [], id="the caller held"),
    ],
)
def test_a_hold_before_the_call_is_up_is_told_when_it_is(early: tuple[Event, ...], told: list[Command]) -> None:
    machine = call_in(State.RINGING, RELAY)
    feed(machine, *early, ANSWERED)
    assert machine.handle(CONFIRMED) == [*told, StartTimer(Timer.SILENCE, 300)]


def test_an_offer_that_crossed_another_is_made_again_as_things_are_then() -> None:
    machine = call_in(State.TALKING, RELAY)
    feed(machine, HoldChanged(Role.INBOUND, True), Glare(Role.OUTBOUND, 2.5))
    assert machine.handle(TimerFired(Timer.OUTBOUND_OFFER)) == [Offer(Role.OUTBOUND, True)]


def test_an_offer_that_never_gets_through_is_given_up_until_there_is_another() -> None:
    machine = call_in(State.TALKING, RELAY)
    feed(machine, HoldChanged(Role.INBOUND, True))
    crossed = Glare(Role.OUTBOUND, 0.5)
    assert [machine.handle(crossed) for _ in range(MOST_OFFERS)] == [
        [StartTimer(Timer.OUTBOUND_OFFER, 0.5)]
    ] * MOST_OFFERS
    assert machine.handle(crossed) == []
    feed(machine, HoldChanged(Role.INBOUND, False))
    assert machine.handle(crossed) == [StartTimer(Timer.OUTBOUND_OFFER, 0.5)]


def test_who_is_sent_away_holds_nobody_any_more() -> None:
    """The holder of a call has it transferred: the other side talks to the target."""
    machine = call_in(State.TALKING, RELAY)
    feed(machine, HoldChanged(Role.OUTBOUND, True), REFER)
    commands = machine.handle(TargetAnswered(None))
    assert commands[-2:] == [StopTimer(Timer.INBOUND_OFFER), Offer(Role.INBOUND, False)]


def test_a_target_is_held_as_who_asked_for_it_was() -> None:
    machine = call_in(State.TALKING, RELAY)
    feed(machine, HoldChanged(Role.INBOUND, True), REFER)
    commands = machine.handle(TargetAnswered(None))
    assert commands[-2:] == [StopTimer(Timer.OUTBOUND_OFFER), Offer(Role.OUTBOUND, True)]


@pytest.mark.parametrize("event", [HoldChanged(Role.TARGET, True), Glare(Role.TARGET, 1.0)])
def test_what_the_target_does_before_it_is_in_the_call_is_its_own_affair(event: Event) -> None:
    machine = call_in(State.TALKING, RELAY)
    feed(machine, REFER)
    assert machine.handle(event) == []
