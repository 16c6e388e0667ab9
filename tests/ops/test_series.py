"""Label sets are known beforehand, and whatever else comes counts as `other`."""

from __future__ import annotations

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gateway.ops.series import MUCH, CounterSeries, HistogramSeries


def new_series() -> tuple[CollectorRegistry, CounterSeries]:
    registry = CollectorRegistry()
    series = CounterSeries(registry, "test_total", "A test.", ["trunk", "code"])
    for trunk in ("pbx", "twilio"):
        for code in ("200", "other"):
            series.create(trunk, code)
    return registry, series


def label_sets(registry: CollectorRegistry) -> set[tuple[str, ...]]:
    samples = (sample for family in registry.collect() for sample in family.samples if sample.name == "test_total")
    return {(sample.labels["trunk"], sample.labels["code"]) for sample in samples}


def test_created_label_sets_exist_at_zero() -> None:
    registry, _ = new_series()
    assert registry.get_sample_value("test_total", {"trunk": "twilio", "code": "200"}) == 0


def test_a_known_label_set_counts_as_itself() -> None:
    registry, series = new_series()
    series.count("pbx", "200")
    series.create("pbx", "200")
    series.count("pbx", "200")
    assert registry.get_sample_value("test_total", {"trunk": "pbx", "code": "200"}) == 2


@pytest.mark.parametrize(
    ("labels", "counted_as"),
    [
        pytest.param(("pbx", "999"), ("pbx", "other"), id="one unknown label"),
        pytest.param(("evil", "200"), ("other", "200"), id="another"),
        pytest.param(("evil", "999"), ("other", "other"), id="all unknown"),
    ],
)
def test_an_unknown_label_counts_as_other(labels: tuple[str, str], counted_as: tuple[str, str]) -> None:
    registry, series = new_series()
    series.count(*labels)
    assert registry.get_sample_value("test_total", dict(zip(("trunk", "code"), counted_as, strict=True))) == 1


def test_what_is_counted_together_counts_as_it_does_one_by_one() -> None:
    registry, series = new_series()
    series.count_each([("pbx", "200"), ("twilio", "999"), ("pbx", "200"), ("evil", "200")])
    counted = {("pbx", "200"): 2, ("twilio", "other"): 1, ("other", "200"): 1}
    for (trunk, code), count in counted.items():
        assert registry.get_sample_value("test_total", {"trunk": trunk, "code": code}) == count


@given(st.lists(st.tuples(st.text(), st.text()), max_size=50))
def test_labels_from_outside_cannot_grow_the_metric(labels: list[tuple[str, str]]) -> None:
    registry, series = new_series()
    for trunk, code in labels:
        series.count(trunk, code)
    series.count_each(labels)
    assert label_sets(registry) <= {(t, c) for t in ("pbx", "twilio", "other") for c in ("200", "other")}


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        pytest.param(0.0, 1, id="zero is a value"),
        pytest.param(1e9, 1, id="beyond the last bucket"),
        pytest.param(None, 0, id="it did not come to that"),
        pytest.param(math.nan, 0, id="not a number"),
        pytest.param(math.inf, 0, id="infinite"),
        pytest.param(-0.001, 0, id="before it began"),
    ],
)
def test_only_values_are_observed(value: float | None, taken: int) -> None:
    registry = CollectorRegistry()
    HistogramSeries(registry, "test", "A test.", (), [1, 2]).observe(value)
    assert registry.get_sample_value("test_count") == taken
    assert math.isfinite(registry.get_sample_value("test_sum") or 0)


def test_a_count_below_zero_is_none() -> None:
    registry, series = new_series()
    series.count_many(-3, "pbx", "200")
    assert registry.get_sample_value("test_total", {"trunk": "pbx", "code": "200"}) == 0


@given(st.lists(st.floats(0, 1e6, allow_subnormal=False)))
def test_a_histogram_says_what_that_of_the_library_would(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    series = HistogramSeries(ours, "test_seconds", "A test.", ["way"], [0.5, 1, 1000])
    reference = Histogram("test_seconds", "A test.", ["way"], buckets=[0.5, 1, 1000], registry=theirs)
    reference.labels("in")
    series.create("in")
    for value in values:
        series.observe(value, "in")
        reference.labels("in").observe(value)
    assert without_times(generate_latest(ours)) == without_times(generate_latest(theirs))


def without_times(text: bytes) -> list[str]:
    """The library also says when it began to count, unless the process told it not to."""
    return [line for line in text.decode().splitlines() if "_created" not in line]


def test_threads_lose_nothing() -> None:
    registry, series = new_series()
    seconds = HistogramSeries(registry, "test_seconds", "A test.", (), [1, 2])
    scraped: list[float | None] = []

    def count() -> None:
        for _ in range(5000):
            series.count("pbx", "200")
            series.count_each([("pbx", "200"), ("twilio", "200")])
            series.count_many(2, "pbx", "200")
            seconds.observe(1.5)

    def scrape() -> None:
        scraped.extend(registry.get_sample_value("test_seconds_count") for _ in range(50))

    threads = [threading.Thread(target=work) for work in (count, count, scrape, count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.get_sample_value("test_total", {"trunk": "pbx", "code": "200"}) == 60_000
    assert registry.get_sample_value("test_total", {"trunk": "twilio", "code": "200"}) == 15_000
    assert registry.get_sample_value("test_seconds_bucket", {"le": "2.0"}) == 15_000
    assert registry.get_sample_value("test_seconds_sum") == 22_500
    assert scraped == sorted(scraped, key=lambda value: value or 0)


def test_what_nobody_asks_for_is_added_up_all_the_same() -> None:
    registry, series = new_series()
    seconds = HistogramSeries(registry, "test_seconds", "A test.", (), [1, 2])
    for _ in range(3 * MUCH):
        series.count("pbx", "200")
        seconds.observe(1.5)
    assert len(series._happened) < MUCH
    assert len(seconds._spreads[()].fresh) < MUCH
    assert registry.get_sample_value("test_seconds_count") == 3 * MUCH
