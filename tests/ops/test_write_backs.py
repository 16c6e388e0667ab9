"""What becomes of variables: all counted and in the record, the first failure of each kind and while in the log."""

from __future__ import annotations

import logging

import pytest

from gateway.core.terms import On
from gateway.core.variables import Variable, VariableWrite, WriteResult, Written
from gateway.ops.metrics import Build, Metrics
from gateway.ops.write_backs import WriteBackObserver
from tests.ops.samples import field, plan

VALUE = "bob-4711"
VARIABLE = Variable("agent", "AGENT", VALUE)


def write(call: str = "5f0c") -> VariableWrite:
    return VariableWrite(call, "pbx", "in@pbx", On.ANSWER, (VARIABLE,))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(Build("0.1.0", "2.17"), plan(field("queue")), ())


def count(metrics: Metrics, result: str) -> float | None:
    labels = {"trunk": "pbx", "result": result}
    return metrics.registry.get_sample_value("gateway_write_back_total", labels)


@pytest.mark.parametrize("result", WriteResult)
def test_every_result_is_counted_and_in_the_record(metrics: Metrics, result: WriteResult) -> None:
    observer = WriteBackObserver(metrics)
    assert count(metrics, result) == 0
    observer.written(write(), VARIABLE, Written(result, "why"))
    assert count(metrics, result) == 1
    entry = {"field": "agent", "variable": "AGENT", "on": "answer", "result": result.value, "reason": "why"}
    assert observer.of("5f0c") == [entry]
    assert observer.of("another") == []


def test_the_log_has_one_line_of_many_alike_and_no_value(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    observer = WriteBackObserver(metrics)
    for result in (WriteResult.WRITTEN, WriteResult.FAILED, WriteResult.FAILED, WriteResult.GONE):
        observer.written(write(), VARIABLE, Written(result))
    lines = [(record.levelname, record.getMessage(), vars(record)["result"]) for record in caplog.records]
    assert lines == [
        ("WARNING", "variable not written back", "failed"),
        ("WARNING", "variable not written back", "gone"),
    ]
    assert VALUE not in str([vars(record) for record in caplog.records])
    assert VALUE not in repr(write())


def test_the_oldest_call_is_forgotten(metrics: Metrics) -> None:
    observer = WriteBackObserver(metrics, capacity=2)
    for call in ("1", "2", "1", "3"):
        observer.written(write(call), VARIABLE, Written(WriteResult.WRITTEN))
    assert [len(observer.of(call)) for call in ("1", "2", "3")] == [0, 1, 1]
