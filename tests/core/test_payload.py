"""Payloads of User-to-User by key: the real ones of IVRs and Avaya, what is written, and that nothing raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.octets import parse_octets
from gateway.core.payload import (
    UuiFormat,
    build_item,
    build_whole,
    join_items,
    parse_items,
    parse_whole,
)
from gateway.core.refusal import Oversize, Refusal
from gateway.core.values import FieldType

KV, JSON, AVAYA = UuiFormat.KV, UuiFormat.JSON, UuiFormat.AVAYA
NO_OBJECT = Refusal("User-to-User holds no JSON object")
NO_UCID = Refusal("not a UCID (20 digits, or 16 hex digits)")
UCID = [("ucid", "00025000160955721139"), ("ucid_hex", "0019001038F725B3")]


def octets(digits: str) -> str:
    return parse_octets(bytes.fromhex(digits))


@pytest.mark.parametrize(
    ("name", "format_", "payload", "items"),
    [
        ("two pairs", KV, "a=1&b=2", [("a", "1"), ("b", "2")]),
        (
            "an IVR",
            KV,
            "&OrgAni=11137005000019943364&OrgDnis=300967",
            [("OrgAni", "11137005000019943364"), ("OrgDnis", "300967")],
        ),
        ("escapes in both", KV, "a%3D=1%26%C3%A9&b", [("a=", "1&é"), ("b", "")]),
        ("a key twice", KV, "a=1&a=2", [("a", "1"), ("a", "2")]),
        ("a value with an equals sign", KV, "a=b=c", [("a", "b=c")]),
        ("octets that are not UTF-8", KV, "a=%FF", [("a", "\udcff")]),
        ("bad escapes stay", KV, "a=%zz", [("a", "%zz")]),
        ("nothing", KV, "", []),
        ("an object", JSON, '{"a": "1", "b": 2, "c": true, "d": null}', [("a", "1"), ("b", "2"), ("c", "true")]),
        ("nested", JSON, '{"a": {"b": [1, "é"]}}', [("a", '{"b":[1,"é"]}')]),
        ("a list", JSON, "[1]", NO_OBJECT),
        ("no JSON", JSON, "a=1", NO_OBJECT),
        ("not a number", JSON, '{"a": NaN}', NO_OBJECT),
        ("too large a number", JSON, '{"a": 1e999}', NO_OBJECT),
        ("too deep", JSON, '{"a":' * 5000, NO_OBJECT),
        ("UCID", AVAYA, octets("FA080019001038F725B3"), UCID),
        ("UCID as text", AVAYA, octets("FA14") + "00025000160955721139", UCID),
        ("UCID as text that no UCID is", AVAYA, octets("FA14") + "9" * 20, [("ucid", "9" * 20)]),
        ("UCID of another length", AVAYA, octets("FA0400190010"), []),
        (
            "data of Experience Portal",
            AVAYA,
            octets("C82534434632303133412D31303137454136302D303030312D5343303030303030303030303030"),
            [("data", "4CF2013A-1017EA60-0001-SC000000000000")],
        ),
        (
            "data of another IVR",
            AVAYA,
            octets("C82b264F7267416E693D3131313337303035303030303139393433333634264F7267446E69733D333030393637"),
            [("data", "&OrgAni=11137005000019943364&OrgDnis=300967")],
        ),
        ("both and an unknown one", AVAYA, octets("0102AABB" "C80141" "FA080019001038F725B3"), [("data", "A"), *UCID]),
        ("truncated in the value", AVAYA, octets("C80141" "FA080019"), [("data", "A")]),
        ("truncated before the length", AVAYA, octets("C80141" "FA"), [("data", "A")]),
        ("no elements", AVAYA, "", []),
    ],
)  # fmt: skip
def test_a_payload_is_read_by_key(
    name: str, format_: UuiFormat, payload: str, items: list[tuple[str, str]] | Refusal
) -> None:
    assert parse_items(payload, format_) == items


@pytest.mark.parametrize(
    ("format_", "key", "value", "type_", "item"),
    [
        (KV, "a", "1 &é=", FieldType.TEXT, "a=1%20%26%C3%A9%3D"),
        (KV, "a", "\udcff", FieldType.TEXT, "a=%FF"),
        (JSON, "a", 'x"é', FieldType.TEXT, '"a":"x\\"é"'),
        (JSON, "a", "7", FieldType.TEXT, '"a":"7"'),
        (JSON, "a", "7", FieldType.INTEGER, '"a":7'),
        (JSON, "a", "true", FieldType.BOOLEAN, '"a":true'),
        (JSON, "a", '{"b":1}', FieldType.JSON, '"a":{"b":1}'),
        (JSON, "a", "\udcff", FieldType.TEXT, Refusal("octets that are not UTF-8 are not allowed in JSON")),
        (AVAYA, "ucid", "00025000160955721139", FieldType.TEXT, octets("FA080019001038F725B3")),
        (AVAYA, "ucid_hex", "0019001038f725b3", FieldType.TEXT, octets("FA080019001038F725B3")),
        (AVAYA, "ucid", "65536000000000000001", FieldType.TEXT, NO_UCID),
        (AVAYA, "ucid", "00000000004294967296", FieldType.TEXT, NO_UCID),
        (AVAYA, "ucid", "0019001038f725", FieldType.TEXT, NO_UCID),
        (AVAYA, "ucid", "call", FieldType.TEXT, NO_UCID),
        (AVAYA, "data", "é", FieldType.TEXT, octets("C802C3A9")),
        (AVAYA, "data", "a" * 255, FieldType.TEXT, octets("C8FF") + "a" * 255),
        (AVAYA, "data", "a" * 256, FieldType.TEXT, Oversize("256 bytes, 255 allowed (Avaya data)")),
    ],
)
def test_a_value_is_written_under_its_key(
    format_: UuiFormat, key: str, value: str, type_: FieldType, item: str | Refusal
) -> None:
    assert build_item(key, value, type_, format_) == item


@pytest.mark.parametrize(
    ("format_", "items", "payload"),
    [(KV, ["a=1", "b=2"], "a=1&b=2"), (JSON, ['"a":1', '"b":2'], '{"a":1,"b":2}'), (AVAYA, ["ab", "cd"], "abcd")],
)
def test_pieces_make_a_payload(format_: UuiFormat, items: list[str], payload: str) -> None:
    assert join_items(items, format_) == payload


@pytest.mark.parametrize(
    ("format_", "payload", "value"),
    [(UuiFormat.TEXT, "a", "a"), (KV, "a=1", "a=1"), (AVAYA, "\x01\udcff", "01FF")],
)
def test_a_whole_payload_is_a_value(format_: UuiFormat, payload: str, value: str) -> None:
    assert parse_whole(payload, format_) == value
    assert build_whole(value, format_) == payload


def test_what_is_not_hex_is_no_payload_of_avaya() -> None:
    assert build_whole("0", AVAYA) == Refusal("not pairs of hex digits")


def test_only_text_has_no_keys() -> None:
    assert [format_ for format_ in UuiFormat if not format_.keyed] == [UuiFormat.TEXT]


OCTETS = st.binary(max_size=30).map(parse_octets)


@given(st.lists(st.tuples(OCTETS.filter(bool), OCTETS), max_size=4))
def test_pairs_come_back(pairs: list[tuple[str, str]]) -> None:
    items = [build_item(key, value, FieldType.TEXT, KV) for key, value in pairs]
    assert parse_items(join_items([item for item in items if isinstance(item, str)], KV), KV) == pairs


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_texts_come_back_from_json(pairs: dict[str, str]) -> None:
    items = [build_item(key, value, FieldType.TEXT, JSON) for key, value in pairs.items()]
    payload = join_items([item for item in items if isinstance(item, str)], JSON)
    assert parse_items(payload, JSON) == list(pairs.items())
    assert json.loads(payload) == pairs


@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=255))
def test_elements_of_avaya_come_back(node: int, sequence: int, time: int, data: bytes) -> None:
    ucid, text = f"{node:05}{sequence:05}{time:010}", parse_octets(data)
    items = [build_item("ucid", ucid, FieldType.TEXT, AVAYA), build_item("data", text, FieldType.TEXT, AVAYA)]
    payload = join_items([item for item in items if isinstance(item, str)], AVAYA)
    assert parse_items(payload, AVAYA) == [
        ("ucid", ucid),
        ("ucid_hex", f"{node:04X}{sequence:04X}{time:08X}"),
        ("data", text),
    ]


@given(st.sampled_from(UuiFormat), OCTETS | st.text('{}[]":,&=%a1', max_size=40))
def test_any_payload_is_read_or_refused(format_: UuiFormat, payload: str) -> None:
    assert isinstance(parse_items(payload, format_), list | Refusal)


@pytest.mark.parametrize("piece", ["&", "a=", "=", "%41", '{"a":', "[", '"', "\x00", octets("FA00"), octets("FAFF")])
@pytest.mark.timeout(20)
def test_hostile_payloads_take_linear_time(piece: str) -> None:
    for format_ in UuiFormat:
        assert isinstance(parse_items(piece * (65536 // len(piece)), format_), list | Refusal)
