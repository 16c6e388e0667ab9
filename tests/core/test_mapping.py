"""Rules applied to messages: what leaves, what does not, and the account of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract import Contract, MissingPolicy
from gateway.core.fields import Duplicates, Field, FieldType, Sensitivity
from gateway.core.headers import Headers
from gateway.core.locators import parse_locator
from gateway.core.mapping import CallFacts, Mapped, apply_rules
from gateway.core.message import SipMessage, parse_message
from gateway.core.octets import byte_length
from gateway.core.patterns import Template, parse_pattern
from gateway.core.plan import Dialect
from gateway.core.profiles import PROFILES
from gateway.core.receipt import Outcome
from gateway.core.sanitise import find_control
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Lookup, Replace, Word
from gateway.core.uui import UuiEncoding, UuiSetup

ANY = Replace(parse_pattern("a"), Template("", ()))
FACTS = CallFacts("call-7", "pbx", "10.0.0.5")
NOT_THERE = "the source is not there"
NOTHING_LEFT = "nothing is left of the value after its transform"
NOT_INTEGER = "not an integer"
CONTROL = "control character U+000D is not allowed in a header"
NOT_UTF8 = "octets that are not UTF-8 are not allowed in a header"


def field(name: str, pbx: str | None, twilio: str | None, **more: Any) -> Field:
    return Field(name, pbx and parse_locator(pbx), twilio and parse_locator(twilio), **more)


def invite(*headers: tuple[str, str], uri: str = "sip:a@h") -> SipMessage:
    return SipMessage(f"INVITE {uri} SIP/2.0", Headers(headers))


def carry(
    message: SipMessage, *fields: Field, direction: Direction = Direction.TO_TWILIO, on: On = On.INVITE, **contract: Any
) -> Mapped:
    profile = PROFILES["sip-domain" if direction is Direction.TO_TWILIO else "pbx"]
    rules = Contract(fields, **contract).rules(direction, on, direction.source, Dialect.ASTERISK, profile)
    return apply_rules(rules, message, FACTS)


def test_a_call_to_twilio_carries_its_fields() -> None:
    fields = (
        field("customer_id", "var:CUSTOMER_ID", "header:X-CustomerID", required=True, max_bytes=64),
        field("queue", "header:X-Queue", "header:X-Queue", default="general"),
        field("caller_name", "sip:from.display", "header:X-Caller-Name", sensitivity=Sensitivity.PII),
        field("call", "call:id", "uui"),
    )
    message = invite(("X-PBX-CUSTOMER-ID", "4711"), ("From", '"Alice" <sip:100@pbx>'), ("X-Other", "stays"))
    mapped = carry(message, *fields)
    assert mapped.headers == (
        ("X-CustomerID", "4711"),
        ("X-Queue", "general"),
        ("X-Caller-Name", "Alice"),
        ("User-to-User", "63616C6C2D37;encoding=hex"),
    )
    assert [(entry.field, entry.source, entry.target, entry.outcome, entry.reason) for entry in mapped.receipt] == [
        ("customer_id", "var:CUSTOMER_ID", "header:X-CustomerID", Outcome.SENT, None),
        ("queue", "header:X-Queue", "header:X-Queue", Outcome.DEFAULTED, NOT_THERE),
        ("caller_name", "sip:from.display", "header:X-Caller-Name", Outcome.SENT, None),
        ("call", "call:id", "uui", Outcome.SENT, None),
    ]
    assert mapped.values == {"customer_id": "4711", "queue": "general", "caller_name": "Alice", "call": "call-7"}
    assert mapped.public_values() == {**mapped.values, "caller_name": "***"}
    assert [entry.bytes for entry in mapped.receipt] == [16, 14, 18, 37]
    assert mapped.bytes == 85
    assert mapped.refused is None


def test_a_call_to_the_pbx_carries_them_back() -> None:
    fields = (
        field("queue", "var:QUEUE", "header:X-Queue"),
        field("sid", "var:TWILIO_CALL_SID", "header:X-Twilio-CallSid", direction=frozenset({Direction.TO_PBX})),
    )
    message = invite(("x-queue", "sales"), ("X-Twilio-CallSid", "CA1"), ("X-Twilio-AccountSid", "AC1"))
    mapped = carry(message, *fields, direction=Direction.TO_PBX)
    assert mapped.headers == (("X-PBX-QUEUE", "sales"), ("X-PBX-TWILIO-CALL-SID", "CA1"))
    assert {(entry.direction, entry.on) for entry in mapped.receipt} == {(Direction.TO_PBX, On.INVITE)}


def test_nothing_crosses_that_no_field_names() -> None:
    mapped = carry(invite(("X-Secret", "1"), ("User-to-User", "00"), ("Subject", "x")))
    assert mapped == Mapped((), (), {}, frozenset(), 0, None)


@pytest.mark.parametrize(
    ("name", "one", "values", "outcome", "reason", "sent"),
    [
        ("value", {}, ["1"], Outcome.SENT, None, "1"),
        ("absent", {}, [], Outcome.ABSENT, NOT_THERE, None),
        ("empty", {}, [""], Outcome.ABSENT, "the source is empty", None),
        ("missing", {"required": True}, [], Outcome.MISSING, NOT_THERE, None),
        ("missing because empty", {"required": True}, [""], Outcome.MISSING, "the source is empty", None),
        ("defaulted", {"default": "d"}, [], Outcome.DEFAULTED, NOT_THERE, "d"),
        ("required and defaulted", {"default": "d", "required": True}, [], Outcome.DEFAULTED, NOT_THERE, "d"),
        ("empty and defaulted", {"default": "d"}, [""], Outcome.DEFAULTED, "the source is empty", "d"),
        ("default made canonical", {"default": "+1", "type": FieldType.INTEGER}, [], Outcome.DEFAULTED, NOT_THERE, "1"),
        ("first of several", {}, ["1", "2", "3"], Outcome.SENT, "first of 3 values", "1"),
        ("at the limit", {"max_bytes": 4}, ["éé"], Outcome.SENT, None, "éé"),
        ("over the limit", {"max_bytes": 4}, ["ééé"], Outcome.DROPPED, "6 bytes, 4 allowed (max_bytes)", None),
        ("integer", {"type": FieldType.INTEGER}, ["007"], Outcome.SENT, None, "7"),
        ("wrong type", {"type": FieldType.INTEGER}, ["x"], Outcome.INVALID, NOT_INTEGER, None),
        (
            "wrong type and a default",
            {"type": FieldType.INTEGER, "default": "1"},
            ["x"],
            Outcome.INVALID,
            NOT_INTEGER,
            None,
        ),
        ("last of several", {"duplicates": Duplicates.LAST}, ["1", "2", "3"], Outcome.SENT, "last of 3 values", "3"),
        ("all of several", {"duplicates": Duplicates.ALL}, ["1", "", "3"], Outcome.SENT, "all of 3 values", "1, 3"),
        ("all of one", {"duplicates": Duplicates.ALL}, ["1"], Outcome.SENT, None, "1"),
        ("all empty", {"duplicates": Duplicates.ALL}, ["", ""], Outcome.ABSENT, "the source is empty", None),
        (
            "several where one is allowed",
            {"duplicates": Duplicates.REJECT, "default": "d"},
            ["1", "1"],
            Outcome.REJECTED,
            "2 values, one is allowed (duplicates: reject)",
            None,
        ),
        ("one where one is allowed", {"duplicates": Duplicates.REJECT}, ["1"], Outcome.SENT, None, "1"),
        ("none where one is allowed", {"duplicates": Duplicates.REJECT}, [], Outcome.ABSENT, NOT_THERE, None),
        ("transformed", {"transform": (Word.TRIM, Word.UPPER)}, [" a "], Outcome.SENT, None, "A"),
        (
            "all of several, then transformed",
            {"duplicates": Duplicates.ALL, "transform": (Word.DIGITS,)},
            ["a1", "2"],
            Outcome.SENT,
            "all of 2 values",
            "12",
        ),
        ("transformed to nothing", {"transform": (Word.DIGITS,)}, ["a"], Outcome.ABSENT, NOTHING_LEFT, None),
        (
            "transformed to the default",
            {"transform": (Word.DIGITS,), "default": "d"},
            ["a"],
            Outcome.DEFAULTED,
            NOTHING_LEFT,
            "d",
        ),
        (
            "default not transformed",
            {"transform": (Word.UPPER,), "default": "d"},
            [],
            Outcome.DEFAULTED,
            NOT_THERE,
            "d",
        ),
        (
            "transform refuses",
            {"transform": (Lookup(()),)},
            ["a"],
            Outcome.INVALID,
            "not in the table of transform lookup",
            None,
        ),
        (
            "too long for a transform",
            {"transform": (ANY,)},
            ["a" * 4097],
            Outcome.DROPPED,
            "4097 bytes, 4096 allowed (transform replace)",
            None,
        ),
        (
            "enum",
            {"type": FieldType.ENUM, "values": ("a", "b"), "transform": (Word.LOWER,)},
            ["B"],
            Outcome.SENT,
            None,
            "b",
        ),
        (
            "none of an enum",
            {"type": FieldType.ENUM, "values": ("a", "b")},
            ["c"],
            Outcome.INVALID,
            "not one of a, b",
            None,
        ),
        ("control character", {}, ["a\rb"], Outcome.INVALID, CONTROL, None),
        ("not UTF-8", {}, ["a\udcff"], Outcome.INVALID, NOT_UTF8, None),
    ],
)
def test_a_field_has_one_outcome(
    name: str, one: dict[str, Any], values: list[str], outcome: Outcome, reason: str | None, sent: str | None
) -> None:
    other = field("other", "header:X-Other", "header:X-Other")
    message = invite(*(("X-A", value) for value in values), ("X-Other", "unharmed"))
    mapped = carry(message, field("a", "header:X-A", "header:X-A", **one), other)
    assert (mapped.receipt[0].outcome, mapped.receipt[0].reason) == (outcome, reason)
    expected = (("X-Other", "unharmed"),)
    assert mapped.headers == (expected if sent is None else (("X-A", sent), *expected))
    assert mapped.values.get("a") == sent
    assert mapped.receipt[0].bytes == (0 if sent is None else 3 + byte_length(sent))
    assert mapped.receipt[1].outcome is Outcome.SENT
    assert mapped.refused is None


def test_a_value_that_the_pbx_cannot_read_is_dropped() -> None:
    one = field("a", "header:X-A", "header:X-A")
    mapped = carry(invite(("X-A", "a" * 4001)), one, direction=Direction.TO_PBX)
    assert mapped.receipt[0].outcome is Outcome.DROPPED
    assert mapped.receipt[0].reason == "4001 bytes, 4000 allowed (profile pbx)"


@pytest.mark.parametrize("hidden", ["sip:a%0d%0aVia%3a%20x@h", "sip:a%00@h", "sip:%0a@h"])
def test_controls_that_come_out_of_escapes_do_not_leave(hidden: str) -> None:
    mapped = carry(invite(uri=hidden), field("user", "sip:request.user", "header:X-User"))
    assert mapped.headers == ()
    assert mapped.receipt[0].outcome is Outcome.INVALID


def test_controls_that_come_out_of_user_to_user_do_not_leave() -> None:
    mapped = carry(invite(("User-to-User", "0D0A5669613A;encoding=hex")), field("uui", "uui", "header:X-UUI"))
    assert mapped.headers == ()
    assert mapped.receipt[0].outcome is Outcome.INVALID


def test_user_to_user_is_written_as_each_side_says() -> None:
    uui = {Side.PBX: UuiSetup(discriminator=0), Side.TWILIO: UuiSetup(encoding=UuiEncoding.ASCII)}
    mapped = carry(invite(("User-to-User", "04414243;encoding=hex")), field("uui", "uui", "uui"), uui=uui)
    assert mapped.headers == (("User-to-User", "ABC;encoding=ascii"),)
    assert mapped.values == {"uui": "ABC"}


def test_an_unreadable_user_to_user_harms_no_call() -> None:
    message = invite(("User-to-User", "00C8426613D31;encoding=hex"))
    mapped = carry(message, field("uui", "uui", "uui", required=True, default="x"))
    assert mapped.receipt[0].outcome is Outcome.INVALID
    assert mapped.receipt[0].reason == "User-to-User says encoding=hex and is not pairs of hex digits"
    assert (mapped.headers, mapped.refused) == ((), None)


def test_a_field_without_a_target_is_for_the_record() -> None:
    mapped = carry(invite(("X-A", "1")), field("a", "header:X-A", None))
    assert (mapped.headers, mapped.bytes, mapped.values) == ((), 0, {"a": "1"})
    assert (mapped.receipt[0].outcome, mapped.receipt[0].target) == (Outcome.SENT, None)


def test_a_field_without_a_source_has_its_default() -> None:
    mapped = carry(invite(), field("a", None, "header:X-A", default="1"), field("b", None, "header:X-B"))
    assert mapped.headers == (("X-A", "1"),)
    assert [(entry.source, entry.outcome) for entry in mapped.receipt] == [
        (None, Outcome.DEFAULTED),
        (None, Outcome.ABSENT),
    ]


REQUIRED = (
    field("good", "header:X-Good", "header:X-Good"),
    field("number", "header:X-Number", "header:X-Number", type=FieldType.INTEGER, required=True),
    field("gone", "header:X-Gone", "header:X-Gone"),
)


@pytest.mark.parametrize(
    ("headers", "outcome", "why"),
    [
        ([], Outcome.MISSING, "missing: the source is not there"),
        ([("X-Number", "x")], Outcome.INVALID, "invalid: not an integer"),
    ],
)
def test_a_call_without_a_required_field_is_refused_when_so_asked(
    headers: list[tuple[str, str]], outcome: Outcome, why: str
) -> None:
    warning = f"context field number (header:X-Number) is required and {why}"
    mapped = carry(invite(("X-Good", "1"), *headers), *REQUIRED, missing=MissingPolicy.REJECT)
    assert mapped.refused is not None
    assert (mapped.refused.sip_code, mapped.refused.reason, mapped.refused.warning) == (400, "missing-context", warning)
    assert (mapped.headers, mapped.values, mapped.bytes) == ((), {}, 0)
    assert [(entry.outcome, entry.bytes) for entry in mapped.receipt] == [
        (Outcome.REJECTED, 0),
        (outcome, 0),
        (Outcome.ABSENT, 0),
    ]
    assert mapped.receipt[0].reason == f"the call is refused: {warning}"


def test_a_call_with_its_required_fields_is_not_refused() -> None:
    mapped = carry(invite(("X-Number", "1")), *REQUIRED, missing=MissingPolicy.REJECT)
    assert mapped.refused is None
    assert mapped.headers == (("X-Number", "1"),)


def test_a_call_goes_on_without_a_required_field_by_default() -> None:
    mapped = carry(invite(("X-Good", "1")), *REQUIRED)
    assert mapped.refused is None
    assert mapped.headers == (("X-Good", "1"),)


def test_a_message_that_cannot_be_refused_loses_the_field_only() -> None:
    fields = (field("gone", "header:X-Gone", "header:X-Gone", required=True, on=frozenset({On.END})),
              field("good", "header:X-Good", "header:X-Good", on=frozenset({On.END})))  # fmt: skip
    mapped = carry(invite(("X-Good", "1")), *fields, on=On.END, missing=MissingPolicy.REJECT)
    assert mapped.refused is None
    assert mapped.headers == (("X-Good", "1"),)
    assert [entry.outcome for entry in mapped.receipt] == [Outcome.MISSING, Outcome.SENT]


def test_printing_shows_no_values() -> None:
    assert "4711" not in repr(carry(invite(("X-A", "4711")), field("a", "header:X-A", "header:X-A")))


def test_1000_headers_of_one_name_are_one_value_and_a_note() -> None:
    message = parse_message("INVITE sip:a@h SIP/2.0\r\n" + "X-A: 1\r\n" * 1000 + "\r\n")
    mapped = carry(message, field("a", "header:X-A", "header:X-A"))
    assert mapped.headers == (("X-A", "1"),)
    assert mapped.receipt[0].reason == "first of 1000 values"


VALUES: tuple[tuple[str, ...], ...] = ((), ("a",))
SOURCES = ("header:X-A", "var:A", "sip:request.user", "sip:from.display", "sip:pai.user", "sip:diversion.reason", "uui")
FIELDS = tuple(
    field(
        f"f{number}",
        source,
        f"header:X-{number}",
        max_bytes=30,
        type=type_,
        values=("a",) if type_ is FieldType.ENUM else (),
    )
    for number, (source, type_) in enumerate((source, type_) for source in SOURCES for type_ in FieldType)
) + (field("uui", "uui", "uui"),)
HOSTILE = st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape")) | st.text(
    '<>"sip:@h;%0dA=,\r\n\0', max_size=60
)
MESSAGES = st.builds(
    lambda user, values: parse_message(
        f"INVITE sip:{user}@h SIP/2.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in values) + "\r\n"
    ),
    st.from_regex(r"[!-~]{0,20}", fullmatch=True),
    st.lists(
        st.tuples(
            st.sampled_from(["X-A", "X-PBX-A", "From", "P-Asserted-Identity", "Diversion", "User-to-User"]), HOSTILE
        ),
        max_size=8,
    ),
)


@given(MESSAGES)
def test_whatever_comes_in_what_leaves_is_clean_and_accounted_for(message: SipMessage) -> None:
    mapped = carry(message, *FIELDS)
    assert [entry.field for entry in mapped.receipt] == [one.name for one in FIELDS]
    carried = [entry for entry in mapped.receipt if entry.outcome.carried]
    assert len(carried) == len(mapped.headers) == len(mapped.values)
    for name, value in mapped.headers:
        assert value == value.strip() != ""
        assert find_control(value) is None
        assert value.encode()
        assert PROFILES["sip-domain"].name_problem(name) is None
    assert mapped.bytes == sum(entry.bytes for entry in carried)
    assert all(entry.reason for entry in mapped.receipt if not entry.outcome.carried)
