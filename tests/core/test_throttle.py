"""One line a kind and interval, and the rest is counted."""

from __future__ import annotations

from gateway.core.throttle import Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_of_a_kind_is_said() -> None:
    throttle = Throttle(Clock(), interval_seconds=10)
    assert [throttle.admit("one"), throttle.admit("other")] == [0, 0]


def test_repetitions_are_left_out_and_counted_by_the_next_that_is_said() -> None:
    clock = Clock()
    throttle = Throttle(clock, interval_seconds=10)
    said = [throttle.admit("flood") for _ in range(5)]
    clock.now += 10
    said += [throttle.admit("flood") for _ in range(2)]
    clock.now += 25
    assert [*said, throttle.admit("flood")] == [0, None, None, None, None, 4, None, 1]


def test_kinds_do_not_silence_each_other() -> None:
    throttle = Throttle(Clock(), interval_seconds=10)
    for _ in range(3):
        throttle.admit("flood")
    assert throttle.admit("rare") == 0
