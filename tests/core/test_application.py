"""The context on Twilio's side: headers to values and values to headers, which undo each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.core.application import Written, accepted, build_headers, fit, parameter_bytes, read_headers
from gateway.core.fields import Field, FieldType
from gateway.core.locators import parse_locator
from gateway.core.payload import UuiFormat
from gateway.core.uui import UuiSetup
from gateway.core.uui_fields import FieldProblem


def field(name: str, twilio: str | None, type_: FieldType = FieldType.TEXT, **more: Any) -> Field:
    return Field(name, parse_locator("var:A"), twilio and parse_locator(twilio), type=type_, **more)


FIELDS = [
    field("customer", "header:X-CustomerID"),
    field("account", "uui:account"),
    field("count", "uui:count", FieldType.INTEGER),
    field("caller", "sip:from.user"),
    field("noted", None),
]
JSON = UuiSetup(UuiFormat.JSON)
UUI = b'{"account":"a\\"b","count":7}'.hex().upper() + ";encoding=hex"
VALUES = {"customer": "C 4711", "account": 'a"b', "count": "7"}


def test_values_become_headers() -> None:
    more = VALUES | {"caller": "100", "noted": "x", "unknown": "y"}
    assert build_headers(FIELDS, more, JSON) == (
        [Written(("customer",), "X-CustomerID", "C 4711"), Written(("account", "count"), "User-to-User", UUI)],
        [],
    )


def test_headers_become_values() -> None:
    headers = [("x-customerid", "C 4711"), ("X-CustomerID", "second"), ("User-to-User", UUI), ("From", "<sip:1@h>")]
    assert read_headers(FIELDS, headers, JSON) == VALUES


@pytest.mark.parametrize(
    "setup", [UuiSetup(UuiFormat.KV), JSON, UuiSetup(UuiFormat.KV, discriminator=4)], ids=["kv", "json", "octet"]
)
def test_reading_undoes_building(setup: UuiSetup) -> None:
    written, _ = build_headers(FIELDS, VALUES, setup)
    assert read_headers(FIELDS, [(one.header, one.value) for one in written], setup) == VALUES


def test_a_whole_user_to_user_and_a_raw_one() -> None:
    whole, raw = field("f", "uui"), field("f", "header:User-to-User")
    assert build_headers([whole], {"f": "ABC"}, UuiSetup())[0] == [
        Written(("f",), "User-to-User", "414243;encoding=hex")
    ]
    assert build_headers([raw], {"f": "41;pd=04"}, UuiSetup())[0] == [Written(("f",), "User-to-User", "41;pd=04")]


def test_what_cannot_be_written_is_told() -> None:
    setup = UuiSetup(UuiFormat.AVAYA)
    problem = FieldProblem("f", "twilio", "not a UCID (20 digits, or 16 hex digits)")
    assert build_headers([field("f", "uui:ucid")], {"f": "x"}, setup) == ([], [problem])


def test_what_cannot_be_read_or_is_empty_is_no_value() -> None:
    headers = [("User-to-User", "4;encoding=hex"), ("X-CustomerID", "")]
    assert read_headers(FIELDS, headers, JSON) == {}
    assert read_headers(FIELDS, [], JSON) == {}


def test_a_value_is_accepted_in_its_canonical_form_or_not_at_all() -> None:
    fields = [*FIELDS, field("short", "header:X-Short", max_bytes=2)]
    values = {"customer": "C", "count": "+07", "short": "éé"}
    problems = [FieldProblem("short", "type", "4 bytes, 2 allowed (max_bytes)")]
    assert accepted(fields, values) == ({"customer": "C", "count": "7"}, problems)
    assert accepted(fields, {"count": "x", "short": "é"}) == (
        {"short": "é"},
        [FieldProblem("count", "type", "not an integer")],
    )


def test_custom_parameters_are_names_and_values_in_octets() -> None:
    assert parameter_bytes({"a": "é", "bc": ""}) == 5


def test_the_lowest_priority_leaves_first_and_of_equal_ones_the_last() -> None:
    fields = [field(name, None, priority=priority) for name, priority in (("a", 9), ("b", 5), ("c", 5), ("d", 7))]
    values = dict.fromkeys("abcd", "1")

    def at_most(count: int) -> tuple[dict[str, str], list[str]]:
        def fits(some: Mapping[str, str]) -> bool:
            return len(some) <= count

        return fit(fields, values, fits)

    assert at_most(4) == (values, [])
    assert at_most(3)[1] == ["c"]
    assert at_most(1) == ({"a": "1"}, ["c", "b", "d"])
    assert at_most(-1) == ({}, ["c", "b", "d", "a"])
