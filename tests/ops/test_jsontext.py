"""Whatever is put into a line of JSON, it stays one line of ASCII that a strict reader accepts."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.ops.jsontext import build_json, moment

any_text = st.text(st.characters(codec=None))
"""All of Unicode, halves of surrogate pairs included."""
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)


@example({"a\x7f": "\x7f"})
@given(st.dictionaries(any_text, values, max_size=5))
def test_always_one_line_of_ascii_json(fields: dict[str, object]) -> None:
    line = build_json(fields)
    assert line.isascii()
    assert line.isprintable()
    read_back = json.loads(line, parse_constant=pytest.fail)
    json.dumps(read_back, ensure_ascii=False).encode()  # raises for half a surrogate pair


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("Jos\u00e9 \u20ac", "Jos\u00e9 \u20ac", id="realistic: a name"),
        pytest.param("\U0001f600", "\U0001f600", id="realistic: beyond the basic plane"),
        pytest.param("a\r\nX-Evil: 1", "a\r\nX-Evil: 1", id="pathological: line end"),
        pytest.param("\u2028\u0085\x1b[2J\x00", "\u2028\u0085\x1b[2J\x00", id="pathological: ends and escapes"),
        pytest.param("caf\udce9", "caf?", id="pathological: an octet that is not UTF-8"),
        pytest.param("\\ud800 as text", "\\ud800 as text", id="pathological: looks like a surrogate, is none"),
        pytest.param(b"\xff", "b'\\xff'", id="synthetic: not a JSON type"),
        pytest.param(math.nan, "nan", id="synthetic: no number"),
    ],
)
def test_values_are_read_back(value: object, shown: str) -> None:
    assert json.loads(build_json({"value": value})) == {"value": shown}


def test_a_value_that_contains_itself_is_shown() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert json.loads(build_json({"msg": "text", "value": endless})) == {"msg": "text", "value": "{'again': {...}}"}


def test_moment_is_rfc_3339_in_utc() -> None:
    assert moment(1_700_000_000.25) == "2023-11-14T22:13:20.250Z"
    assert moment(1_700_000_000) == "2023-11-14T22:13:20.000Z"
