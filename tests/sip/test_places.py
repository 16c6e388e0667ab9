"""Places for legs: enough for what the configuration lets come, and none is thought free that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.plan import Limits
from gateway.sip.places import KEPT_SECONDS, MOST_PLACES, SPARE_PLACES, Places, places_for
from tests.bridge.samples import FIRST, SECOND, plan

LEGS, KEPT = 10, 5


@pytest.mark.parametrize(
    ("uris", "limits", "places"),
    [
        ((FIRST,), Limits(calls=1, calls_per_second=1), 2 + 32 + 64),
        ((FIRST,), Limits(), 1000 + 30 * 32 + 64),
        ((FIRST, SECOND), Limits(), 1000 + 30 * 2 * 32 + 64),
        ((FIRST,), Limits(calls=1000, calls_per_second=1000), 4096),
    ],
    ids=["one at a time", "by default", "two URIs to try", "all there are"],
)
def test_places_for_calls_and_for_attempts_that_were_given_up(
    uris: tuple[str, ...], limits: Limits, places: int
) -> None:
    assert places_for(replace(plan(uris=uris), limits=limits)) == places


def test_calls_of_the_largest_gateway_leave_places() -> None:
    assert 2 * 1000 + SPARE_PLACES < MOST_PLACES


def test_a_place_is_kept_as_long_as_an_answer_may_come() -> None:
    now = 100.0
    places = Places(SPARE_PLACES + LEGS + KEPT, lambda: now)
    for _ in range(KEPT):
        assert not places.are_few(LEGS)
        places.keep()
    assert not places.are_few(LEGS)
    places.keep()
    assert places.are_few(LEGS)
    assert not places.are_few(LEGS - 1)
    now += KEPT_SECONDS - 0.1
    assert places.are_few(LEGS)
    now += 0.1
    assert not places.are_few(LEGS + KEPT)
    assert places.are_few(LEGS + KEPT + 1)
