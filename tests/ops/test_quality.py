"""The MOS estimate against values worked out by hand from G.107, and its shape."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.commands import Role
from gateway.bridge.record import LegMedia
from gateway.ops.quality import MIN_MOS, estimate_mos, leg_mos

ratios = st.floats(0, 1)
seconds = st.floats(0, 10)


@pytest.mark.parametrize(
    ("loss", "jitter", "round_trip", "mos"),
    [
        pytest.param(0, 0, 0, 4.41, id="clean stream: R 93.2"),
        pytest.param(0.01, 0, 0, 4.33, id="1 % loss: R 89.6"),
        pytest.param(0.05, 0, 0, 3.93, id="5 % loss: R 77.4"),
        pytest.param(0, 0, 0.3, 4.33, id="150 ms one way, below the knee: R 89.6"),
        pytest.param(0, 0, 0.8, 3.05, id="400 ms one way, above the knee: R 59.1"),
        pytest.param(0, 0.02, 0.1, 4.37, id="20 ms jitter is 40 ms of buffer: R 91.0"),
        pytest.param(1, 0, 0, 1.18, id="nothing arrives: R 17.3"),
        pytest.param(0, 0, 1.5, 1.07, id="750 ms one way: R 12.2"),
        pytest.param(0, 0, 30, 1.0, id="satellite of a satellite"),
    ],
)
def test_mos_of_known_streams(loss: float, jitter: float, round_trip: float, mos: float) -> None:
    assert estimate_mos(loss, jitter, round_trip) == pytest.approx(mos, abs=0.01)


@given(ratios, seconds, seconds)
def test_mos_stays_on_its_scale(loss: float, jitter: float, round_trip: float) -> None:
    assert MIN_MOS <= estimate_mos(loss, jitter, round_trip) <= 4.41


@given(ratios, seconds, seconds, ratios, seconds, seconds)
def test_worse_figures_never_sound_better(
    loss: float, jitter: float, round_trip: float, more_loss: float, more_jitter: float, more_round_trip: float
) -> None:
    worse = estimate_mos(min(1, loss + more_loss), jitter + more_jitter, round_trip + more_round_trip)
    assert worse <= estimate_mos(loss, jitter, round_trip) + 1e-9


@pytest.mark.parametrize(
    ("figures", "same_as"),
    [
        pytest.param((-0.5, 0, 0), (0, 0, 0), id="more received than sent"),
        pytest.param((7, 0, 0), (1, 0, 0), id="more lost than sent"),
        pytest.param((0, -1, -1), (0, 0, 0), id="negative times"),
        pytest.param((math.nan, math.nan, math.nan), (0, 0, 0), id="not a number"),
        pytest.param((0, math.inf, 0), (0, 1e9, 0), id="infinite"),
    ],
)
def test_impossible_figures_count_as_the_nearest_possible(
    figures: tuple[float, float, float], same_as: tuple[float, float, float]
) -> None:
    assert estimate_mos(*figures) == estimate_mos(*same_as)


@pytest.mark.parametrize(
    ("received", "lost", "mos"),
    [
        pytest.param(1000, 0, 4.41, id="all arrived"),
        pytest.param(990, 10, 4.33, id="1 % lost"),
        pytest.param(1000, -3, 4.41, id="duplicates make the count of lost packets negative"),
        pytest.param(1, 10**9, 1.18, id="next to nothing arrived"),
    ],
)
def test_mos_of_a_leg(received: int, lost: int, mos: float) -> None:
    media = LegMedia(Role.INBOUND, "pbx", received=received, sent=0, lost=lost, jitter=0, round_trip=0)
    assert leg_mos(media) == pytest.approx(mos, abs=0.01)


def test_silence_has_no_mos() -> None:
    assert leg_mos(LegMedia(Role.INBOUND, "pbx", received=0, sent=1000, lost=0, jitter=0, round_trip=0)) is None
