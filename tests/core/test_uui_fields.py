"""Fields with a key of User-to-User: how they are read, and what keeps them from their keys."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.contract import Contract, FieldProblem
from gateway.core.fields import Field
from gateway.core.headers import Headers
from gateway.core.locators import CallFacts, parse_locator
from gateway.core.mapping import Mapped, apply_rules
from gateway.core.message import SipMessage
from gateway.core.plan import Dialect
from gateway.core.profiles import PROFILES
from gateway.core.receipt import Outcome
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiEncoding, UuiFormat, UuiSetup

KIND = (Direction.TO_TWILIO, On.INVITE, Side.PBX, Dialect.ASTERISK, PROFILES["sip-domain"])
KV = UuiSetup(UuiFormat.KV)
AVAYA = UuiSetup(UuiFormat.AVAYA, discriminator=0)


def field(name: str, pbx: str | None, twilio: str | None, **more: Any) -> Field:
    return Field(name, pbx and parse_locator(pbx), twilio and parse_locator(twilio), **more)


def carry(setup: UuiSetup, lines: list[str], *fields: Field) -> Mapped:
    rules = Contract(fields, {Side.PBX: setup}).rules(*KIND)
    message = SipMessage("INVITE sip:a@h SIP/2.0", Headers(("User-to-User", line) for line in lines))
    return apply_rules(rules, message, CallFacts("call-7", "pbx", "10.0.0.5"))


def test_each_field_reads_its_key() -> None:
    fields = (
        field("ucid", "uui:ucid", "header:X-UCID"),
        field("hex", "uui:ucid_hex", "header:X-Hex"),
        field("data", "uui:data", "header:X-Data"),
    )
    mapped = carry(AVAYA, ["00FA080019001038F725B3C8024142;encoding=hex"], *fields)
    assert mapped.headers == (("X-UCID", "00025000160955721139"), ("X-Hex", "0019001038F725B3"), ("X-Data", "AB"))


def test_a_key_that_is_there_twice_is_a_duplicate() -> None:
    mapped = carry(KV, ["613D3126613D32"], field("a", "uui:a", "header:X-A"))
    assert mapped.headers == (("X-A", "1"),)
    assert mapped.receipt[0].reason == "first of 2 values"


@pytest.mark.parametrize("lines", [[], ["613D31"]])
def test_a_key_that_is_not_there_is_absent(lines: list[str]) -> None:
    mapped = carry(KV, lines, field("b", "uui:b", "header:X-B"), field("c", "uui:c", "header:X-C"))
    assert [entry.outcome for entry in mapped.receipt] == [Outcome.ABSENT, Outcome.ABSENT]


@pytest.mark.parametrize(
    ("setup", "lines", "reason"),
    [
        (KV, ["41, 42"], "2 User-to-User values of the same purpose, none can be told to be the right one"),
        (KV, ["4;encoding=hex"], "User-to-User says encoding=hex and is not pairs of hex digits"),
        (UuiSetup(UuiFormat.JSON), ["41"], "User-to-User holds no JSON object"),
    ],
)  # fmt: skip
def test_an_unreadable_payload_is_every_fields_reason(setup: UuiSetup, lines: list[str], reason: str) -> None:
    fields = (field("a", "uui:a", "header:X-A"), field("b", "uui:b", "header:X-B"), field("c", "const:x", "header:X-C"))
    mapped = carry(setup, lines, *fields)
    assert [entry.reason for entry in mapped.receipt] == [reason, reason, None]
    assert mapped.headers == (("X-C", "x"),)
    assert mapped.refused is None


def test_the_whole_payload_of_avaya_is_hex() -> None:
    mapped = carry(AVAYA, ["00FA0100;encoding=hex"], field("a", "uui", "header:X-A"), field("b", "uui", "header:X-B"))
    assert mapped.headers == (("X-A", "FA0100"), ("X-B", "FA0100"))


WHOLE = "uui:a is a part of User-to-User, and w takes the whole: use keys for both, or one"
ASCII = UuiSetup(UuiFormat.AVAYA, UuiEncoding.ASCII)


@pytest.mark.parametrize(
    ("setup", "fields", "expected"),
    [
        (KV, [field("a", "uui:a", None), field("b", "uui:b", None)], []),
        (KV, [field("w", "uui", None), field("v", "uui", None)], []),
        (KV, [field("w", "uui", None), field("a", "uui:a", None)], [FieldProblem("a", "pbx", WHOLE)]),
        (KV, [field("a", "uui:a", None), field("w", "uui", None)], [FieldProblem("a", "pbx", WHOLE)]),
        (KV, [field("a", "uui:a", None), field("r", "header:User-to-User", None)], []),
        (
            UuiSetup(),
            [field("a", "uui:a", None)],
            [FieldProblem("a", "pbx", "uui:a needs keys: set uui.pbx.format to kv, json or avaya, or use uui")],
        ),
        (
            AVAYA,
            [field("a", "uui:account", None), field("b", "uui:data", None)],
            [FieldProblem("a", "pbx", "uui:account is no key of format avaya, which has ucid, ucid_hex, data")],
        ),
        (
            ASCII,
            [field("a", "uui:ucid", None)],
            [FieldProblem("a", "pbx", "uui:ucid is binary in format avaya: set uui.pbx.encoding to hex")],
        ),
    ],
)
def test_keys_need_a_format_that_has_them(setup: UuiSetup, fields: list[Field], expected: list[FieldProblem]) -> None:
    assert Contract(tuple(fields), {Side.PBX: setup}).problems(*KIND) == expected


def test_one_key_can_be_written_once() -> None:
    fields = (field("a", None, "uui:a"), field("b", None, "uui:a"), field("c", None, "uui:c"))
    text = "b and a both write uui:a: give each a place of its own"
    assert Contract(fields, {Side.TWILIO: KV}).problems(*KIND) == [FieldProblem("b", "twilio", text)]


def test_a_key_and_the_raw_header_cannot_both_be_written() -> None:
    fields = (field("a", None, "uui:a"), field("r", None, "header:User-to-User"))
    text = "r and a both write User-to-User: give each a place of its own"
    assert Contract(fields, {Side.TWILIO: KV}).problems(*KIND) == [FieldProblem("r", "twilio", text)]
