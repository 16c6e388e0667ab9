"""Pages of the lab for a browser: one stylesheet, tables, all from outside escaped; no script, nothing loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { --ink: #1b2430; --soft: #5b6776; --line: #dde3ea; --ground: #f4f6f9; --paper: #fff; --good: #13795b;
  --bad: #b3261e; --accent: #1f5fbf; --good-ground: #e5f4ee; --bad-ground: #fbe9e7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf2; --soft: #9aa7b6; --line: #2c3643; --ground: #12171e;
  --paper: #1a212b; --good: #5fd0a5; --bad: #ff8a80; --accent: #8ab4f8; --good-ground: #16322a;
  --bad-ground: #3a1f1d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 0 0 14px; display: flex; gap: 10px; align-items: center; flex-wrap: wrap; }
h3 { font-size: 12px; margin: 22px 0 8px; color: var(--soft); text-transform: uppercase; letter-spacing: .06em; }
p { margin: 0 0 12px; color: var(--soft); }
a { color: var(--accent); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 20px 22px;
  margin: 18px 0; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-size: 12px; font-weight: 600; color: var(--soft); padding: 6px 12px 6px 0; }
td { padding: 7px 12px 7px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
code, pre { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0; padding: 12px 14px; background: var(--ground); border-radius: 8px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.badge { font-size: 12px; font-weight: 600; padding: 2px 9px; border-radius: 999px; background: var(--ground);
  color: var(--soft); white-space: nowrap; }
.good { background: var(--good-ground); color: var(--good); }
.bad { background: var(--bad-ground); color: var(--bad); }
.nothing { color: var(--soft); }
.path { display: flex; align-items: stretch; margin: 0 0 18px; gap: 0; flex-wrap: wrap; }
.path div { flex: 1 1 120px; padding: 10px 14px; background: var(--ground); border-radius: 8px; font-weight: 600; }
.path div small { display: block; font-weight: 400; color: var(--soft); overflow-wrap: anywhere; }
.path i { align-self: center; padding: 0 8px; color: var(--accent); font-style: normal; font-size: 18px; }
nav { margin: 0 0 8px; font-size: 14px; }
nav a { margin-right: 14px; }
"""


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
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{inner}\n</main>\n</body>\n</html>\n"
    )


def text(value: str) -> Html:
    """Text from outside."""
    return Html(escape(value))


def element(tag: str, *inner: Cell, kind: str = "") -> Html:
    """An element; `kind` is its class."""
    opening = f'<{tag} class="{escape(kind)}">' if kind else f"<{tag}>"
    return Html(opening + "".join(_html(part) for part in inner) + f"</{tag}>")


def badge(word: str, good: bool | None = None) -> Html:
    """A word in a coloured pill."""
    return element("span", word, kind="badge" if good is None else f"badge {'good' if good else 'bad'}")


def build_rows(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Html:
    """A table."""
    top = element("tr", *(element("th", name) for name in head))
    lines = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    return element("div", element("table", element("thead", top), element("tbody", *lines)), kind="scroll")


def code(value: str) -> Html:
    """A name or a value as it is on the wire."""
    return element("code", value)


def _html(part: Cell) -> str:
    return part.text if isinstance(part, Html) else escape(part)
