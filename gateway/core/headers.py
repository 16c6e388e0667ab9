"""SIP headers as an immutable ordered multimap (RFC 3261, section 7.3); knows names, not what the values mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType

COMPACT_FORMS = MappingProxyType(
    {
        "a": "accept-contact",
        "b": "referred-by",
        "c": "content-type",
        "d": "request-disposition",
        "e": "content-encoding",
        "f": "from",
        "i": "call-id",
        "j": "reject-contact",
        "k": "supported",
        "l": "content-length",
        "m": "contact",
        "n": "identity-info",
        "o": "event",
        "r": "refer-to",
        "s": "subject",
        "t": "to",
        "u": "allow-events",
        "v": "via",
        "x": "session-expires",
        "y": "identity",
    }
)
"""Compact form to long name, lower case (IANA registry "SIP Header Fields"; RFC 3261, section 20)."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 3261, section 25.1), what names of parameters and methods are made of."""
    return _TOKEN.fullmatch(text) is not None


def is_header_name(text: str) -> bool:
    """Whether `text` may stand before the colon of a header; header-name is a token there."""
    return is_token(text)


def canonical_name(name: str) -> str:
    """One spelling for all that mean the same header: lower case, compact form written out (section 7.3.3)."""
    lower = name.lower()
    return lower if len(lower) > 1 else COMPACT_FORMS.get(lower, lower)


class Headers:
    """Header fields in the order and spelling they came in; equal when the same names hold the same values in order.

    Look-ups take a name in any case, long or compact. Empty values are values.
    """

    __slots__ = ("_index", "_items")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._items = tuple(pairs)
        index: dict[str, list[str]] = {}
        for name, value in self._items:
            canonical = name.lower()
            if len(canonical) == 1:
                canonical = canonical_name(canonical)
            if canonical in index:
                index[canonical].append(value)
            else:
                index[canonical] = [value]
        self._index = index

    def first(self, name: str) -> str | None:
        """The value of the first header of that name, None without one."""
        values = self._index.get(canonical_name(name))
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Every value of that name, one per header line, in order; comma lists are left whole."""
        return list(self._index.get(canonical_name(name), ()))

    def any_starts(self, start: str) -> bool:
        """Whether a name, in any case, starts with this."""
        folded = start.lower()
        return any(name.startswith(folded) for name in self._index)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and canonical_name(name) in self._index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._canonical_items() == other._canonical_items()

    def __hash__(self) -> int:
        return hash(self._canonical_items())

    def __repr__(self) -> str:
        """Names only: values are a peer's and may be private."""
        return f"Headers({', '.join(name for name, _ in self._items)})"

    def _canonical_items(self) -> tuple[tuple[str, str], ...]:
        return tuple((canonical_name(name), value) for name, value in self._items)
