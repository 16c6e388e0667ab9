"""Tables and marks for a person at a terminal: plain text, at most so wide, in colour where there are colours. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

WIDTH = 120
GAP = "  "
NARROWEST = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `good` puts a mark before it, None puts none."""

    cells: Sequence[str]
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Ink:
    """How marks and headings look."""

    colours: bool
    unicode: bool

    def mark(self, good: bool | None) -> str:
        """One character."""
        if good is None:
            return " "
        sign = ("✓" if good else "✗") if self.unicode else ("+" if good else "!")
        return self._in(32 if good else 31, sign)

    def strong(self, text: str) -> str:
        """A heading."""
        return self._in(1, text)

    def result(self, good: bool, text: str) -> str:
        """A verdict."""
        return self._in(32 if good else 31, text)

    @property
    def line(self) -> str:
        """What rules are drawn with."""
        return "─" if self.unicode else "-"

    @property
    def arrow(self) -> str:
        """From here to there."""
        return "→" if self.unicode else "->"

    def _in(self, colour: int, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colours else text


def build_table(head: Sequence[str], rows: Sequence[Row], ink: Ink, width: int = WIDTH) -> list[str]:
    """The lines of a table; cells that are too long go on below."""
    widths = fit_widths([head, *(row.cells for row in rows)], width - len("  "))
    lines = [ink.strong("  " + _line(head, widths)), "  " + GAP.join(ink.line * size for size in widths)]
    for row in rows:
        wrapped = [
            textwrap.wrap(cell, size, break_on_hyphens=False) or [""]
            for cell, size in zip(row.cells, widths, strict=True)
        ]
        for place, parts in enumerate(zip_longest(*wrapped, fillvalue="")):
            lines.append(ink.mark(row.good if place == 0 else None) + " " + _line(parts, widths))
    return lines


def fit_widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Columns as wide as their widest cell; when that is too much, the widest give way, one by one."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    available = width - len(GAP) * (len(widths) - 1)
    while sum(widths) > available and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip()
