"""Tables for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lab.sheet import Ink, Row, build_table, fit_widths

PLAIN = Ink(colours=False, unicode=True)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)


def test_a_table_has_marks_a_rule_and_aligned_columns() -> None:
    rows = [Row(("one", "1"), True), Row(("three", "333"), False), Row(("", "2"))]
    assert build_table(("word", "n"), rows, PLAIN) == [
        "  word   n",
        "  ─────  ───",
        "✓ one    1",
        "✗ three  333",
        "         2",
    ]


def test_a_long_cell_goes_on_below_without_a_second_mark() -> None:
    rows = [Row(("a", "one two three"), True)]
    assert build_table(("x", "y"), rows, PLAIN, width=14) == [
        "  x  y",
        "  ─  ─────────",
        "✓ a  one two",
        "     three",
    ]


def test_names_are_not_broken_at_their_hyphens() -> None:
    lines = build_table(("x",), [Row(("see User-to-User",))], PLAIN, width=14)
    assert lines[2:] == ["  see", "  User-to-User"]


@pytest.mark.parametrize(
    ("cells", "width", "widths"),
    [
        ([("ab", "c")], 40, [2, 1]),
        ([("a" * 30, "b" * 10)], 30, [18, 10]),
        ([("a" * 30, "b" * 30)], 30, [14, 14]),
        ([("a" * 30, "b" * 30)], 5, [8, 8]),
    ],
    ids=["fits", "the widest gives way", "both give way", "no narrower than this"],
)
def test_widths(cells: list[tuple[str, ...]], width: int, widths: list[int]) -> None:
    assert fit_widths(cells, width) == widths


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4))
def test_no_line_is_wider_than_the_table(rows: list[tuple[str, str, str]]) -> None:
    lines = build_table(("a", "b", "c"), [Row(cells) for cells in rows], PLAIN, width=60)
    assert max(map(len, lines)) <= 60


def test_marks_in_colour() -> None:
    ink = Ink(colours=True, unicode=True)
    assert ink.mark(True) == "\x1b[32m✓\x1b[0m"
    assert ink.mark(False) == "\x1b[31m✗\x1b[0m"
    assert ink.strong("x") == "\x1b[1mx\x1b[0m"
    assert ink.result(False, "x") == "\x1b[31mx\x1b[0m"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    ink = Ink(colours=False, unicode=False)
    assert (ink.mark(True), ink.mark(False), ink.mark(None), ink.line, ink.arrow) == ("+", "!", " ", "-", "->")
