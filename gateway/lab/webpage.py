"""Pages of the lab for a browser: one file each, all from outside escaped; no script, nothing loaded. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from gateway.lab.stylesheet import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may do with a page: nothing but lay it out. A value that slipped through unescaped runs nothing."""
_PAIR = re.compile(r"(\??[\w.-]+(?: = |: |=))(.+)", re.DOTALL)
_AFTER_SEMICOLON = re.compile("(?<=;)")
"""Where a header may go on in the next line."""


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is HTML already."""

    text: str


Cell = str | Html


def build_page(title: str, body: Iterable[Html]) -> str:
    """A whole document."""
    inner = "\n".join(part.text for part in body)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{_escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{inner}\n</main>\n</body>\n</html>\n"
    )


def element(tag: str, *inner: Cell, kind: str = "", **attributes: str) -> Html:
    """An element; `kind` is its class, `_` in the name of an attribute is `-`."""
    given = {"class": kind, **attributes} if kind else attributes
    written = "".join(f' {name.replace("_", "-")}="{_escaped(value)}"' for name, value in given.items())
    return Html(f"<{tag}{written}>" + "".join(_html(part) for part in inner) + f"</{tag}>")


def badge(word: str, kind: str = "") -> Html:
    """A word in a pill: `good`, `held`, `bad` or without a judgement."""
    return element("span", word, kind=f"badge {kind}".strip())


def mark(good: bool) -> Html:
    """Whether something came true, for the eye and for a screen reader."""
    sign = element("span", "✓" if good else "✗", kind="mark", role="img", aria_label="passed" if good else "failed")
    return element("span", sign, " ", kind="good" if good else "bad")


def build_rows(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Html:
    """A plain table."""
    return build_table(head, [""] * len(head), rows)


def build_table(head: Sequence[str], kinds: Sequence[str], rows: Iterable[Sequence[Cell]], kind: str = "") -> Html:
    """A table whose columns have classes. On a narrow screen its rows are cards, and each cell names its column.

    The roles say that it is a table still: browsers forget that when the layout is another.
    """
    top = element("tr", *(_heading(title, name) for title, name in zip(head, kinds, strict=True)), role="row")
    columns = element("colgroup", *(Html(f'<col class="{_escaped(name)}">') for name in kinds))
    lines = [element("tr", *(_cell(*part) for part in zip(row, head, kinds, strict=True)), role="row") for row in rows]
    groups = (element("thead", top, role="rowgroup"), element("tbody", *lines, role="rowgroup"))
    return element("table", columns, *groups, kind=kind, role="table")


def code(value: str) -> Html:
    """A name or a value as it is on the wire."""
    return element("code", value)


def pair(value: str) -> Html:
    """A name with its value as they are written somewhere (`X-Queue: general`), the value for the eye."""
    found = _PAIR.fullmatch(value)
    if found is None:
        return element("code", value, kind="pair")
    parts: list[Cell] = [Html("<wbr>")] * (2 * found[2].count(";") + 1)
    parts[::2] = _AFTER_SEMICOLON.split(found[2])
    return element("code", element("span", found[1], kind="key"), element("span", *parts, kind="value"), kind="pair")


def _heading(title: str, kind: str) -> Html:
    return element("th", title, kind=kind, scope="col", role="columnheader")


def _cell(cell: Cell, title: str, kind: str) -> Html:
    return element("td", cell, kind=kind, data_head=title, role="cell")


def _html(part: Cell) -> str:
    return part.text if isinstance(part, Html) else _escaped(part)


def _escaped(value: str) -> str:
    """For text and attributes; an octet of a header that is no UTF-8 is shown as such."""
    return escape(value.encode(errors="backslashreplace").decode())
