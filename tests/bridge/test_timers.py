"""Timers of all calls: each fires once, when it is due, unless it was stopped or moved."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.events import Timer
from gateway.bridge.timers import MIN_SWEEP, Key, Timers


def test_a_timer_fires_when_it_is_due_and_once() -> None:
    timers = Timers()
    timers.start("a", Timer.RING, 5.0)
    assert (timers.next_due, len(timers)) == (5.0, 1)
    assert timers.pop_due(4.99) == []
    assert timers.pop_due(5.0) == [("a", Timer.RING)]
    assert timers.pop_due(99.0) == []
    assert (timers.next_due, len(timers)) == (math.inf, 0)


def test_timers_fire_in_the_order_in_which_they_are_due() -> None:
    timers = Timers()
    timers.start("a", Timer.RING, 3.0)
    timers.start("b", Timer.RESPONSE, 1.0)
    timers.start("a", Timer.DURATION, 2.0)
    assert timers.pop_due(9.0) == [("b", Timer.RESPONSE), ("a", Timer.DURATION), ("a", Timer.RING)]


def test_a_stopped_timer_does_not_fire() -> None:
    timers = Timers()
    timers.start("a", Timer.RING, 1.0)
    timers.stop("a", Timer.RING)
    timers.stop("a", Timer.RING)
    assert len(timers) == 0
    assert timers.next_due == 1.0  # may have been stopped since
    assert timers.pop_due(2.0) == []


def test_a_timer_that_is_started_again_moves() -> None:
    later, sooner, same = Timers(), Timers(), Timers()
    for timers, at in ((later, 3.0), (sooner, 1.0), (same, 2.0)):
        timers.start("a", Timer.RESPONSE, 2.0)
        timers.start("a", Timer.RESPONSE, at)
    assert [later.pop_due(2.0), later.pop_due(3.0)] == [[], [("a", Timer.RESPONSE)]]
    assert [sooner.pop_due(1.0), sooner.pop_due(2.0)] == [[("a", Timer.RESPONSE)], []]
    assert same.pop_due(2.0) == [("a", Timer.RESPONSE)]


def test_a_call_that_is_over_has_no_timers() -> None:
    timers = Timers()
    for timer in Timer:
        timers.start("a", timer, 1.0)
    timers.start("b", Timer.RING, 1.0)
    timers.forget("a")
    assert timers.pop_due(1.0) == [("b", Timer.RING)]


def test_short_calls_leave_no_four_hour_limits_behind() -> None:
    timers = Timers()
    for number in range(10 * MIN_SWEEP):
        timers.start(f"call-{number}", Timer.DURATION, 14400.0 + number)
        timers.stop(f"call-{number}", Timer.DURATION)
    assert len(timers._heap) <= MIN_SWEEP
    timers.start("last", Timer.RING, 1.0)
    assert timers.pop_due(99_999.0) == [("last", Timer.RING)]


def test_what_a_sweep_leaves_still_fires_when_it_is_due() -> None:
    timers = Timers()
    timers.start("late", Timer.RING, 50.0)
    timers.start("soon", Timer.RING, 1.0)
    for number in range(MIN_SWEEP):
        timers.start(f"call-{number}", Timer.DURATION, 14400.0)
        timers.stop(f"call-{number}", Timer.DURATION)
    assert len(timers._heap) < MIN_SWEEP
    assert timers.pop_due(1.0) == [("soon", Timer.RING)]
    assert timers.pop_due(50.0) == [("late", Timer.RING)]


def test_many_calls_at_once_are_not_swept_away() -> None:
    timers = Timers()
    for number in range(3 * MIN_SWEEP):
        timers.start(f"call-{number}", Timer.DURATION, float(number))
    assert [call for call, _ in timers.pop_due(1e9)] == [f"call-{number}" for number in range(3 * MIN_SWEEP)]


KEYS = st.tuples(st.sampled_from("abc"), st.sampled_from(Timer))
STEPS = st.lists(st.tuples(st.sampled_from(["start", "stop", "pop"]), KEYS, st.integers(0, 50)))


@given(STEPS)
def test_timers_do_what_a_plain_table_of_due_times_does(steps: list[tuple[str, Key, int]]) -> None:
    timers, table = Timers(), dict[Key, float]()
    for what, key, at in steps:
        if what == "start":
            timers.start(*key, float(at))
            table[key] = float(at)
        elif what == "stop":
            timers.stop(*key)
            table.pop(key, None)
        else:
            due = {key for key, when in table.items() if when <= at}
            fired = timers.pop_due(float(at))
            assert [table[key] for key in fired] == sorted(table[key] for key in due)
            assert set(fired) == due and len(fired) == len(due)
            table = {key: when for key, when in table.items() if key not in due}
        assert len(timers) == len(table)
        assert timers.next_due <= min(table.values(), default=math.inf)
