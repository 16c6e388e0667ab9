"""Every bad input a peer can send: one entry with a reason, what the configuration asked for, no other field harmed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from gateway.core.contract import Contract, MissingPolicy, Overflow
from gateway.core.fields import Duplicates, Field, FieldType
from gateway.core.locators import CallFacts, parse_locator
from gateway.core.mapping import Mapped, apply_rules
from gateway.core.message import parse_message
from gateway.core.plan import Dialect
from gateway.core.profiles import PROFILES
from gateway.core.receipt import Outcome
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiFormat, UuiSetup

KIND = (Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"])
KV = {Side.PBX: UuiSetup(UuiFormat.KV)}
CONTROL = "control character U+{} is not allowed in a header"


def field(name: str, pbx: str, **more: Any) -> Field:
    return Field(name, parse_locator(pbx), parse_locator(f"header:X-{name.title()}"), **more)


def carry(lines: str, one: Field, **contract: Any) -> Mapped:
    fields = (field("before", "header:X-Before"), one, field("after", "header:X-After", type=FieldType.INTEGER))
    head = "INVITE sip:a@h SIP/2.0\r\nX-Before: 1\r\nX-After: 2\r\n"
    rules = Contract(fields, **contract).rules(*KIND)
    return apply_rules(rules, parse_message(f"{head}{lines}\r\n\r\n".encode()), CallFacts("c", "pbx", "10.0.0.5"))


UNHARMED = (("X-Before", "1"), ("X-After", "2"))
BAD = [
    ("wrong type", "X-A: many", field("bad", "header:X-A", type=FieldType.INTEGER), Outcome.INVALID, "not an integer"),
    ("no E.164 number", "X-A: 100", field("bad", "header:X-A", type=FieldType.E164), Outcome.INVALID,
     "not an E.164 number (+ and at most 15 digits)"),
    ("none of an enum", "X-A: x", field("bad", "header:X-A", type=FieldType.ENUM, values=("a", "b")), Outcome.INVALID,
     "not one of a, b"),
    ("over max_bytes", "X-A: 12345", field("bad", "header:X-A", max_bytes=4), Outcome.DROPPED,
     "5 bytes, 4 allowed (max_bytes)"),
    ("over the budget", f"X-A: {'1' * 900}", field("bad", "header:X-A", priority=1), Outcome.DROPPED,
     "922 bytes in all, 800 allowed (profile sip-domain), and this field alone has 905"),
    ("NUL", "X-A: a\0b", field("bad", "header:X-A"), Outcome.INVALID, CONTROL.format("0000")),
    ("a bare CR", "X-A: a\rVia: b", field("bad", "header:X-A"), Outcome.INVALID, CONTROL.format("000D")),
    ("CR LF in hex", "User-to-User: 0D0A5669613A;encoding=hex", field("bad", "uui"), Outcome.INVALID,
     CONTROL.format("000D")),
    ("CR LF in a pair", "User-to-User: 613D253044253041;encoding=hex", field("bad", "uui:a"), Outcome.INVALID,
     CONTROL.format("000D")),
    ("NUL in hex", "User-to-User: 00;encoding=hex", field("bad", "uui"), Outcome.INVALID, CONTROL.format("0000")),
    ("several where one is allowed", "X-A: 1\r\nX-A: 2", field("bad", "header:X-A", duplicates=Duplicates.REJECT),
     Outcome.REJECTED, "2 values, one is allowed (duplicates: reject)"),
    ("missing", "X-B: 1", field("bad", "header:X-A", required=True), Outcome.MISSING, "the source is not there"),
    ("unreadable User-to-User", "User-to-User: 4;encoding=hex", field("bad", "uui"), Outcome.INVALID,
     "User-to-User says encoding=hex and is not pairs of hex digits"),
    ("several User-to-User", "User-to-User: 41\r\nUser-to-User: 42", field("bad", "uui"), Outcome.INVALID,
     "2 User-to-User values of the same purpose, none can be told to be the right one"),
    ("1,000 X- headers of one name", "X-A: 1\r\n" * 1000, field("bad", "header:X-A", duplicates=Duplicates.REJECT),
     Outcome.REJECTED, "1000 values, one is allowed (duplicates: reject)"),
    ("1,000 X- headers joined", "X-A: 1\r\n" * 1000, field("bad", "header:X-A", duplicates=Duplicates.ALL),
     Outcome.DROPPED,
     "3020 bytes in all, 800 allowed (profile sip-domain), and this field alone has 3003"),
    ("1,000 X- headers of many names", "".join(f"X-{n}: 1\r\n" for n in range(1000)), field("bad", "header:X-A"),
     Outcome.ABSENT, "the source is not there"),
]  # fmt: skip


def setup_of(one: Field) -> dict[str, Any]:
    return {"uui": KV} if one.pbx is not None and one.pbx.text == "uui:a" else {}


@pytest.mark.parametrize(("name", "lines", "one", "outcome", "reason"), BAD, ids=[case[0] for case in BAD])
def test_a_bad_input_harms_its_field_alone(name: str, lines: str, one: Field, outcome: Outcome, reason: str) -> None:
    mapped = carry(lines, one, **setup_of(one))
    assert mapped.headers == UNHARMED
    assert mapped.refused is None
    assert (mapped.receipt[1].outcome, mapped.receipt[1].reason) == (outcome, reason)
    assert Counter(entry.field for entry in mapped.receipt) == {"before": 1, "bad": 1, "after": 1}


@pytest.mark.parametrize(("name", "lines", "one", "outcome", "reason"), BAD, ids=[case[0] for case in BAD])
def test_a_bad_required_input_refuses_the_call_when_so_asked(
    name: str, lines: str, one: Field, outcome: Outcome, reason: str
) -> None:
    required = Field(**{key: getattr(one, key) for key in Field.__slots__} | {"required": True})
    refused = carry(lines, required, missing=MissingPolicy.REJECT, **setup_of(one)).refused
    assert refused is not None
    assert (refused.sip_code, refused.reason) == (400, "missing-context")
    assert refused.warning.startswith("context field bad (")


@pytest.mark.parametrize("one", [field("bad", "header:X-A", max_bytes=4), field("bad", "header:X-A", priority=1)])
def test_a_long_input_refuses_the_call_when_so_asked(one: Field) -> None:
    refused = carry(f"X-A: {'1' * 900}", one, overflow=Overflow.REJECT).refused
    assert refused is not None
    assert (refused.sip_code, refused.reason) == (400, "context-refused")
