"""What a User-to-User payload holds: one text, or values by key; knows nothing of headers.

`parse_items` and `build_item` with `join_items` undo each other. A payload is text as `gateway.core.octets` has it.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

from gateway.core.octets import build_octets, is_utf8, parse_octets
from gateway.core.refusal import Oversize, Refusal
from gateway.core.values import FieldType

Items = list[tuple[str, str]]


class UuiFormat(enum.StrEnum):
    """What the payload holds."""

    TEXT = "text"
    KV = "kv"
    """`a=1&b=2`, keys and values percent-encoded."""
    JSON = "json"
    """One object."""
    AVAYA = "avaya"
    """Tag, length, value: UCID and data of Avaya Communication Manager."""

    @property
    def keyed(self) -> bool:
        """Whether values have keys there."""
        return self is not UuiFormat.TEXT


AVAYA_KEYS = ("ucid", "ucid_hex", "data")
"""`ucid` is the call's identifier as its 20 digits, `ucid_hex` as 8 octets in hex, `data` what CM calls user data."""

_UCID, _DATA = 0xFA, 0xC8
_UCID_OCTETS, _LONGEST = 8, 255
_UCID_DIGITS = re.compile(r"[0-9]{20}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*+")
_TYPED = (FieldType.INTEGER, FieldType.BOOLEAN, FieldType.JSON)
_JOINTS = {UuiFormat.KV: ("", "&", ""), UuiFormat.JSON: ("{", ",", "}"), UuiFormat.AVAYA: ("", "", "")}


def parse_items(payload: str, format_: UuiFormat) -> Items | Refusal:
    """The keys and values of a payload, in order; a key can be there twice."""
    if format_ is UuiFormat.JSON:
        return _parse_json(payload)
    if format_ is UuiFormat.AVAYA:
        return list(_parse_avaya(build_octets(payload)))
    pairs = (piece.partition("=") for piece in payload.split("&") if piece)
    return [(_unquote(key), _unquote(value)) for key, _, value in pairs]


def build_item(key: str, value: str, type_: FieldType, format_: UuiFormat) -> str | Refusal:
    """One key with its value, a piece of a payload; numbers, booleans and JSON are that in JSON too."""
    if format_ is UuiFormat.AVAYA:
        return _build_avaya(key, value)
    if format_ is UuiFormat.KV:
        return f"{_quote(key)}={_quote(value)}"
    if not is_utf8(value):
        return Refusal("octets that are not UTF-8 are not allowed in JSON")
    return f"{_dump(key)}:{value if type_ in _TYPED else _dump(value)}"


def join_items(items: Sequence[str], format_: UuiFormat) -> str:
    """The payload of pieces that `build_item` made."""
    start, joint, end = _JOINTS[format_]
    return f"{start}{joint.join(items)}{end}"


def parse_whole(payload: str, format_: UuiFormat) -> str:
    """The payload as one value; binary as Avaya's is, it is hex."""
    return build_octets(payload).hex().upper() if format_ is UuiFormat.AVAYA else payload


def build_whole(value: str, format_: UuiFormat) -> str | Refusal:
    """The payload that is `value`; the twin of `parse_whole`."""
    if format_ is not UuiFormat.AVAYA:
        return value
    return parse_octets(bytes.fromhex(value)) if _HEX.fullmatch(value) else Refusal("not pairs of hex digits")


def _quote(text: str) -> str:
    return quote(build_octets(text), safe="")


def _unquote(text: str) -> str:
    return unquote(text, errors="surrogateescape") if "%" in text else text


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _parse_json(payload: str) -> Items | Refusal:
    try:
        found = json.loads(payload)
        if isinstance(found, dict):
            values = ((key, value) for key, value in found.items() if value is not None)
            return [(key, value if isinstance(value, str) else _dump(value)) for key, value in values]
    except (ValueError, RecursionError):
        pass
    return Refusal("User-to-User holds no JSON object")


def _parse_avaya(octets: bytes) -> Iterator[tuple[str, str]]:
    """Every known element up to one whose length goes past the end."""
    at = 0
    while at + 2 <= len(octets) and at + 2 + octets[at + 1] <= len(octets):
        tag, value = octets[at], octets[at + 2 : at + 2 + octets[at + 1]]
        if tag == _UCID:
            yield from _parse_ucid(value)
        elif tag == _DATA:
            yield "data", parse_octets(value)
        at += 2 + len(value)


def _parse_ucid(value: bytes) -> Iterator[tuple[str, str]]:
    """Node, sequence and Unix time: 2, 2 and 4 octets, or their 5, 5 and 10 digits as text."""
    digits = parse_octets(value)
    if _UCID_DIGITS.fullmatch(digits):
        yield "ucid", digits
        packed = _pack_ucid(digits)
        if packed is not None:
            yield "ucid_hex", packed.hex().upper()
        return
    if len(value) == _UCID_OCTETS:
        node, sequence, time = (int.from_bytes(part) for part in (value[:2], value[2:4], value[4:]))
        yield "ucid", f"{node:05}{sequence:05}{time:010}"
        yield "ucid_hex", value.hex().upper()


def _pack_ucid(digits: str) -> bytes | None:
    node, sequence, time = int(digits[:5]), int(digits[5:10]), int(digits[10:])
    if max(node, sequence) >> 16 or time >> 32:
        return None
    return node.to_bytes(2) + sequence.to_bytes(2) + time.to_bytes(4)


def _build_avaya(key: str, value: str) -> str | Refusal:
    if key == "data":
        octets = build_octets(value)
        if len(octets) > _LONGEST:
            return Oversize(f"{len(octets)} bytes, {_LONGEST} allowed (Avaya data)")
        return parse_octets(bytes([_DATA, len(octets)]) + octets)
    if _UCID_DIGITS.fullmatch(value):
        ucid = _pack_ucid(value)
    else:
        ucid = bytes.fromhex(value) if _HEX.fullmatch(value) and len(value) == 2 * _UCID_OCTETS else None
    if ucid is None:
        return Refusal("not a UCID (20 digits, or 16 hex digits)")
    return parse_octets(bytes([_UCID, _UCID_OCTETS]) + ucid)
