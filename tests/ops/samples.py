"""Plans, records and a control to watch: ordinary ones, to be varied by each test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.bridge.commands import Role
from gateway.bridge.outcome import COMPLETED
from gateway.bridge.ports import Phase, Status, TrunkStatus
from gateway.bridge.record import CallRecord, LegMedia
from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.locators import parse_locator
from gateway.core.plan import Plan, Trunk, WriteBack
from gateway.core.profiles import PROFILES
from gateway.core.receipt import Outcome, ReceiptEntry
from gateway.core.terms import Direction, On, Side

STARTED = 1_700_000_000.25
"""2023-11-14T22:13:20.250Z"""


def field(name: str, **changes: Any) -> Field:
    plain = Field(name, parse_locator(f"var:{name.upper()}"), parse_locator(f"header:X-{name.replace('_', '-')}"))
    return replace(plain, **changes)


def trunk(name: str, side: Side) -> Trunk:
    profile = next(profile for profile in PROFILES.values() if profile.side is side)
    return Trunk(name, side, profile, ("sip:192.0.2.1",), (), write_back=WRITE_BACK if side is Side.PBX else None)


WRITE_BACK = WriteBack("ami://192.0.2.1:5038", "gw", "hunter2")


def plan(*fields: Field, trunks: Sequence[str] = ("pbx", "twilio")) -> Plan:
    sides = {"pbx": Side.PBX}
    return Plan(
        listeners=(),
        trunks=tuple(trunk(name, sides.get(name, Side.TWILIO)) for name in trunks),
        routes=(),
        contract=Contract(fields=fields),
        hash="0123abcd",
    )


def entry(name: str, outcome: Outcome = Outcome.SENT, **changes: Any) -> ReceiptEntry:
    given = {"direction": Direction.TO_TWILIO, "on": On.INVITE, "reason": None, "bytes": 20} | changes
    return ReceiptEntry(field=name, source=f"var:{name.upper()}", target=f"header:X-{name}", outcome=outcome, **given)


MEDIA = (
    LegMedia(
        Role.INBOUND, "pbx", received=3000, sent=2990, lost=30, jitter=0.004, round_trip=0.002, codec="PCMU", refused=20
    ),
    LegMedia(Role.OUTBOUND, "twilio", received=2990, sent=3000, lost=0, jitter=0.002, round_trip=0.08, codec="PCMU"),
)

ENDED = CallRecord(
    id="5f0c",
    direction=Direction.TO_TWILIO,
    state="ended",
    from_trunk="pbx",
    to_trunk="twilio",
    inbound_call_id="in@pbx",
    outbound_call_id="out@gw",
    started=STARTED,
    plan_hash="0123abcd",
    inbound_session_id="a" * 32,
    outbound_session_id="b" * 32,
    setup_seconds=0.0015,
    post_dial_delay_seconds=0.31,
    answer_seconds=4.2,
    duration_seconds=60.5,
    ended=STARTED + 64.7,
    outcome=COMPLETED,
    attempts=1,
    receipt=(
        entry("customer_id"),
        entry("queue", Outcome.DEFAULTED),
        entry("card", Outcome.DROPPED, reason="70 bytes, 64 allowed"),
    ),
    context={"customer_id": "C-4711", "caller_name": "***"},
    media=MEDIA,
)


def ended(**changes: Any) -> CallRecord:
    """A call of a minute that went well, but for one field."""
    return replace(ENDED, **changes)


def active(**changes: Any) -> CallRecord:
    """The same call while it still rings."""
    unknown = {"answer_seconds": None, "duration_seconds": None, "ended": None, "outcome": None, "media": ()}
    return replace(ENDED, **({"state": "ringing"} | unknown | changes))


def status(phase: Phase = Phase.RUNNING, usable: bool = True, calls: int = 0) -> Status:
    trunks = (TrunkStatus("pbx", "pbx", usable), TrunkStatus("twilio", "twilio", usable))
    return Status(phase, STARTED, calls, "0123abcd", trunks)


class StandInControl:
    """The engine's side of the admin interface, as a test sets it up; notes what was asked of it."""

    def __init__(self) -> None:
        self.current = status()
        self.active: list[CallRecord] = []
        self.problems: list[str] = []
        self.failure: Exception | None = None
        self.asked: list[str] = []

    def status(self) -> Status:
        self._fail()
        return self.current

    def calls(self) -> tuple[CallRecord, ...]:
        self._fail()
        return tuple(self.active)

    def call(self, call_id: str) -> CallRecord | None:
        return next((record for record in self.active if record.id == call_id), None)

    def drain(self) -> None:
        self.asked.append("drain")

    def reload(self) -> Sequence[str]:
        self.asked.append("reload")
        return self.problems

    def end_call(self, call_id: str) -> bool:
        self.asked.append(f"end {call_id}")
        return self.call(call_id) is not None

    def config(self) -> Mapping[str, object]:
        return {"trunks": {"twilio": {"auth": {"username": "gw", "password": "***"}}}}

    def _fail(self) -> None:
        if self.failure:
            raise self.failure
