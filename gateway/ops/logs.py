"""One JSON object a line on stdout: the form of the log and the one line of each call. It decides nothing.

What is logged, by level:

ERROR    our own bug, or a configuration that cannot be used
WARNING  we refused or dropped something: a call, an operator's request, log lines
INFO     start, stop, drain and reload; one line when a call ends
DEBUG    every event (`<`), command (`>`) and change of state (`=`) of a call

Every line has `ts` (RFC 3339, UTC, milliseconds), `level`, `logger` and `msg`; what the code adds with `extra` follows
under its own name, a traceback as `exception`. Every line of a call has `call` (our id), `inbound_call_id` and, once
there is one, `outbound_call_id`.

Values of context are not above DEBUG, nor is any address of a caller: a call's lines name fields, trunks and counts.
The two SIP Call-IDs are the exception, text of a peer that operators search for; they are cut to CALL_ID_CHARACTERS.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING

from gateway.core.receipt import Outcome
from gateway.ops.advice import advice_on
from gateway.ops.jsontext import build_json, moment
from gateway.ops.writer import LineWriter

if TYPE_CHECKING:
    from gateway.bridge.record import CallRecord
    from gateway.core.receipt import ReceiptEntry

STDOUT = 1
CALL_ID_CHARACTERS = 256
OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What `logging` itself puts on a record; anything else came with `extra`."""
IN_ONE = "fields_in_one"
"""Names the whole of what is added to a line, where that is much: `logging` looks at each name of `extra` by itself."""

NOTHING_LOST = frozenset({Outcome.SENT, Outcome.DEFAULTED, Outcome.ABSENT})

_OUTCOME, _RESULT = attrgetter("outcome"), attrgetter("result")

log = logging.getLogger("gateway.calls")


class JsonFormatter(logging.Formatter):
    """Builds one line of ASCII JSON of any record; no text in it can end the line or speak to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        every: dict[str, object] = {
            "ts": moment(record.created),
            "level": record.levelname,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        added = {name: value for name, value in _added_to(record).items() if value is not None}
        fields = {**every, **added, **every}  # what every line has comes first, and nothing replaces it
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return build_json(fields)


def _added_to(record: logging.LogRecord) -> dict[str, object]:
    """What the code that logs has to say beside its words."""
    given = vars(record)
    in_one: dict[str, object] | None = given.get(IN_ONE)
    return in_one or {name: given[name] for name in itertools.filterfalse(OWN_ATTRIBUTES.__contains__, given)}


@contextlib.contextmanager
def logging_to(descriptor: int = STDOUT, level: str = "INFO") -> Iterator[LineWriter]:
    """Send all logging of the process to `descriptor` as JSON lines; what was set up before comes back at the end.

    Raises:
        ValueError: `level` is not the name of a level of `logging`.
    """
    root = logging.getLogger()
    before, level_before = list(root.handlers), root.level
    root.setLevel(level)
    _leave_out_what_no_line_shows()
    writer = LineWriter(descriptor)
    writer.setFormatter(JsonFormatter())
    root.handlers[:] = [writer]
    try:
        yield writer
    finally:
        root.handlers[:] = before
        root.setLevel(level_before)
        writer.close()


def _leave_out_what_no_line_shows() -> None:
    """A line a call: who logged, and on which thread, costs more to find out than to write the line.

    These are the switches that the standard library names for it (Logging HOWTO, Optimization).
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_call_ended(record: CallRecord) -> None:
    """The one line of a call: outcome, durations and what became of its context."""
    if not log.isEnabledFor(logging.INFO):
        return
    end = record.outcome
    outcomes = Counter(map(_OUTCOME, record.receipt))
    lost = outcomes.keys() - NOTHING_LOST
    fields = {
        "call": record.id,
        "inbound_call_id": record.inbound_call_id[:CALL_ID_CHARACTERS],
        "outbound_call_id": record.outbound_call_id[:CALL_ID_CHARACTERS] or None,
        "inbound_session_id": record.inbound_session_id,
        "outbound_session_id": record.outbound_session_id,
        "direction": record.direction,
        "from_trunk": record.from_trunk,
        "to_trunk": record.to_trunk or None,
        "plan": record.plan_hash,
        "result": end and end.result,
        "reason": end and end.reason,
        "code": record.code,
        "twilio_error": record.twilio_error,
        "advice": advice_on(record),
        "attempts": record.attempts,
        "setup_seconds": _rounded(record.setup_seconds),
        "post_dial_delay_seconds": _rounded(record.post_dial_delay_seconds),
        "answer_seconds": _rounded(record.answer_seconds),
        "duration_seconds": _rounded(record.duration_seconds),
        "transfers": (Counter(filter(None, map(_RESULT, record.transfers))) or None) if record.transfers else None,
        "receipt": outcomes,
        "lost": [_loss(entry) for entry in record.receipt if entry.outcome in lost] if lost else [],
    }
    log.info("call ended", extra={IN_ONE: fields})


def _loss(entry: ReceiptEntry) -> dict[str, str | None]:
    return {"field": entry.field, "on": entry.on, "outcome": entry.outcome, "reason": entry.reason}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
