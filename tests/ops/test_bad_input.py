"""Every bad input that a peer can send is counted once, under its field and what became of it, and nothing else is."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.core.fields import Field
from gateway.core.receipt import Outcome
from gateway.core.terms import Direction
from gateway.ops.call_metrics import ContextMetrics
from tests.core.test_bad_input import BAD, carry, setup_of


@pytest.mark.parametrize(("name", "lines", "one", "outcome", "reason"), BAD, ids=[case[0] for case in BAD])
def test_a_bad_input_has_one_counter(name: str, lines: str, one: Field, outcome: Outcome, reason: str) -> None:
    mapped = carry(lines, one, **setup_of(one))
    registry = CollectorRegistry()
    metrics = ContextMetrics(registry)
    metrics.adopt([Field("before"), one, Field("after")])
    metrics.mapped(Direction.TO_TWILIO, mapped.receipt, mapped.bytes)
    (family,) = (one for one in registry.collect() if one.name == "gateway_context_fields")
    counted = {
        (sample.labels["field"], sample.labels["outcome"]): sample.value
        for sample in family.samples
        if sample.name == "gateway_context_fields_total" and sample.value
    }
    assert counted == {("before", "sent"): 1, ("bad", outcome.value): 1, ("after", "sent"): 1}
