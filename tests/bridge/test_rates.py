"""Buckets: a second's worth at once, then as many as the rate says; names are told apart and forgotten in time."""

from __future__ import annotations

from gateway.bridge.rates import MOST_BUCKETS, Bucket, Buckets


def test_a_second_s_worth_at_once_and_then_the_rate() -> None:
    bucket = Bucket(2)
    assert [bucket.take(now) for now in (0, 0, 0, 0.4, 0.5, 0.5, 1.0)] == [True, True, False, False, True, False, True]


def test_what_is_not_used_is_not_saved() -> None:
    bucket = Bucket(1)
    assert [bucket.take(now) for now in (0, 100, 100)] == [True, True, False]


def test_each_name_has_its_own() -> None:
    buckets = Buckets(1)
    assert buckets.take("10.0.0.1", 0)
    assert not buckets.take("10.0.0.1", 0)
    assert buckets.take("10.0.0.2", 0)


def test_names_are_not_kept_without_end() -> None:
    """Whoever was not seen for longest starts anew; who is seen all the time does not."""
    buckets = Buckets(1)
    for number in range(MOST_BUCKETS):
        assert buckets.take(str(number), 0)
    assert not buckets.take("0", 0)
    assert buckets.take("one more", 0)
    assert buckets.take("1", 0)
    assert not buckets.take("0", 0)
