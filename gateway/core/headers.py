"""SIP headers as an immutable ordered multimap (RFC 3261, section 7.3); knows names, not what the values mean."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
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


# Those that are looked up are ours, and few; a peer's would not grow it either.
_canonical_of_ours = functools.lru_cache(maxsize=256)(canonical_name)


class Headers:
    """Header fields in the order and spelling they came in; equal when the same names hold the same values in order.

    Look-ups take a name in any case, long or compact. Empty values are values. `by_name` has the values of each
    canonical name, for who asks for the same name in every message.
    """

    __slots__ = ("_items", "by_name")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._items = tuple(pairs)
        self.by_name = _index(self._items)

    def first(self, name: str) -> str | None:
        """The value of the first header of that name, None without one."""
        values = self.by_name.get(_canonical_of_ours(name))
        return values[0] if values else None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of that name, one per header line, in order; comma lists are left whole."""
        return self.by_name.get(_canonical_of_ours(name), ())

    def any_starts(self, start: str) -> bool:
        """Whether a name, in any case, starts with this."""
        folded = start.lower()
        somewhere = folded in "\n".join(self.by_name)  # most messages have no such name, and are done with here
        return somewhere and any(name.startswith(folded) for name in self.by_name)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _canonical_of_ours(name) in self.by_name

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


def _index(items: tuple[tuple[str, str], ...]) -> Mapping[str, tuple[str, ...]]:
    index = {name.lower(): (value,) for name, value in items}
    if len(index) == len(items) and index.keys().isdisjoint(COMPACT_FORMS):
        return index  # each name once, and written out
    several: dict[str, list[str]] = {}
    for name, value in items:
        lower = name.lower()
        several.setdefault(COMPACT_FORMS.get(lower, lower), []).append(value)
    return {name: tuple(values) for name, values in several.items()}
