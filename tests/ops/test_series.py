"""Label sets are known beforehand, and whatever else comes counts as `other`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.ops.series import Series, observe


def new_series() -> tuple[CollectorRegistry, Series[Counter]]:
    registry = CollectorRegistry()
    series = Series(Counter("test_total", "A test.", ["trunk", "code"], registry=registry))
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
    series.of("pbx", "200").inc()
    series.create("pbx", "200")
    series.of("pbx", "200").inc()
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
    series.of(*labels).inc()
    assert registry.get_sample_value("test_total", dict(zip(("trunk", "code"), counted_as, strict=True))) == 1


@given(st.lists(st.tuples(st.text(), st.text()), max_size=50))
def test_labels_from_outside_cannot_grow_the_metric(labels: list[tuple[str, str]]) -> None:
    registry, series = new_series()
    for trunk, code in labels:
        series.of(trunk, code).inc()
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
    observe(Histogram("test", "A test.", registry=registry), value)
    assert registry.get_sample_value("test_count") == taken
    assert math.isfinite(registry.get_sample_value("test_sum") or 0)
