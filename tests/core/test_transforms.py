"""Transforms: what each step makes of a value, what it refuses, and that time is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.patterns import parse_pattern, parse_template
from gateway.core.refusal import Oversize, Refusal
from gateway.core.transforms import MAX_REPLACED_BYTES, Lookup, Replace, Step, Word, compile_steps


def replace(pattern: str, text: str) -> Replace:
    compiled = parse_pattern(pattern)
    return Replace(compiled, parse_template(text, compiled))


QUEUES = (("1", "sales"), ("2", "support"))
NOT_THERE = Refusal("not in the table of transform lookup")


@pytest.mark.parametrize(
    ("steps", "value", "result"),
    [
        ((Word.TRIM,), " \t a b \u00a0", "a b"),
        ((Word.LOWER,), "ÀB", "àb"),
        ((Word.UPPER,), "straße", "STRASSE"),
        ((Word.DIGITS,), "+49 (30) 1٢", "49301"),
        ((Word.DIGITS,), "none", ""),
        ((replace("^00", "+"),), "0049", "+49"),
        ((replace("^(.)(.)", r"\2\1"),), "ab\udcff", "ba\udcff"),
        ((replace("x", ""),), "x" * MAX_REPLACED_BYTES, ""),
        ((replace("x", ""),), "é" * MAX_REPLACED_BYTES, Oversize("8192 bytes, 4096 allowed (transform replace)")),
        ((Lookup(QUEUES),), "1", "sales"),
        ((Lookup(QUEUES),), "3", NOT_THERE),
        ((Lookup(QUEUES, "general"),), "3", "general"),
        ((Lookup(QUEUES, ""),), "3", ""),
        ((Word.DIGITS, Lookup(QUEUES), Word.UPPER), "queue 2", "SUPPORT"),
        ((Lookup(QUEUES), Word.UPPER), "3", NOT_THERE),
    ],
)
def test_a_value_goes_through_the_steps_in_order(steps: tuple[Step, ...], value: str, result: str | Refusal) -> None:
    transform = compile_steps(steps)
    assert transform is not None
    assert transform(value) == result


def test_no_steps_are_no_transform() -> None:
    assert compile_steps(()) is None


STEPS = st.lists(
    st.sampled_from([*Word, replace("a*", "aa"), replace(r"(\w)", r"\1\1"), Lookup(QUEUES), Lookup(QUEUES, "x")]),
    min_size=1,
    max_size=4,
)


@given(STEPS, st.text(st.characters(), max_size=40))
def test_any_value_is_changed_or_refused(steps: list[Step], value: str) -> None:
    transform = compile_steps(tuple(steps))
    assert transform is not None
    assert isinstance(transform(value), str | Refusal)


def test_steps_that_multiply_stay_bounded() -> None:
    transform = compile_steps((replace("(?s).", r"\g<0>" * 200),) * 20)
    assert transform is not None
    assert isinstance(transform("a" * MAX_REPLACED_BYTES), Oversize)
