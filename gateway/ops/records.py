"""Calls that ended lately, kept in memory, and the JSON form of a call's record; it hides and adds nothing.

A record's `context` is hidden where the classes of its fields are known, in the mapping: a `pii` or `secret` value is
`***` before a record exists, so there is nothing here that could show one.
"""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING

from gateway.ops.jsontext import moment
from gateway.ops.quality import leg_mos

if TYPE_CHECKING:
    from gateway.bridge.record import CallRecord, LegMedia, TransferRecord

CAPACITY = 1000


class RecentCalls:
    """The last `capacity` calls that ended. Written by the SIP thread, read by any."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._records: collections.OrderedDict[str, CallRecord] = collections.OrderedDict()
        self._lock = threading.Lock()

    def add(self, record: CallRecord) -> None:
        """Keep a record; the oldest leaves when there are too many."""
        with self._lock:
            self._records[record.id] = record
            if len(self._records) > self._capacity:
                self._records.popitem(last=False)

    def find(self, call_id: str) -> CallRecord | None:
        """The record of one call, if it is still kept."""
        with self._lock:
            return self._records.get(call_id)

    def newest_first(self) -> list[CallRecord]:
        """Every record kept, the call that ended last first."""
        with self._lock:
            return list(reversed(self._records.values()))


def summary_as_dict(record: CallRecord) -> dict[str, object]:
    """What a list of calls shows. Durations in seconds, points in time in RFC 3339; null: it did not come to that."""
    outcome = record.outcome
    return {
        "id": record.id,
        "direction": record.direction.value,
        "state": record.state,
        "from_trunk": record.from_trunk,
        "to_trunk": record.to_trunk or None,
        "inbound_call_id": record.inbound_call_id,
        "outbound_call_id": record.outbound_call_id or None,
        "inbound_session_id": record.inbound_session_id,
        "outbound_session_id": record.outbound_session_id,
        "started": moment(record.started),
        "ended": None if record.ended is None else moment(record.ended),
        "outcome": None if outcome is None else {"result": outcome.result.value, "reason": outcome.reason},
        "code": record.code,
        "twilio_error": record.twilio_error,
        "attempts": record.attempts,
        "setup_seconds": record.setup_seconds,
        "post_dial_delay_seconds": record.post_dial_delay_seconds,
        "answer_seconds": record.answer_seconds,
        "duration_seconds": record.duration_seconds,
        "plan_hash": record.plan_hash,
    }


def record_as_dict(record: CallRecord) -> dict[str, object]:
    """Everything kept of a call: its summary, the receipt of every message, its context and the RTP of both legs."""
    return summary_as_dict(record) | {
        "receipt": [entry.as_dict() for entry in record.receipt],
        "context": dict(record.context),
        "media": [media_as_dict(media) for media in record.media],
        "transfers": [transfer_as_dict(transfer) for transfer in record.transfers],
    }


def transfer_as_dict(transfer: TransferRecord) -> dict[str, object]:
    """One transfer that was tried."""
    return {
        "by": transfer.by.value,
        "mode": transfer.mode.value,
        "to_trunk": transfer.to_trunk,
        "result": transfer.result and transfer.result.value,
        "code": transfer.code,
    }


def media_as_dict(media: LegMedia) -> dict[str, object]:
    """The RTP of one leg: packets, and what the estimate of its quality rests on."""
    mos = leg_mos(media)
    return {
        "role": media.role.value,
        "trunk": media.trunk,
        "codec": media.codec or None,
        "received": media.received,
        "sent": media.sent,
        "lost": media.lost,
        "refused": media.refused,
        "jitter_seconds": media.jitter,
        "round_trip_seconds": media.round_trip,
        "mos": None if mos is None else round(mos, 2),
    }
