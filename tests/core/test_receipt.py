"""The receipt's entry as records show it."""

from __future__ import annotations

import json

from gateway.core.receipt import Outcome, ReceiptEntry
from gateway.core.terms import Direction, On


def test_an_entry_has_exactly_these_keys() -> None:
    entry = ReceiptEntry("queue", Direction.TO_PBX, On.INVITE, None, "var:QUEUE", Outcome.DEFAULTED, 12, "why")
    assert json.loads(json.dumps(entry.as_dict())) == {
        "field": "queue",
        "direction": "to_pbx",
        "on": "invite",
        "source": None,
        "target": "var:QUEUE",
        "outcome": "defaulted",
        "bytes": 12,
        "reason": "why",
    }


def test_outcomes_are_the_documented_ones() -> None:
    assert [outcome.value for outcome in Outcome] == (
        ["sent", "defaulted", "absent", "missing", "truncated", "dropped", "rejected", "invalid"]
    )
    assert {outcome for outcome in Outcome if outcome.carried} == {Outcome.SENT, Outcome.DEFAULTED, Outcome.TRUNCATED}
