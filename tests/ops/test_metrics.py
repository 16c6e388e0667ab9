"""The exposition as Prometheus reads it: every series from the start, the right ones move, nothing else appears."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.bridge.commands import Role
from gateway.bridge.outcome import BUSY, OUTCOMES
from gateway.bridge.ports import Phase, TrunkStatus
from gateway.bridge.record import LegMedia
from gateway.bridge.terms import TransferResult
from gateway.core.plan import TransferMode
from gateway.core.receipt import Outcome
from gateway.core.terms import Direction, On
from gateway.ops.metrics import Build, Metrics
from tests.ops.samples import MEDIA, active, ended, entry, field, plan, status

PLAN = plan(
    field("customer_id"),
    field("queue", direction=frozenset({Direction.TO_PBX}), on=frozenset({On.INVITE, On.END})),
)
REASONS = ("draining", "limit-calls", "unknown-source")
BUILD = Build("0.1.0", "2.17")

CONTRACT = {
    "gateway_calls_total": {"direction", "result", "reason"},
    "gateway_calls_active": {"direction"},
    "gateway_setup_seconds": {"direction"},
    "gateway_post_dial_delay_seconds": {"direction"},
    "gateway_answer_seconds": {"direction"},
    "gateway_call_duration_seconds": {"direction"},
    "gateway_context_fields_total": {"field", "direction", "on", "outcome"},
    "gateway_context_bytes": {"direction"},
    "gateway_trunk_up": {"trunk"},
    "gateway_trunk_uris_down": {"trunk"},
    "gateway_sip_responses_total": {"trunk", "direction", "code"},
    "gateway_rejected_total": {"reason"},
    "gateway_tls_failures_total": {"direction", "reason"},
    "gateway_tls_certificate_expiration_timestamp_seconds": set(),
    "gateway_unbelieved_headers_total": {"trunk", "header"},
    "gateway_hidden_callers_total": {"trunk"},
    "gateway_registrations_total": {"trunk", "result"},
    "gateway_event_loop_lag_seconds": set(),
    "gateway_config_reloads_total": {"result"},
    "gateway_transfers_total": {"mode", "result"},
    "gateway_config_info": {"hash"},
    "gateway_draining": set(),
    "gateway_build_info": {"version", "pjsip"},
    "gateway_rtp_packets_total": {"trunk", "direction"},
    "gateway_rtp_lost_total": {"trunk"},
    "gateway_rtp_refused_total": {"trunk"},
    "gateway_rtp_jitter_seconds": {"trunk"},
    "gateway_rtp_mos": {"trunk"},
    "gateway_write_back_total": {"trunk", "result"},
}
"""Names and labels that dashboards and alerts are built on."""


def new_metrics() -> Metrics:
    return Metrics(BUILD, PLAN, REASONS)


class Scrape:
    """What one scrape reads."""

    def __init__(self, metrics: Metrics, state: Any = None) -> None:
        text = metrics.render(state or status()).decode()
        self.families: list[Metric] = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.samples[(name, *sorted(labels.items()))]

    def series(self) -> set[tuple[Any, ...]]:
        return set(self.samples)

    def moved(self, before: Scrape) -> dict[tuple[Any, ...], float]:
        """Every series of ours that changed, with by how much; buckets left out."""
        return {
            key: value - before.samples.get(key, 0)
            for key, value in self.samples.items()
            if key[0].startswith("gateway_") and not key[0].endswith("_bucket") and value != before.samples.get(key, 0)
        }


def key(name: str, **labels: str) -> tuple[Any, ...]:
    return (name, *sorted(labels.items()))


def labels_of(families: Iterable[Metric], name: str) -> set[str]:
    ignored = {"le"}
    names = {name, name.removesuffix("_total"), name + "_bucket"}
    found = (sample for family in families for sample in family.samples if sample.name in names or family.name == name)
    return {label for sample in found for label in sample.labels} - ignored


@pytest.mark.parametrize(("name", "labels"), CONTRACT.items())
def test_each_metric_of_the_contract_is_there_from_the_start(name: str, labels: set[str]) -> None:
    scrape = Scrape(new_metrics())
    families = [family for family in scrape.families if family.name in (name, name.removesuffix("_total"))]
    assert len(families) == 1
    assert families[0].documentation
    assert families[0].samples
    assert labels_of(families, name) == labels


def test_no_other_metric_of_ours_is_there() -> None:
    names = {family.name for family in Scrape(new_metrics()).families if family.name.startswith("gateway_")}
    assert names == {name.removesuffix("_total") for name in CONTRACT}


def test_every_way_of_a_transfer_has_every_result_at_zero() -> None:
    metrics = new_metrics()
    for mode in TransferMode:
        for result in TransferResult:
            assert Scrape(metrics).value("gateway_transfers_total", mode=mode.value, result=result.value) == 0
            metrics.transfer(mode, result)
            assert Scrape(metrics).value("gateway_transfers_total", mode=mode.value, result=result.value) == 1


def test_the_process_itself_is_measured() -> None:
    scrape = Scrape(new_metrics())
    assert scrape.value("process_open_fds") > 0
    assert scrape.value("process_resident_memory_bytes") > 0


def test_every_direction_has_every_outcome_at_zero() -> None:
    scrape = Scrape(new_metrics())
    for direction in Direction:
        for outcome in OUTCOMES:
            labels = {"direction": direction.value, "result": outcome.result.value, "reason": outcome.reason}
            assert scrape.value("gateway_calls_total", **labels) == 0


def test_a_field_has_the_series_of_its_directions_and_messages() -> None:
    found = {
        (labels["field"], labels["direction"], labels["on"])
        for name, *pairs in Scrape(new_metrics()).series()
        if name == "gateway_context_fields_total" and (labels := dict(pairs))
    }
    assert found == {
        ("customer_id", "to_twilio", "invite"),
        ("customer_id", "to_pbx", "invite"),
        ("queue", "to_pbx", "invite"),
        ("queue", "to_pbx", "end"),
        ("customer_id", "to_twilio", "refer"),  # a transfer carries on what the INVITE did
        ("customer_id", "to_pbx", "refer"),
        ("queue", "to_pbx", "refer"),
    }


def test_a_call_moves_what_its_record_says_and_nothing_else() -> None:
    metrics = new_metrics()
    before = Scrape(metrics)
    metrics.calls.started(Direction.TO_TWILIO)
    assert Scrape(metrics).value("gateway_calls_active", direction="to_twilio") == 1
    metrics.call_ended(ended())
    to_twilio = {"direction": "to_twilio"}
    assert Scrape(metrics).moved(before) == pytest.approx(
        {
            key("gateway_calls_total", **to_twilio, result="success", reason="completed"): 1,
            key("gateway_setup_seconds_count", **to_twilio): 1,
            key("gateway_setup_seconds_sum", **to_twilio): 0.0015,
            key("gateway_post_dial_delay_seconds_count", **to_twilio): 1,
            key("gateway_post_dial_delay_seconds_sum", **to_twilio): 0.31,
            key("gateway_answer_seconds_count", **to_twilio): 1,
            key("gateway_answer_seconds_sum", **to_twilio): 4.2,
            key("gateway_call_duration_seconds_count", **to_twilio): 1,
            key("gateway_call_duration_seconds_sum", **to_twilio): 60.5,
            key("gateway_rtp_packets_total", trunk="pbx", direction="received"): 3000,
            key("gateway_rtp_packets_total", trunk="pbx", direction="sent"): 2990,
            key("gateway_rtp_packets_total", trunk="twilio", direction="received"): 2990,
            key("gateway_rtp_packets_total", trunk="twilio", direction="sent"): 3000,
            key("gateway_rtp_lost_total", trunk="pbx"): 30,
            key("gateway_rtp_refused_total", trunk="pbx"): 20,
            key("gateway_rtp_jitter_seconds_count", trunk="pbx"): 1,
            key("gateway_rtp_jitter_seconds_sum", trunk="pbx"): 0.004,
            key("gateway_rtp_jitter_seconds_count", trunk="twilio"): 1,
            key("gateway_rtp_jitter_seconds_sum", trunk="twilio"): 0.002,
            key("gateway_rtp_mos_count", trunk="pbx"): 1,
            key("gateway_rtp_mos_sum", trunk="pbx"): 4.3235,
            key("gateway_rtp_mos_count", trunk="twilio"): 1,
            key("gateway_rtp_mos_sum", trunk="twilio"): 4.3871,
        },
        abs=0.001,
    )


def test_a_call_that_was_not_answered_has_no_times_of_a_call_that_was() -> None:
    metrics = new_metrics()
    before = Scrape(metrics)
    metrics.calls.started(Direction.TO_PBX)
    metrics.call_ended(active(direction=Direction.TO_PBX, outcome=BUSY, code=486, post_dial_delay_seconds=None))
    to_pbx = {"direction": "to_pbx"}
    assert Scrape(metrics).moved(before) == pytest.approx(
        {
            key("gateway_calls_total", **to_pbx, result="client-error", reason="busy"): 1,
            key("gateway_setup_seconds_count", **to_pbx): 1,
            key("gateway_setup_seconds_sum", **to_pbx): 0.0015,
        }
    )


def test_an_end_without_an_outcome_is_our_fault() -> None:
    metrics = new_metrics()
    metrics.call_ended(ended(outcome=None))
    labels = {"direction": "to_twilio", "result": "server-error", "reason": "internal-error"}
    assert Scrape(metrics).value("gateway_calls_total", **labels) == 1


def test_a_message_moves_its_fields_and_its_size() -> None:
    metrics = new_metrics()
    before = Scrape(metrics)
    receipt = (entry("customer_id"), entry("queue", Outcome.DROPPED, on=On.END, direction=Direction.TO_PBX))
    metrics.context.mapped(Direction.TO_TWILIO, receipt, 120)
    fields = "gateway_context_fields_total"
    assert Scrape(metrics).moved(before) == {
        key(fields, field="customer_id", direction="to_twilio", on="invite", outcome="sent"): 1,
        key(fields, field="queue", direction="to_pbx", on="end", outcome="dropped"): 1,
        key("gateway_context_bytes_count", direction="to_twilio"): 1,
        key("gateway_context_bytes_sum", direction="to_twilio"): 120,
    }


@pytest.mark.parametrize(
    ("code", "label"),
    [
        pytest.param(180, "180", id="realistic: ringing"),
        pytest.param(486, "486", id="realistic: busy"),
        pytest.param(499, "4xx", id="synthetic: unknown in a known class"),
        pytest.param(699, "6xx", id="synthetic: the last there can be"),
        pytest.param(0, "other", id="pathological: no code"),
        pytest.param(700, "other", id="pathological: no class"),
        pytest.param(-1, "other", id="pathological: below nothing"),
        pytest.param(10**30, "other", id="pathological: endless"),
    ],
)
def test_a_response_counts_by_its_code_or_class(code: int, label: str) -> None:
    metrics = new_metrics()
    before = Scrape(metrics)
    metrics.trunks.response("twilio", "received", code)
    moved = {key("gateway_sip_responses_total", trunk="twilio", direction="received", code=label): 1}
    assert Scrape(metrics).moved(before) == moved


@pytest.mark.parametrize(("reason", "label"), [("draining", "draining"), ("sip:+15551234567@evil", "other")])
def test_a_rejected_invite_counts_by_a_known_reason(reason: str, label: str) -> None:
    metrics = new_metrics()
    metrics.invite_rejected(reason)
    assert Scrape(metrics).value("gateway_rejected_total", reason=label) == 1


def test_reloads_count_by_result() -> None:
    metrics = new_metrics()
    metrics.config_reloaded(True)
    metrics.config_reloaded(False)
    metrics.config_reloaded(False)
    scrape = Scrape(metrics)
    assert scrape.value("gateway_config_reloads_total", result="success") == 1
    assert scrape.value("gateway_config_reloads_total", result="failure") == 2


def test_the_end_of_our_certificate_is_that_of_now() -> None:
    metrics, name = new_metrics(), "gateway_tls_certificate_expiration_timestamp_seconds"
    assert Scrape(metrics).value(name) == 0
    metrics.certificate_adopted(datetime(2026, 5, 4, tzinfo=UTC))
    assert Scrape(metrics).value(name) == 1_777_852_800
    metrics.certificate_adopted(None)
    assert Scrape(metrics).value(name) == 0


@pytest.mark.parametrize(
    ("phase", "draining"), [(Phase.STARTING, 0), (Phase.RUNNING, 0), (Phase.DRAINING, 1), (Phase.STOPPING, 1)]
)
def test_draining_shows_the_phase(phase: Phase, draining: int) -> None:
    assert Scrape(new_metrics(), status(phase)).value("gateway_draining") == draining


def test_trunks_and_configuration_are_those_of_now() -> None:
    metrics = new_metrics()
    before = Scrape(metrics, status(usable=False))
    assert before.value("gateway_trunk_up", trunk="twilio") == 0
    assert before.value("gateway_trunk_uris_down", trunk="twilio") == 0
    other = TrunkStatus("other_pbx", "pbx", True, ("sip:10.0.0.6", "sip:10.0.0.7"))
    after = Scrape(metrics, replace(status(), plan_hash="new", trunks=(other,)))
    assert after.value("gateway_trunk_uris_down", trunk="other_pbx") == 2
    now = ("gateway_trunk_up", "gateway_trunk_uris_down", "gateway_config_info")
    assert {k for k in after.series() if k[0] in now} == {
        key("gateway_trunk_up", trunk="other_pbx"),
        key("gateway_trunk_uris_down", trunk="other_pbx"),
        key("gateway_config_info", hash="new"),
    }


def test_without_a_status_the_last_known_is_shown() -> None:
    metrics = new_metrics()
    metrics.render(status(Phase.DRAINING))
    scrape = text_string_to_metric_families(metrics.render(None).decode())
    assert [family.samples[0].value for family in scrape if family.name == "gateway_draining"] == [1]


def test_a_reload_adds_series_and_keeps_those_of_calls_in_progress() -> None:
    metrics = new_metrics()
    metrics.context.mapped(Direction.TO_PBX, (entry("queue", direction=Direction.TO_PBX),), 10)
    before = Scrape(metrics)
    metrics.adopt(plan(field("product_id"), trunks=("pbx", "second")))
    after = Scrape(metrics)
    assert before.series() <= after.series()
    added = {"field": "product_id", "direction": "to_pbx", "on": "invite", "outcome": "sent"}
    assert after.value("gateway_context_fields_total", **added) == 0
    assert after.value("gateway_sip_responses_total", trunk="second", direction="sent", code="200") == 0
    assert after.moved(before) == {}


any_text = st.text(st.characters(codec=None))
media = st.builds(
    LegMedia,
    role=st.sampled_from(Role),
    trunk=any_text,
    received=st.integers(-5, 10**9),
    sent=st.integers(-5, 10**9),
    lost=st.integers(-(10**6), 10**9),
    jitter=st.floats(),
    round_trip=st.floats(),
    codec=any_text,
)


@settings(max_examples=30, deadline=None)  # two scrapes each, which a busy machine takes its time for
@given(name=any_text, code=st.integers(), leg=media, seconds=st.floats())
def test_nothing_from_outside_becomes_a_label_or_spoils_a_sum(
    name: str, code: int, leg: LegMedia, seconds: float
) -> None:
    metrics = new_metrics()
    before = {value for _, *pairs in Scrape(metrics).series() for _, value in pairs}
    record = ended(
        id=name,
        from_trunk=name,
        to_trunk=name,
        inbound_call_id=name,
        setup_seconds=seconds,
        context={"queue": name},
        media=(leg, *MEDIA),
    )
    metrics.calls.started(record.direction)
    metrics.context.mapped(record.direction, (entry(name),), len(name))
    metrics.trunks.response(name, "received", code)
    metrics.trunks.response("twilio", name, code)
    metrics.invite_rejected(name)
    metrics.lag.observe(seconds)
    metrics.call_ended(record)
    after = Scrape(metrics)
    assert {value for _, *pairs in after.series() for _, value in pairs} <= before | {"other"}
    assert all(math.isfinite(value) for value in after.samples.values())
