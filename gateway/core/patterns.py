"""Regular expressions whose time is bounded whatever a peer sends; a replacement text with groups is a `Template`.

Python's `re` backtracks: `(a+)+$` takes years on forty letters, and no check of a pattern tells the good from the bad.
RE2 searches in time linear in the text, so this one library of others' is allowed in the core: it is a function from
text to text, without I/O. In exchange it has neither look-around nor back-references, and the end of the text is `$` or
`\\z`. Texts are searched as octets, so what is not UTF-8 harms nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import re2

from gateway.core.octets import build_octets, parse_octets

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # RE2 would write to stderr what we raise

_MISSED = ("invalid perl operator", "invalid escape sequence")
_NOT_IN_RE2 = "look-around and back-references are not available, the end of the text is $ or \\z"

# `\1` to `\9`, `\g<1>`, `\g<name>` and `\\`; anything else after a backslash is a mistake.
_ESCAPE = re.compile(r"\\(?:([1-9])|g<(\w+)>|(\\)|(.?))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled regular expression; made by `parse_pattern`, equal to any of the same text."""

    pattern: str
    _compiled: Any = field(compare=False, repr=False)

    def rewrite(self, text: str, template: Template) -> str | None:
        """The template filled with the groups of the first match in `text`; None without a match."""
        found = self._compiled.search(build_octets(text))
        return None if found is None else parse_octets(template.fill(found))

    def replace(self, text: str, template: Template) -> str:
        """`text` with every match replaced; an empty match that touches the one before it is none, as in RE2 and Go.

        Each match is found in linear time, but there can be as many as there are octets: bound the text.
        """
        octets = build_octets(text)
        pieces, end = [], 0
        for found in self._compiled.finditer(octets):
            start, stop = found.span()
            if start == stop and ((end and start == end) or _inside_a_character(octets, start)):
                continue
            pieces += [octets[end:start], template.fill(found)]
            end = stop
        return parse_octets(b"".join([*pieces, octets[end:]]))


@dataclass(frozen=True, slots=True)
class Template:
    """A replacement text as written, and in pieces: octets as they are, or the number or name of a group."""

    text: str
    pieces: tuple[bytes | int | str, ...]

    def fill(self, found: Any) -> bytes:
        """The text for one match; a group that took no part is empty."""
        if len(self.pieces) == 1 and isinstance(self.pieces[0], bytes):
            return self.pieces[0]
        return b"".join(piece if isinstance(piece, bytes) else found[piece] or b"" for piece in self.pieces)


def parse_pattern(text: str) -> Pattern:
    """Compile a regular expression in RE2's syntax.

    Raises:
        ValueError: with what is wrong and where it stands.
    """
    try:
        return Pattern(text, re2.compile(text, options=_OPTIONS))
    except re2.error as error:
        what = parse_octets(error.args[0])
        hint = f"; {_NOT_IN_RE2}" if what.startswith(_MISSED) else ""
        raise ValueError(f"{what}{hint}") from None


def parse_template(text: str, pattern: Pattern) -> Template:
    """Take a replacement text apart, for this pattern.

    Raises:
        ValueError: it names a group that the pattern does not have, or has a backslash that means nothing.
    """
    pieces: list[bytes | int | str] = []
    end = 0
    for escape in _ESCAPE.finditer(text):
        pieces.append(build_octets(text[end : escape.start()]))
        pieces.append(_piece(escape, pattern))
        end = escape.end()
    pieces.append(build_octets(text[end:]))
    return Template(text, tuple(piece for piece in pieces if piece != b""))


def _piece(escape: re.Match[str], pattern: Pattern) -> bytes | int | str:
    number, name, backslash, _ = escape.groups()
    if backslash:
        return b"\\"
    if not number and not name:
        raise ValueError(f"{escape[0]} means nothing here; groups are \\1 to \\9 or \\g<name>, a backslash is \\\\")
    group = number or name
    compiled = pattern._compiled
    known = int(group) <= compiled.groups if group.isdecimal() and group.isascii() else group in compiled.groupindex
    if not known:
        raise ValueError(f"the expression has no group {group}")
    return int(group) if group.isdecimal() else str(group)


def _inside_a_character(octets: bytes, index: int) -> bool:
    """Whether a UTF-8 character goes on at `index` (RFC 3629, section 3)."""
    return index < len(octets) and octets[index] & 0xC0 == 0x80
