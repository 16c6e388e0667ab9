"""One call: one count, one record, two lines. One flood: all counted, one line a while."""

from __future__ import annotations

import logging

import pytest

from gateway.bridge.admission import REJECT_REASONS
from gateway.bridge.health import RegistrationEnded
from gateway.bridge.outcome import OUTCOMES
from gateway.bridge.ports import Observer
from gateway.bridge.terms import TransferResult
from gateway.bridge.tls import ADVICE, TlsFailure, TlsProblem
from gateway.core.plan import TransferMode
from gateway.core.terms import Direction, On
from gateway.ops import advice
from gateway.ops.metrics import Build, Metrics
from gateway.ops.observer import CallObserver
from gateway.ops.records import RecentCalls
from gateway.sip.shell import SipShell
from tests.ops.samples import ended, entry, field, plan


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(Build("0.1.0", "2.17"), plan(field("queue")), ("limit-rate",))


@pytest.fixture
def recent() -> RecentCalls:
    return RecentCalls()


@pytest.fixture
def observer(metrics: Metrics, recent: RecentCalls) -> Observer:
    return CallObserver(metrics, recent)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_transfer_is_counted(observer: Observer, metrics: Metrics) -> None:
    observer.transfer(TransferMode.LOCAL, TransferResult.NO_ROUTE)
    assert value(metrics, "gateway_transfers_total", mode="local", result="no-route") == 1


def test_a_call_is_counted_kept_and_logged_once(
    observer: Observer, metrics: Metrics, recent: RecentCalls, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    observer.call_started(Direction.TO_TWILIO)
    assert value(metrics, "gateway_calls_active", direction="to_twilio") == 1
    assert recent.newest_first() == []
    observer.call_ended(ended())
    assert value(metrics, "gateway_calls_active", direction="to_twilio") == 0
    completed = {"direction": "to_twilio", "result": "success", "reason": "completed"}
    assert value(metrics, "gateway_calls_total", **completed) == 1
    assert recent.newest_first() == [ended()]
    assert [record.getMessage() for record in caplog.records] == ["call ended"]


def test_context_responses_and_lag_are_counted_and_not_logged(
    observer: Observer, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    observer.context_mapped(Direction.TO_TWILIO, On.INVITE, (entry("queue"),), 20)
    observer.response("twilio", "received", 200)
    observer.loop_lag(0.003)
    sent = {"field": "queue", "direction": "to_twilio", "on": "invite", "outcome": "sent"}
    assert value(metrics, "gateway_context_fields_total", **sent) == 1
    received = {"trunk": "twilio", "direction": "received", "code": "200"}
    assert value(metrics, "gateway_sip_responses_total", **received) == 1
    assert value(metrics, "gateway_event_loop_lag_seconds_sum") == 0.003
    assert caplog.records == []


def test_a_tls_failure_is_counted_and_said_with_what_helps(
    observer: Observer, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    failure = TlsFailure(False, "acme.sip.twilio.com", TlsProblem.EXPIRED)
    for _ in range(3):
        observer.tls_failed(failure)
    labels = {"direction": "outbound", "reason": "certificate-expired"}
    assert value(metrics, "gateway_tls_failures_total", **labels) == 3
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("WARNING", "TLS connection given up")
    said = {**labels, "peer": "acme.sip.twilio.com", "advice": ADVICE[TlsProblem.EXPIRED]}
    assert said.items() <= vars(line).items()


def test_strangers_do_not_hide_that_we_reach_nobody(observer: Observer, caplog: pytest.LogCaptureFixture) -> None:
    """One problem both ways is said of both."""
    for _ in range(3):
        observer.tls_failed(TlsFailure(True, "192.0.2.7:40000", TlsProblem.TIMEOUT))
        observer.tls_failed(TlsFailure(False, "acme.sip.twilio.com", TlsProblem.TIMEOUT))
    assert [vars(line)["direction"] for line in caplog.records] == ["inbound", "outbound"]


@pytest.mark.parametrize(
    ("header", "advice"),
    [("Diversion", "set identity.believe"), ("X-Twilio-*", "only Twilio sends these"), ("Session-ID", "one UUID")],
)
def test_headers_that_are_not_believed_are_counted_and_said_once_a_while(
    observer: Observer, metrics: Metrics, caplog: pytest.LogCaptureFixture, header: str, advice: str
) -> None:
    for _ in range(3):
        observer.header_unbelieved("pbx", header)
    assert value(metrics, "gateway_unbelieved_headers_total", trunk="pbx", header=header) == 3
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("WARNING", "header not believed")
    assert {"trunk": "pbx", "header": header}.items() <= vars(line).items()
    assert advice in vars(line)["advice"]


def test_a_caller_that_hides_is_counted(observer: Observer, metrics: Metrics) -> None:
    observer.caller_hidden("twilio")
    assert value(metrics, "gateway_hidden_callers_total", trunk="twilio") == 1


@pytest.mark.parametrize(
    ("is_up", "level", "text", "advice"),
    [
        (False, "WARNING", "trunk does not answer", "look at its address, the network and the far end"),
        (True, "INFO", "trunk answers again", ""),
    ],
)
def test_a_trunk_that_comes_and_goes_is_said(
    observer: Observer, caplog: pytest.LogCaptureFixture, is_up: bool, level: str, text: str, advice: str
) -> None:
    caplog.set_level(logging.INFO)
    observer.trunk_changed("twilio", "sip:acme.sip.twilio.com", is_up)
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == (level, text)
    assert {"trunk": "twilio", "uri": "sip:acme.sip.twilio.com"}.items() <= vars(line).items()
    assert advice in vars(line).get("advice", "")


@pytest.mark.parametrize(
    ("code", "level", "text", "advice"),
    [
        (403, "WARNING", "trunk is not registered", "compare auth"),
        (408, "WARNING", "trunk is not registered", "nobody answers"),
        (500, "WARNING", "trunk is not registered", "look into its log"),
        (200, "INFO", "trunk registered", ""),
    ],
)
def test_a_registration_that_changes_is_said(
    observer: Observer,
    metrics: Metrics,
    caplog: pytest.LogCaptureFixture,
    code: int,
    level: str,
    text: str,
    advice: str,
) -> None:
    """And what stays as it was is counted alone."""
    caplog.set_level(logging.INFO)
    ended = RegistrationEnded("twilio", code, code == 200)
    observer.registration_ended(ended, True)
    observer.registration_ended(ended, False)
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == (level, text)
    assert {"trunk": "twilio", "code": code}.items() <= vars(line).items()
    assert advice in vars(line).get("advice", "")
    result = "accepted" if code == 200 else "refused"
    assert value(metrics, "gateway_registrations_total", trunk="twilio", result=result) == 2


def test_a_flood_is_counted_whole_and_logged_once(
    observer: Observer, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        observer.invite_rejected("limit-rate", "192.0.2.7")
    assert value(metrics, "gateway_rejected_total", reason="limit-rate") == 1000
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("WARNING", "request rejected")
    assert {"reason": "limit-rate", "source_address": "192.0.2.7", "not_logged": 0}.items() <= vars(line).items()
    assert "calls_per_second" in vars(line)["advice"]


def test_there_is_advice_for_every_rejection() -> None:
    assert set(advice.REJECTION) == {*REJECT_REASONS, *SipShell.reject_reasons}


def test_advice_on_outcomes_is_of_outcomes_that_there_are() -> None:
    assert set(advice.OUTCOME) <= {outcome.reason for outcome in OUTCOMES}


def test_a_rejection_of_a_kind_to_come_is_told_too(observer: Observer, caplog: pytest.LogCaptureFixture) -> None:
    observer.invite_rejected("of-another-kind", "192.0.2.7")
    (line,) = caplog.records
    assert vars(line)["advice"] == advice.OTHER_REJECTION
