"""What is kept of calls and how it looks as JSON."""

from __future__ import annotations

import json
import threading

import pytest

from gateway.bridge.outcome import BUSY
from gateway.bridge.record import LegMedia, TransferRecord
from gateway.bridge.terms import Role, TransferResult
from gateway.core.fields import Sensitivity
from gateway.core.locators import CallFacts
from gateway.core.mapping import apply_rules
from gateway.core.message import parse_message
from gateway.core.plan import Dialect, TransferMode
from gateway.core.terms import Direction, On, Side
from gateway.ops.jsontext import build_json
from gateway.ops.records import RecentCalls, record_as_dict, summary_as_dict
from tests.ops.samples import active, ended, entry, field, plan


def test_the_newest_comes_first() -> None:
    recent = RecentCalls()
    for name in ("a", "b", "c"):
        recent.add(ended(id=name))
    assert [record.id for record in recent.newest_first()] == ["c", "b", "a"]


def test_the_oldest_leaves_when_there_are_too_many() -> None:
    recent = RecentCalls(capacity=2)
    for name in ("a", "b", "c"):
        recent.add(ended(id=name))
    assert [record.id for record in recent.newest_first()] == ["c", "b"]
    assert recent.find("a") is None
    assert recent.find("b") == ended(id="b")


def test_reading_while_calls_end_sees_whole_lists() -> None:
    recent = RecentCalls(capacity=10)
    for number in range(10):
        recent.add(ended(id=str(number)))
    lengths = set()
    writer = threading.Thread(target=lambda: [recent.add(ended(id=str(number))) for number in range(10, 2000)])
    writer.start()
    while writer.is_alive():
        lengths.add(len(recent.newest_first()))
    writer.join()
    assert lengths <= {10}


def test_the_summary_of_a_call_that_ended() -> None:
    assert summary_as_dict(ended()) == {
        "id": "5f0c",
        "direction": "to_twilio",
        "state": "ended",
        "from_trunk": "pbx",
        "to_trunk": "twilio",
        "inbound_call_id": "in@pbx",
        "outbound_call_id": "out@gw",
        "inbound_session_id": "a" * 32,
        "outbound_session_id": "b" * 32,
        "started": "2023-11-14T22:13:20.250Z",
        "ended": "2023-11-14T22:14:24.950Z",
        "outcome": {"result": "success", "reason": "completed"},
        "code": None,
        "twilio_error": None,
        "attempts": 1,
        "setup_seconds": 0.0015,
        "post_dial_delay_seconds": 0.31,
        "answer_seconds": 4.2,
        "duration_seconds": 60.5,
        "plan_hash": "0123abcd",
    }


def test_the_summary_of_a_call_in_progress_has_no_end() -> None:
    summary = summary_as_dict(active(outbound_call_id="", to_trunk=""))
    unknown = [name for name, value in summary.items() if value is None]
    assert unknown == [
        "to_trunk",
        "outbound_call_id",
        "ended",
        "outcome",
        "code",
        "twilio_error",
        "answer_seconds",
        "duration_seconds",
    ]


def test_the_summary_of_a_call_that_failed() -> None:
    summary = summary_as_dict(ended(outcome=BUSY, code=486, twilio_error=32201))
    assert summary["twilio_error"] == 32201
    assert (summary["outcome"], summary["code"]) == ({"result": "client-error", "reason": "busy"}, 486)


def test_the_whole_record_adds_receipt_context_and_media() -> None:
    record = ended(receipt=(entry("queue"),), context={"queue": "sales"})
    whole = record_as_dict(record)
    assert {name: whole[name] for name in summary_as_dict(record)} == summary_as_dict(record)
    assert whole["receipt"] == [
        {
            "field": "queue",
            "direction": "to_twilio",
            "on": "invite",
            "source": "var:QUEUE",
            "target": "header:X-queue",
            "outcome": "sent",
            "bytes": 20,
            "reason": None,
        }
    ]
    assert whole["context"] == {"queue": "sales"}
    assert json.loads(build_json(whole))["media"][0] == {
        "role": "inbound",
        "trunk": "pbx",
        "received": 3000,
        "sent": 2990,
        "lost": 30,
        "refused": 20,
        "jitter_seconds": 0.004,
        "round_trip_seconds": 0.002,
        "codec": "PCMU",
        "mos": 4.32,
    }


def test_each_transfer_is_in_the_whole_record() -> None:
    done = TransferRecord(Role.OUTBOUND, TransferMode.LOCAL, "pbx", TransferResult.COMPLETED, 200)
    going_on = TransferRecord(Role.INBOUND, TransferMode.LOCAL, "twilio")
    assert record_as_dict(ended())["transfers"] == []
    assert record_as_dict(ended(transfers=(done, going_on)))["transfers"] == [
        {"by": "outbound", "mode": "local", "to_trunk": "pbx", "result": "completed", "code": 200},
        {"by": "inbound", "mode": "local", "to_trunk": "twilio", "result": None, "code": None},
    ]


def test_a_leg_without_audio_has_no_score() -> None:
    silent = LegMedia(Role.INBOUND, "pbx", received=0, sent=100, lost=0, jitter=0, round_trip=0)
    assert build_json(record_as_dict(ended(media=(silent,)))).count('"mos": null') == 1


@pytest.mark.parametrize("sensitivity", [Sensitivity.PII, Sensitivity.SECRET])
def test_a_private_value_never_gets_from_a_message_into_json(sensitivity: Sensitivity) -> None:
    context = plan(field("open"), field("private", sensitivity=sensitivity, max_bytes=10)).contract
    trunk = plan().trunks[1]
    rules = context.rules(Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, trunk.profile)
    for private in ("Smith", "Smith of far too many bytes"):
        message = parse_message(
            b"INVITE sip:1@gw SIP/2.0\r\nX-PBX-OPEN: shown\r\nX-PBX-PRIVATE: " + private.encode() + b"\r\n\r\n"
        )
        mapped = apply_rules(rules, message, CallFacts("5f0c", "pbx", "192.0.2.1"))
        text = build_json(record_as_dict(ended(receipt=mapped.receipt, context=mapped.public_values())))
        assert "shown" in text
        assert "Smith" not in text
