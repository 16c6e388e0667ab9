"""The limits of a far end as a value, and the names that context can never be written to.

Looks at names only; values are checked by `gateway.core.sanitise`.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from gateway.core.headers import canonical_name, is_header_name
from gateway.core.terms import Direction, On, Side


class Characters(enum.StrEnum):
    """Which characters a header value may hold; controls are never among them."""

    ASCII = "ascii"
    UTF8 = "utf8"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a far end does with the headers of one message in calls of one direction.

    `read` are the names it passes on, and `where` they come out; `lost` are those it is known to drop, and `instead`
    says what works: they are refused at load, unless `instead` is empty, when they are merely of no use there. What is
    in neither is not documented.
    """

    direction: Direction
    on: On
    read: tuple[str, ...] = ()
    where: str = ""
    lost: tuple[str, ...] = ()
    instead: str = ""
    source: str = ""

    def reads(self, name: str) -> bool:
        """Whether a header of this name is known to be passed on."""
        return _matches(canonical_name(name), self.read)

    def unread(self, name: str) -> bool:
        """Whether a header of this name is known to get lost."""
        return _matches(canonical_name(name), self.lost)

    @property
    def said(self) -> str:
        """What is known, for a person."""
        read = f"{', '.join(self.read)} as {self.where}" if self.read else ""
        lost = f"{', '.join(self.lost)} gets lost" if self.lost else ""
        return "; ".join(filter(None, (read, lost))) or "nothing is known"


@dataclass(frozen=True, slots=True)
class Sends:
    """What a far end can send in the headers of a URI it calls: names, and characters with all escapes counted.

    `uri_characters` bounds the URI without its headers, `headers_characters` the headers, both exclusive. `characters`
    are those of values. `itself` are headers that it writes without being told.
    """

    names: tuple[str, ...]
    characters: Characters
    itself: tuple[str, ...]
    uri_characters: int
    headers_characters: int
    refer_to_characters: int


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of a far end.

    `allowed` and `refused` are header names, or the start of one followed by `*`; `refused` wins. `value_bytes` bounds
    one value, `header_bytes` a name with `: ` and its value, `uui_octets` the payload of User-to-User before encoding,
    `bytes_total` all names and values together as the far end counts them; None means no known limit. `sends` bounds
    what it can send. `scopes` says what it does with the headers of which message. `sources` says for each rule where
    it comes from.
    """

    name: str
    side: Side
    allowed: tuple[str, ...]
    refused: tuple[str, ...] = ()
    characters: Characters = Characters.UTF8
    value_bytes: int | None = None
    header_bytes: int | None = None
    uui_octets: int | None = None
    bytes_total: int | None = None
    sends: Sends | None = None
    scopes: tuple[Scope, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()

    def __hash__(self) -> int:
        """Of the name alone: rules are looked up by profile in every call, and few profiles share one."""
        return hash(self.name)

    def scope(self, direction: Direction, on: On) -> Scope | None:
        """What it does with the headers of a message; None where nothing is known."""
        return next((scope for scope in self.scopes if scope.direction is direction and scope.on is on), None)

    def rules(self) -> Iterator[tuple[str, str, str]]:
        """Every rule with what it says and the source that says so, as text."""
        for rule, source in self.sources:
            value = attrgetter(rule)(self)
            yield rule, ", ".join(value) if isinstance(value, tuple) else str(value or "none"), source
        for scope in self.scopes:
            relayed = ", relayed" if scope.on is On.REFER else ""
            yield f"{scope.direction} {scope.on}{relayed}", scope.said, scope.source

    def scope_problem(self, name: str, direction: Direction, on: On) -> str | None:
        """Why a header of this name is of no use on this message, and what is; None when it may be."""
        scope = self.scope(direction, on)
        if scope is None or not scope.instead or not scope.unread(name):
            return None
        return f"{name} on {on} does not get through to the other side (profile {self.name}): {scope.instead}"

    def name_problem(self, name: str) -> str | None:
        """Why no header of this name may go to this far end, None when it may."""
        canonical = canonical_name(name)
        if not is_header_name(name):
            return f"{name[:40]!r} is not a header name (letters, digits and -.!%*_+`'~ only)"
        if is_protected(name):
            return f"{name} belongs to the SIP dialog, context cannot be written to it"
        if is_reserved(name):
            return f"{name} is Twilio's own, X-Twilio-* never leaves the gateway"
        if _matches(canonical, self.refused):
            return f"{name} is reserved by the other side (profile {self.name})"
        if not _matches(canonical, self.allowed):
            return f"{name} is not passed on by the other side (profile {self.name}): use {' or '.join(self.allowed)}"
        return None


RESERVED_NAMES = ("X-Twilio-*",)
"""Twilio's own headers: never sent by us to anyone, believed only when Twilio sent the message."""

PROTECTED_NAMES = (
    "Accept",
    "Accept-Encoding",
    "Allow*",
    "Authentication-Info",
    "Authorization",
    "Call-ID",
    "Contact",
    "Content-*",
    "CSeq",
    "Event",
    "Expires",
    "From",
    "Identity",
    "In-Reply-To",
    "Join",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "Path",
    "Proxy-*",
    "RAck",
    "Reason",
    "Record-Route",
    "Refer-Sub",
    "Refer-To",
    "Referred-By",
    "Replaces",
    "Reply-To",
    "Require",
    "Retry-After",
    "Route",
    "RSeq",
    "Security-*",
    "Server",
    "Service-Route",
    "Session-Expires",
    "Session-ID",
    "Subscription-State",
    "Supported",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "Warning",
    "WWW-Authenticate",
)
"""Headers that make dialogs, transactions, media and authentication work; they are ours to write, never context's."""


def is_protected(name: str) -> bool:
    """Whether `name`, in any case, long or compact, is a header that context can never be written to."""
    return _matches(canonical_name(name), PROTECTED_NAMES)


def is_reserved(name: str) -> bool:
    """Whether `name` is one of Twilio's own headers (`X-Twilio-*`)."""
    return _matches(canonical_name(name), RESERVED_NAMES)


def matches_name(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a header's name, in any case, long or compact, is one of `patterns`: a name, or a start and `*`."""
    return _matches(canonical_name(name), patterns)


def _matches(canonical: str, patterns: tuple[str, ...]) -> bool:
    names, starts = _by_kind(patterns)
    return canonical in names or canonical.startswith(starts)


@functools.lru_cache
def _by_kind(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names, and starts of names, in lower case."""
    folded = [pattern.lower() for pattern in patterns]
    starts = tuple(pattern[:-1] for pattern in folded if pattern.endswith("*"))
    return frozenset(pattern for pattern in folded if not pattern.endswith("*")), starts
