"""Limits: of one value, of one header, of a shared User-to-User and of everything; what leaves, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract import Contract, MissingPolicy, Overflow
from gateway.core.fields import Field, FieldType
from gateway.core.headers import Headers
from gateway.core.locators import parse_locator
from gateway.core.mapping import CallFacts, Mapped, apply_rules
from gateway.core.message import SipMessage
from gateway.core.octets import byte_length, parse_octets
from gateway.core.plan import Dialect
from gateway.core.profiles import PROFILES, Characters, Profile
from gateway.core.receipt import Outcome
from gateway.core.sanitise import sanitise
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiEncoding, UuiFormat, UuiSetup

FACTS = CallFacts("call-7", "pbx", "10.0.0.5")
SMALL = replace(PROFILES["sip-domain"], name="small", bytes_total=20)
REFUSED = "the call is refused: "


def field(name: str, target: str | None = None, **more: Any) -> Field:
    twilio = f"header:X-{name}" if target is None else target
    return Field(name, parse_locator(f"header:X-{name}"), parse_locator(twilio) if twilio else None, **more)


def carry(profile: Profile, fields: tuple[Field, ...], *values: str, on: On = On.INVITE, **contract: Any) -> Mapped:
    """One value for each field, in their order."""
    headers = Headers((f"X-{one.name}", value) for one, value in zip(fields, values, strict=True))
    rules = Contract(fields, **contract).rules(Direction.TO_TWILIO, on, Side.PBX, Dialect.ASTERISK, profile)
    return apply_rules(rules, SipMessage("INVITE sip:a@h SIP/2.0", headers), FACTS)


def outcomes(mapped: Mapped) -> list[tuple[Outcome, int, str | None]]:
    return [(entry.outcome, entry.bytes, entry.reason) for entry in mapped.receipt]


def lowest(size: int, priority: int = 50, limit: int = 20) -> str:
    return f"{size} bytes in all, {limit} allowed (profile small), and its priority {priority} is the lowest"


SENT = Outcome.SENT
DROPPED = Outcome.DROPPED


@pytest.mark.parametrize(
    ("priorities", "values", "expected"),
    [
        ((50, 50), ("1234567", "1234567"), [(SENT, 10, None), (SENT, 10, None)]),
        ((50, 50), ("1234567", "12345678"), [(SENT, 10, None), (DROPPED, 0, lowest(21))]),
        ((10, 50), ("1234567", "12345678"), [(DROPPED, 0, lowest(21, 10)), (SENT, 11, None)]),
        ((50, 50, 50), ("1" * 9, "1" * 9, "1"), [(SENT, 12, None), (DROPPED, 0, lowest(28)), (DROPPED, 0, lowest(28))]),
        ((50, 50, 60), ("1" * 9, "1" * 9, "1"), [(SENT, 12, None), (DROPPED, 0, lowest(28)), (SENT, 4, None)]),
        ((1, 2, 3), ("1" * 15,) * 3, [(DROPPED, 0, lowest(54, 1)), (DROPPED, 0, lowest(54, 2)), (SENT, 18, None)]),
    ],
)  # fmt: skip
def test_over_the_total_fields_leave_by_priority_then_from_the_end(
    priorities: tuple[int, ...], values: tuple[str, ...], expected: list[tuple[Outcome, int, str | None]]
) -> None:
    fields = tuple(field("ABC"[index], priority=priority) for index, priority in enumerate(priorities))
    mapped = carry(SMALL, fields, *values)
    assert outcomes(mapped) == expected
    assert mapped.bytes == sum(size for _, size, _ in expected) <= 20
    assert set(mapped.values) == {
        one.name for one, (outcome, _, _) in zip(fields, expected, strict=True) if outcome.carried
    }


def test_over_the_total_a_field_is_cut_when_so_asked() -> None:
    mapped = carry(SMALL, (field("A"), field("B")), "stuvwxy", "stuvwxyz", overflow=Overflow.TRUNCATE)
    assert outcomes(mapped) == [(SENT, 10, None), (Outcome.TRUNCATED, 10, lowest(21))]
    assert mapped.headers == (("X-A", "stuvwxy"), ("X-B", "stuvwxy"))
    assert mapped.values["B"] == "stuvwxy"


@pytest.mark.parametrize(
    ("name", "values", "more"),
    [
        ("nothing of it fits", ("1" * 17, "12345678"), {}),
        ("a number", ("1234567", "12345678"), {"type": FieldType.INTEGER}),
        ("JSON", ("1234567", '["1234"]'), {}),
    ],
)
def test_what_cannot_be_cut_leaves(name: str, values: tuple[str, str], more: dict[str, Any]) -> None:
    mapped = carry(SMALL, (field("A"), field("B", **more)), *values, overflow=Overflow.TRUNCATE)
    assert [entry.outcome for entry in mapped.receipt] == [SENT, DROPPED]
    assert [name for name, _ in mapped.headers] == ["X-A"]


@pytest.mark.parametrize(
    ("overflow", "value", "outcome"),
    [(Overflow.DROP, None, DROPPED), (Overflow.TRUNCATE, "z" * 13, Outcome.TRUNCATED)],
)
def test_for_a_field_that_could_not_stay_alone_no_other_leaves(
    overflow: Overflow, value: str | None, outcome: Outcome
) -> None:
    fields = (field("A", priority=90), field("B", priority=10))
    mapped = carry(SMALL, fields, "z" * 18, "1", overflow=overflow)
    reason = "25 bytes in all, 20 allowed (profile small), and this field alone has 21"
    assert (mapped.receipt[0].outcome, mapped.receipt[0].reason) == (outcome, reason)
    assert mapped.values == ({"B": "1"} if value is None else {"A": value, "B": "1"})


def test_nothing_but_blanks_is_no_start_of_a_value() -> None:
    fields = (field("A"), field("B"))
    mapped = carry(SMALL, fields, "1" * 13, "  z", overflow=Overflow.TRUNCATE)
    assert mapped.headers == (("X-A", "1" * 13), ("X-B", "z"))
    mapped = carry(SMALL, fields, "1" * 14, "  z", overflow=Overflow.TRUNCATE)
    assert mapped.headers == (("X-A", "1" * 14),)


def test_a_raw_user_to_user_is_never_cut() -> None:
    fields = (field("A"), field("B", "header:user-to-user"))
    mapped = carry(SMALL, fields, "1", "414243444546;encoding=hex", overflow=Overflow.TRUNCATE)
    assert [entry.outcome for entry in mapped.receipt] == [SENT, DROPPED]


def test_over_the_total_the_call_is_refused_when_so_asked() -> None:
    mapped = carry(SMALL, (field("A"), field("B")), "1234567", "12345678", overflow=Overflow.REJECT)
    assert mapped.refused is not None
    text = "the context is too long: 21 bytes in all, 20 allowed (profile small)"
    assert (mapped.refused.sip_code, mapped.refused.reason, mapped.refused.warning) == (400, "context-refused", text)
    assert outcomes(mapped) == [(Outcome.REJECTED, 0, REFUSED + text), (DROPPED, 0, lowest(21))]
    assert (mapped.headers, mapped.values, mapped.bytes) == ((), {}, 0)


def test_a_message_that_cannot_be_refused_loses_fields() -> None:
    fields = tuple(field(name, on=frozenset({On.END})) for name in "AB")
    mapped = carry(SMALL, fields, "1234567", "12345678", on=On.END, overflow=Overflow.REJECT)
    assert mapped.refused is None
    assert mapped.headers == (("X-A", "1234567"),)


def test_a_required_field_that_had_to_leave_is_missing() -> None:
    fields = (field("A"), field("B", required=True))
    mapped = carry(SMALL, fields, "1234567", "12345678", missing=MissingPolicy.REJECT)
    assert mapped.refused is not None
    assert mapped.refused.warning == f"context field B (header:X-B) is required and dropped: {lowest(21)}"


@pytest.mark.parametrize(
    ("overflow", "target", "outcome", "value"),
    [
        (Overflow.DROP, None, DROPPED, None),
        (Overflow.DROP, "", DROPPED, None),
        (Overflow.TRUNCATE, None, Outcome.TRUNCATED, "abc"),
        (Overflow.TRUNCATE, "", Outcome.TRUNCATED, "abc"),
    ],
)
def test_a_value_over_its_own_limit(
    overflow: Overflow, target: str | None, outcome: Outcome, value: str | None
) -> None:
    mapped = carry(SMALL, (field("A", target, max_bytes=4),), "abcé", overflow=overflow)
    assert (mapped.receipt[0].outcome, mapped.receipt[0].reason) == (outcome, "5 bytes, 4 allowed (max_bytes)")
    assert mapped.values.get("A") == value


def test_a_value_over_its_own_limit_refuses_the_call_when_so_asked() -> None:
    mapped = carry(SMALL, (field("A", max_bytes=4), field("B", max_bytes=1)), "12345", "12", overflow=Overflow.REJECT)
    assert mapped.refused is not None
    assert mapped.refused.warning == "context field A is too long: 5 bytes, 4 allowed (max_bytes)"
    assert [entry.outcome for entry in mapped.receipt] == [DROPPED, DROPPED]


@pytest.mark.parametrize(
    ("changes", "target", "value", "reason", "cut"),
    [
        ({"value_bytes": 5}, None, "uvwxyz", "6 bytes, 5 allowed (profile small)", "uvwxy"),
        ({"value_bytes": 5}, "header:User-to-User", "123456", "6 bytes, 5 allowed (profile small)", None),
        ({"header_bytes": 10}, None, "uvwxyz", "11 bytes with the name, 10 allowed (profile small)", "uvwxy"),
        ({"value_bytes": 20}, "uui", "123456", "25 bytes, 20 allowed (profile small)", "3132;encoding=hex"),
        ({"uui_octets": 3}, "uui", "12345x", "6 bytes, 3 allowed (User-to-User, profile small)", "313233;encoding=hex"),
    ],
)
def test_a_header_over_a_limit_of_the_far_end(
    changes: dict[str, Any], target: str | None, value: str, reason: str, cut: str | None
) -> None:
    profile = replace(SMALL, bytes_total=None, **changes)
    one = (field("A", target),)
    dropped = carry(profile, one, value)
    assert outcomes(dropped) == [(DROPPED, 0, reason)]
    mapped = carry(profile, one, value, overflow=Overflow.TRUNCATE)
    assert mapped.headers == (() if cut is None else ((mapped.headers[0][0], cut),))
    assert mapped.receipt[0].reason == reason


def test_a_header_at_the_limits_is_sent() -> None:
    profile = replace(SMALL, value_bytes=5, header_bytes=10, uui_octets=5)
    assert carry(profile, (field("A"),), "12345").headers == (("X-A", "12345"),)


# ---- A User-to-User that several fields share ----


def shared(format_: UuiFormat = UuiFormat.KV, encoding: UuiEncoding = UuiEncoding.ASCII, **more: Any) -> dict[str, Any]:
    return {"uui": {Side.TWILIO: UuiSetup(format_, encoding, **more)}}


KEYS = tuple(field(name, f"uui:{name.lower()}") for name in "ABC")
WIDE = replace(SMALL, bytes_total=None)


@pytest.mark.parametrize(
    ("setup", "values", "header"),
    [
        (shared(), ("1", "2 3", "é"), '"a=1&b=2%203&c=%C3%A9";encoding=ascii'),
        (
            shared(UuiFormat.JSON),
            ("1", '"', "é"),
            r'''"{\"a\":\"1\",\"b\":\"\\\"\",\"c\":\"é\"}";encoding=ascii''',
        ),
        (shared(encoding=UuiEncoding.HEX, discriminator=0), ("1", "2", "3"), "00613D3126623D3226633D33;encoding=hex"),
    ],
)  # fmt: skip
def test_fields_share_one_header_in_their_order(setup: dict[str, Any], values: tuple[str, ...], header: str) -> None:
    fields = (field("X"), *KEYS, field("Y"))
    mapped = carry(WIDE, fields, "x", *values, "y", **setup)
    assert mapped.headers == (("X-X", "x"), ("User-to-User", header), ("X-Y", "y"))
    assert mapped.bytes == sum(entry.bytes for entry in mapped.receipt)
    assert mapped.bytes == sum(byte_length(name) + byte_length(value) for name, value in mapped.headers)
    assert all(entry.bytes > 0 for entry in mapped.receipt)


def test_fields_share_one_header_of_avaya() -> None:
    fields = (field("A", "uui:ucid"), field("B", "uui:data"))
    setup = shared(UuiFormat.AVAYA, UuiEncoding.HEX, discriminator=0)
    mapped = carry(WIDE, fields, "00025000160955721139", "hi", **setup)
    assert mapped.headers == (("User-to-User", "00FA080019001038F725B3C8026869;encoding=hex"),)
    broken = carry(WIDE, fields, "no ucid", "hi", **setup)
    assert broken.headers == (("User-to-User", "00C8026869;encoding=hex"),)
    assert outcomes(broken)[0] == (Outcome.INVALID, 0, "not a UCID (20 digits, or 16 hex digits)")


def test_a_field_that_has_no_value_is_no_part() -> None:
    mapped = carry(WIDE, KEYS, "", "2", "", **shared())
    assert mapped.headers == (("User-to-User", '"b=2";encoding=ascii'),)
    nothing = carry(WIDE, KEYS, "", "", "", **shared())
    assert nothing.headers == ()


@pytest.mark.parametrize("value", ["a\x7fb", "a\x85b"])
def test_a_control_character_in_one_part_harms_no_other(value: str) -> None:
    mapped = carry(WIDE, KEYS, "1", value, "3", **shared(UuiFormat.JSON))
    assert [entry.outcome for entry in mapped.receipt] == [SENT, Outcome.INVALID, SENT]
    assert len(mapped.headers) == 1


def test_a_far_end_without_such_characters_gets_the_other_parts() -> None:
    profile = replace(WIDE, characters=Characters.ASCII)
    mapped = carry(profile, KEYS, "1", "é", "3", **shared(UuiFormat.JSON))
    assert [entry.outcome for entry in mapped.receipt] == [SENT, Outcome.INVALID, SENT]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value_bytes": 24}, "28 bytes, 24 allowed (profile small)"),
        ({"header_bytes": 38}, "42 bytes with the name, 38 allowed (profile small)"),
        ({"uui_octets": 8}, "11 bytes, 8 allowed (User-to-User, profile small)"),
    ],
)
def test_over_a_limit_of_the_shared_header_parts_leave_by_priority(changes: dict[str, Any], reason: str) -> None:
    profile = replace(WIDE, **changes)
    fields = (replace(KEYS[0], priority=60), replace(KEYS[1], priority=10), KEYS[2])
    mapped = carry(profile, (*fields, field("X")), "1", "2", "3", "x" * 10, **shared())
    assert mapped.headers[0] == ("User-to-User", '"a=1&c=3";encoding=ascii')
    assert outcomes(mapped)[1] == (DROPPED, 0, f"{reason}, and its priority 10 is the lowest")
    cut = carry(profile, fields, "1", "2345", "3", overflow=Overflow.TRUNCATE, **shared())
    assert [entry.outcome for entry in cut.receipt] == [SENT, DROPPED, SENT]
    refused = carry(profile, fields, "1", "2", "3", overflow=Overflow.REJECT, **shared()).refused
    assert refused is not None
    assert refused.warning == f"the context is too long: {reason}"


def test_a_part_is_cut_before_it_is_encoded() -> None:
    profile = replace(WIDE, uui_octets=12)
    mapped = carry(profile, KEYS[:2], "1", "é" * 9, overflow=Overflow.TRUNCATE, **shared())
    assert mapped.headers == (("User-to-User", '"a=1&b=%C3%A9";encoding=ascii'),)
    assert mapped.values["B"] == "é"
    assert mapped.receipt[1].outcome is Outcome.TRUNCATED


def test_over_the_total_a_shared_header_shrinks() -> None:
    profile = replace(SMALL, bytes_total=50)
    mapped = carry(profile, (*KEYS, field("X", priority=90)), "1" * 10, "2" * 10, "3", "x", **shared())
    assert mapped.headers == (("User-to-User", '"a=1111111111";encoding=ascii'), ("X-X", "x"))
    assert [entry.outcome for entry in mapped.receipt] == [SENT, DROPPED, DROPPED, SENT]
    fields, values = (*KEYS[:2], field("X", priority=90)), ("1" * 10, "z" * 20, "x")
    cut = carry(profile, fields, *values, overflow=Overflow.TRUNCATE, **shared())
    assert cut.values["B"] == "z" * 2
    assert cut.bytes == 50


@pytest.mark.parametrize(
    ("purpose", "outcome", "rule"),
    [
        ("isdn-uui", DROPPED, "of purpose isdn-uui"),
        ("ISDN-interwork", DROPPED, "of purpose isdn-uui"),
        (None, DROPPED, "without a purpose, which means isdn-uui"),
        ("foo", SENT, None),
    ],
)
def test_isdn_uui_has_128_octets(purpose: str | None, outcome: Outcome, rule: str | None) -> None:
    setup = {"uui": {Side.TWILIO: UuiSetup(discriminator=0, purpose=purpose)}}
    assert carry(WIDE, (field("A", "uui"),), "a" * 128, **setup).receipt[0].outcome is SENT
    mapped = carry(WIDE, (field("A", "uui"),), "a" * 129, **setup)
    assert mapped.receipt[0].outcome is outcome
    assert mapped.receipt[0].reason == (rule and f"129 bytes, 128 allowed (User-to-User {rule})")


def test_a_profile_knows_better_than_isdn() -> None:
    profile = replace(WIDE, name="own", uui_octets=200)
    assert carry(profile, (field("A", "uui"),), "a" * 200).receipt[0].outcome is SENT
    mapped = carry(profile, (field("A", "uui"),), "a" * 201)
    assert mapped.receipt[0].reason == "201 bytes, 200 allowed (User-to-User, profile own)"


# ---- Whatever comes in ----

VALUE = st.binary(max_size=40).map(parse_octets) | st.text('%C3A9{}[]",: é', max_size=40)
PROFILE = st.builds(
    lambda **limits: replace(PROFILES["sip-domain"], name="small", **limits),
    value_bytes=st.none() | st.integers(1, 60),
    header_bytes=st.none() | st.integers(1, 60),
    uui_octets=st.none() | st.integers(1, 20),
    bytes_total=st.none() | st.integers(1, 120),
    characters=st.sampled_from(Characters),
)
SETUP = st.builds(
    UuiSetup,
    st.sampled_from([UuiFormat.KV, UuiFormat.JSON]),
    st.sampled_from(UuiEncoding),
    st.sampled_from([None, 0, 4]),
    st.sampled_from([None, "isdn-uui"]),
)


@given(
    PROFILE, SETUP, st.sampled_from(Overflow), st.lists(st.integers(0, 100), min_size=6, max_size=6),
    st.lists(VALUE, min_size=6, max_size=6),
)  # fmt: skip
def test_whatever_comes_in_what_leaves_is_within_the_profile_or_the_call_is_refused(
    profile: Profile, setup: UuiSetup, overflow: Overflow, priorities: list[int], values: list[str]
) -> None:
    bare = (field("X"), *KEYS, field("Y", max_bytes=9), field("Z", type=FieldType.JSON))
    fields = tuple(replace(one, priority=priority) for one, priority in zip(bare, priorities, strict=True))
    mapped = carry(profile, fields, *values, overflow=overflow, uui={Side.TWILIO: setup})
    sizes = [(byte_length(name), byte_length(value)) for name, value in mapped.headers]
    assert all(value <= (profile.value_bytes or value) for _, value in sizes)
    assert all(name + 2 + value <= (profile.header_bytes or name + 2 + value) for name, value in sizes)
    assert mapped.bytes == sum(map(sum, sizes)) <= (profile.bytes_total or mapped.bytes)
    assert all(sanitise(name, value, profile) == value for name, value in mapped.headers)
    assert mapped.bytes == sum(entry.bytes for entry in mapped.receipt)
    assert all(
        (entry.outcome.carried) == (entry.bytes > 0) == (entry.field in mapped.values) for entry in mapped.receipt
    )
    assert all(entry.reason for entry in mapped.receipt if entry.outcome is not SENT)
    if mapped.refused is not None:
        assert (overflow, mapped.headers) == (Overflow.REJECT, ())
    elif overflow is Overflow.REJECT:
        assert DROPPED not in {entry.outcome for entry in mapped.receipt}
