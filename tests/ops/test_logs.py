"""The log as whoever collects it reads it: one JSON object a line, two lines a call, no values of context."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.outcome import BUSY, DECLINED, FORBIDDEN, NO_COMMON_CODEC
from gateway.bridge.outcome import Outcome as End
from gateway.bridge.record import TransferRecord
from gateway.bridge.terms import Role, TransferResult
from gateway.core.plan import TransferMode
from gateway.core.receipt import Outcome
from gateway.core.terms import On
from gateway.ops.logs import (
    CALL_ID_CHARACTERS,
    JsonFormatter,
    log_call_ended,
    logging_to,
)
from tests.ops.samples import STARTED, active, ended, entry

any_text = st.text(st.characters(codec=None))


def line_of(text: str = "text", *args: object, **attributes: Any) -> dict[str, Any]:
    made = {"name": "gateway.test", "levelno": 20, "levelname": "INFO", "created": STARTED, "msg": text, "args": args}
    parsed: dict[str, Any] = json.loads(JsonFormatter().format(logging.makeLogRecord(made | attributes)))
    return parsed


def lines_of(work: Callable[[], object], level: str = "INFO") -> list[dict[str, Any]]:
    """What the process writes while `work` is done."""
    reading, writing = os.pipe()
    with logging_to(writing, level):
        work()
    os.close(writing)
    with open(reading, encoding="ascii") as lines:
        return [json.loads(line) for line in lines]


def test_a_line_has_time_level_logger_and_text() -> None:
    expected = {"ts": "2023-11-14T22:13:20.250Z", "level": "INFO", "logger": "gateway.test", "msg": "2 calls"}
    assert line_of("%d calls", 2) == expected


def test_extra_fields_follow_and_unknown_ones_are_left_out() -> None:
    line = line_of(call="5f0c", outbound_call_id=None, code=486)
    assert list(line) == ["ts", "level", "logger", "msg", "call", "code"]


def test_extra_cannot_replace_what_every_line_has() -> None:
    assert line_of(ts="never", level="NONE")["level"] == "INFO"


def test_an_exception_is_text_in_the_same_line() -> None:
    def fail() -> None:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            logging.getLogger("gateway.test").exception("it failed")

    (line,) = lines_of(fail)
    assert line["level"] == "ERROR"
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: first\nsecond")


@given(any_text, any_text, any_text)
def test_hostile_text_stays_inside_its_line(text: str, argument: str, extra: str) -> None:
    made = {"msg": text.replace("%", "%%") + "%s", "args": (argument,), "peer": extra}
    line = JsonFormatter().format(logging.makeLogRecord(made))
    assert line.isascii() and line.isprintable()
    assert json.loads(line)["msg"] == without_halves(text + argument)


def without_halves(text: str) -> str:
    """Halves of surrogate pairs, that no text file can hold, as the log shows them; pairs are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\ufffd", "?")


def test_the_line_when_a_call_ends() -> None:
    (line,) = lines_of(lambda: log_call_ended(ended()))
    line.pop("ts")
    assert line == {
        "level": "INFO",
        "logger": "gateway.calls",
        "msg": "call ended",
        "call": "5f0c",
        "inbound_call_id": "in@pbx",
        "inbound_session_id": "a" * 32,
        "outbound_session_id": "b" * 32,
        "outbound_call_id": "out@gw",
        "direction": "to_twilio",
        "from_trunk": "pbx",
        "to_trunk": "twilio",
        "plan": "0123abcd",
        "result": "success",
        "reason": "completed",
        "attempts": 1,
        "setup_seconds": 0.0015,
        "post_dial_delay_seconds": 0.31,
        "answer_seconds": 4.2,
        "duration_seconds": 60.5,
        "receipt": {"sent": 1, "defaulted": 1, "dropped": 1},
        "lost": [{"field": "card", "on": "invite", "outcome": "dropped", "reason": "70 bytes, 64 allowed"}],
    }


def test_the_line_of_a_call_that_came_to_nothing() -> None:
    record = ended(
        to_trunk="", outbound_call_id="", outcome=BUSY, code=486, answer_seconds=None, duration_seconds=None, receipt=()
    )
    (line,) = lines_of(lambda: log_call_ended(record))
    assert (line["result"], line["reason"], line["code"]) == ("client-error", "busy", 486)
    assert (line["receipt"], line["lost"]) == ({}, [])
    unknown = {"to_trunk", "outbound_call_id", "answer_seconds", "duration_seconds", "twilio_error", "advice"}
    assert not unknown & set(line)


@pytest.mark.parametrize(
    ("outcome", "error", "advice"),
    [
        (FORBIDDEN, None, "access list, and auth of the trunk"),
        (FORBIDDEN, 32201, "access control list of the SIP Domain"),
        (FORBIDDEN, 32202, "credential list"),
        (NO_COMMON_CODEC, 32208, "srtp: required"),
        (DECLINED, 31603, "https://www.twilio.com/docs/api/errors/31603"),
    ],
)
def test_the_line_of_a_call_that_failed_says_what_to_do(outcome: End, error: int | None, advice: str) -> None:
    (line,) = lines_of(lambda: log_call_ended(ended(outcome=outcome, twilio_error=error)))
    assert line.get("twilio_error") == error
    assert advice in line["advice"]


def test_the_line_of_a_call_that_was_transferred() -> None:
    tried = [
        TransferRecord(Role.OUTBOUND, TransferMode.LOCAL, "pbx", result)
        for result in (TransferResult.FAILED, None, TransferResult.FAILED, TransferResult.COMPLETED)
    ]
    (line,) = lines_of(lambda: log_call_ended(ended(transfers=tuple(tried))))
    assert line["transfers"] == {"failed": 2, "completed": 1}
    (line,) = lines_of(lambda: log_call_ended(active(transfers=(tried[1],))))
    assert "transfers" not in line  # one goes on


def test_a_field_lost_in_two_messages_is_named_twice() -> None:
    receipt = (entry("queue", Outcome.INVALID), entry("queue", Outcome.DROPPED, on=On.END))
    (line,) = lines_of(lambda: log_call_ended(ended(receipt=receipt)))
    assert line["lost"] == [
        {"field": "queue", "on": "invite", "outcome": "invalid", "reason": None},
        {"field": "queue", "on": "end", "outcome": "dropped", "reason": None},
    ]


def test_a_call_id_without_end_is_cut() -> None:
    (line,) = lines_of(lambda: log_call_ended(active(inbound_call_id="i" * 60_000)))
    assert line["inbound_call_id"] == "i" * CALL_ID_CHARACTERS


def test_calls_are_not_logged_above_info() -> None:
    assert lines_of(lambda: log_call_ended(ended()), "WARNING") == []


@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8),
    name=st.sampled_from(["customer_id", "caller_name"]),
)
def test_no_value_of_context_is_in_a_line(value: str, name: str) -> None:
    record = ended(context={name: f"<{value}>"})
    (line,) = lines_of(lambda: log_call_ended(record))
    assert f"<{value}>" not in str(list(line.values()))


def test_what_was_set_up_before_comes_back_and_nothing_is_left() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, set(threading.enumerate()), len(os.listdir("/proc/self/fd")))
    lines_of(lambda: root.info("a line"))
    assert (list(root.handlers), root.level, set(threading.enumerate()), len(os.listdir("/proc/self/fd"))) == before


def test_an_unknown_level_is_refused_before_anything_is_changed() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, set(threading.enumerate()))
    with pytest.raises(ValueError, match="Unknown level"), logging_to(1, "LOUD"):
        pass
    assert (list(root.handlers), root.level, set(threading.enumerate())) == before
