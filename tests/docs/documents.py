"""The documents for operators, taken apart: sections, tables, code blocks and the words in code font."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A Markdown text."""

    text: str

    def section(self, title: str) -> Document:
        """What stands under a heading, with its subsections."""
        for heading in _HEADING.finditer(self._without_blocks()):
            if heading[2] == title:
                end = re.compile(rf"^#{{1,{len(heading[1])}}} ", re.MULTILINE)
                following = end.search(self._without_blocks(), heading.end())
                return Document(self.text[heading.end() : following.start() if following else len(self.text)])
        raise AssertionError(f"there is no section {title!r}")

    def headings(self) -> list[str]:
        return [heading[2] for heading in _HEADING.finditer(self._without_blocks())]

    def blocks(self, language: str) -> list[str]:
        """The code blocks of a language."""
        return [block[2] for block in _FENCE.finditer(self.text) if block[1] == language]

    def commands(self) -> list[str]:
        """Every command line of the shell blocks, continued lines joined."""
        lines = "".join(self.blocks("sh")).replace("\\\n", " ").splitlines()
        return [line for line in lines if line]

    def codes(self) -> list[str]:
        """Every text in code font outside of blocks."""
        return _CODE.findall(self._without_blocks())

    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)]+)\)", self._without_blocks())

    def table(self, first_column: str) -> list[list[str]]:
        """The rows of the table whose first column has this heading."""
        lines = self.text.splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
        rows = []
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        return rows

    def _without_blocks(self) -> str:
        """The text with its blocks blanked out, so that places stay what they are."""
        return _FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), self.text)


def read(name: str) -> Document:
    return Document((ROOT / name).read_text())


def words(cell: str) -> list[str]:
    """The texts in code font of a table's cell."""
    return _CODE.findall(cell)
