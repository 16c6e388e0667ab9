"""Lays rows out as aligned columns of text; knows nothing of what they hold."""

from __future__ import annotations

from collections.abc import Sequence


def build_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns; an empty cell is a dash."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join((cell or "-").ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
