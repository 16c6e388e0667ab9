"""What each kind of far end accepts, as data: names, characters and sizes, each rule with the source that says so.

Looks at names only; values are checked by `gateway.core.sanitise`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of a far end.

    `allowed` and `refused` are header names, or the start of one followed by `*`; `refused` wins. `value_bytes` bounds
    one value, `total_bytes` all names and values together as the far end counts them; None means no known limit.
    `scopes` says what it does with the headers of which message. `sources` says for each rule where it comes from.
    """

    name: str
    side: Side
    allowed: tuple[str, ...]
    refused: tuple[str, ...] = ()
    characters: Characters = Characters.UTF8
    value_bytes: int | None = None
    total_bytes: int | None = None
    scopes: tuple[Scope, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()

    def scope(self, direction: Direction, on: On) -> Scope | None:
        """What it does with the headers of a message; None where nothing is known."""
        return next((scope for scope in self.scopes if scope.direction is direction and scope.on is on), None)

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


def _matches(canonical: str, patterns: tuple[str, ...]) -> bool:
    for pattern in patterns:
        wanted = pattern.lower()
        if canonical.startswith(wanted[:-1]) if wanted.endswith("*") else canonical == wanted:
            return True
    return False


_RESPONSES = "Twilio, Receiving SIP from Twilio: of responses, X- headers only are passed to the application"
_REFER_TO_TWILIO = "Twilio, Inbound SIP REFER: the headers of the Refer-To URI are part of ReferTransferTarget"
_NOT_DOCUMENTED = "Twilio documents headers of the initial INVITE only"
_IN_REFER_TO = "ReferTransferTarget of the referUrl, inside the URI"
_USE_X = "use an X- header there"

_SIP_DOMAIN_SCOPES = (
    Scope(
        Direction.TO_TWILIO,
        On.INVITE,
        read=("X-*", "User-to-User"),
        where="SipHeader_NAME of the voice URL",
        source="Twilio, Sending SIP to Twilio",
    ),
    Scope(Direction.TO_TWILIO, On.END, source=_NOT_DOCUMENTED),
    Scope(Direction.TO_PBX, On.PROGRESS, lost=("User-to-User",), instead=_USE_X, source=_RESPONSES),
    Scope(
        Direction.TO_PBX,
        On.ANSWER,
        read=("X-*",),
        where="SipHeader_NAME of the screening url of <Sip>",
        lost=("User-to-User",),
        instead=_USE_X,
        source=_RESPONSES,
    ),
    Scope(
        Direction.TO_PBX,
        On.END,
        read=("X-*",),
        where="DialSipHeader_NAME of the action of <Dial>; of a failure for certain, of BYE it is not documented",
        lost=("User-to-User",),
        instead=_USE_X,
        source=_RESPONSES,
    ),
    *(
        Scope(direction, On.REFER, read=("X-*", "User-to-User"), where=_IN_REFER_TO, source=_REFER_TO_TWILIO)
        for direction in Direction
    ),
)

_ELASTIC_TRUNK_SCOPES = tuple(
    Scope(
        direction,
        On.REFER,
        lost=("*",),
        instead="carry it on invite, or transfer through a trunk with profile: sip-domain",
        source="Retell AI, Elastic SIP trunking: Twilio does not honor the custom SIP headers of a REFER",
    )
    for direction in Direction
)

_SIP_DOMAIN = Profile(
    name="sip-domain",
    side=Side.TWILIO,
    allowed=("X-*", "User-to-User"),
    refused=("X-Twilio*",),
    total_bytes=800,
    scopes=_SIP_DOMAIN_SCOPES,
    sources=(
        ("allowed", "Twilio, Receiving SIP INVITEs: headers without X- are not read, User-to-User is"),
        ("refused", "Twilio error 32113: an extension header name cannot begin with X-Twilio"),
        ("characters", "RFC 3261, section 25.1 (TEXT-UTF8); Twilio documents no rule for headers it receives"),
        ("total_bytes", "Twilio, How to share information between your applications: not more than 800 bytes combined"),
    ),
)

_ELASTIC_TRUNK = Profile(
    name="elastic-trunk",
    side=Side.TWILIO,
    allowed=("X-*",),
    refused=("X-Twilio*",),
    total_bytes=800,
    scopes=_ELASTIC_TRUNK_SCOPES,
    sources=(
        ("allowed", "Twilio Elastic SIP Trunking documents X- headers only"),
        ("refused", "Twilio error 32113: an extension header name cannot begin with X-Twilio"),
        ("characters", "RFC 3261, section 25.1 (TEXT-UTF8); Twilio documents no rule for headers it receives"),
        ("total_bytes", "Twilio, How to share information between your applications: not more than 800 bytes combined"),
    ),
)

_PBX = Profile(
    name="pbx",
    side=Side.PBX,
    allowed=("*",),
    value_bytes=4000,
    sources=(
        ("allowed", "a PBX reads whatever header its dialplan names"),
        ("characters", "RFC 3261, section 25.1 (TEXT-UTF8)"),
        ("value_bytes", "Asterisk cannot read a header of more than about 4,000 bytes (measured on 16.28 and 22.10)"),
    ),
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (_SIP_DOMAIN, _ELASTIC_TRUNK, _PBX)}
)
"""The built-in profiles by name; `pbx` is what a PBX trunk without one gets."""
