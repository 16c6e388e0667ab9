"""What each kind of far end accepts, as data: names, characters and sizes, each rule with the source that says so.

Looks at names only; values are checked by `gateway.core.sanitise`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.core.headers import canonical_name, is_header_name
from gateway.core.terms import Side


class Characters(enum.StrEnum):
    """Which characters a header value may hold; controls are never among them."""

    ASCII = "ascii"
    UTF8 = "utf8"


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of a far end.

    `allowed` and `refused` are header names, or the start of one followed by `*`; `refused` wins. `value_bytes` bounds
    one value, `total_bytes` all names and values together as the far end counts them; None means no known limit.
    `sources` says for each rule where it comes from.
    """

    name: str
    side: Side
    allowed: tuple[str, ...]
    refused: tuple[str, ...] = ()
    characters: Characters = Characters.UTF8
    value_bytes: int | None = None
    total_bytes: int | None = None
    sources: tuple[tuple[str, str], ...] = ()

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


_SIP_DOMAIN = Profile(
    name="sip-domain",
    side=Side.TWILIO,
    allowed=("X-*", "User-to-User"),
    refused=("X-Twilio*",),
    total_bytes=800,
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
