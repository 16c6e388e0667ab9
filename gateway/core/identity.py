"""Who calls: what is believed of what a side says of it, and what the other side is told (RFC 3323, 3325 and 5806).

Two settings of a trunk decide (`plan.Identity`): whether it is believed, and whether it is trusted with what a caller
wants kept. A user part and a name cross, never a host: the host is ours. Reading raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.core.frozen import frozen
from gateway.core.headers import Headers, canonical_name
from gateway.core.message import SipMessage
from gateway.core.plan import CallerSource, IdentityHeader, Trunk
from gateway.core.profile import matches_name
from gateway.core.sanitise import is_clean
from gateway.core.terms import Side
from gateway.core.uri import NameAddr, escape_user, parse_addr, parse_name_addr, quote_string, split_list
from gateway.errors import UriError

MAX_USER_CHARACTERS = 256
"""Longest user part, escaped, that is passed on: PJSIP does not call from a URI of more than 2048 octets."""
MAX_NAME_CHARACTERS = 80
MAX_DIVERSIONS = 5
"""So many diversions are passed on, the latest first; a call that was diverted more often is a loop."""

ASSERTED, REMOTE_PARTY, DIVERSION = "P-Asserted-Identity", "Remote-Party-ID", "Diversion"
VOUCHED = (ASSERTED, REMOTE_PARTY, DIVERSION)
"""Headers that mean something only if their sender can be believed."""
TWILIOS_OWN = "X-Twilio-*"
_TWILIOS_START = TWILIOS_OWN.removesuffix("*")
UNBELIEVED = (*VOUCHED, TWILIOS_OWN)
"""The words for what is not believed, for the metrics."""

PRIVACY = ("header", "session", "user", "id", "critical", "none")
"""What a caller can ask for (RFC 3323, section 4.2; RFC 3325, section 9.3)."""
HIDING = frozenset({"header", "user", "id"})
"""What of that is about who calls. Media we anchor, and no header of a side reaches the other, whoever asks."""
_OF_CALLER = frozenset(map(canonical_name, (*VOUCHED, "Privacy")))
"""What says more of a caller than From."""
REMOTE_PARTY_PRIVACY = frozenset({"full", "name", "uri"})

REASONS = frozenset(
    {"unknown", "user-busy", "no-answer", "unavailable", "unconditional", "time-of-day", "do-not-disturb", "deflection"}
    | {"follow-me", "out-of-service", "away"}
)
"""Why a call was diverted (RFC 5806, section 7)."""

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""Nobody (RFC 3323, section 4.1.1.3)."""
UNKNOWN_USER = "anonymous"


@frozen
class Named:
    """One who is named in a header: the user is escaped for a URI, the parameters are ours."""

    header: str
    user: str
    params: str = ""
    name: str = ""


@frozen
class Party:
    """Who is at a leg, as its own side says and is believed; user parts are escaped, empty when nothing is known."""

    user: str = ""
    asserted: str = ""
    name: str = ""
    """The display name of `asserted`."""
    privacy: tuple[str, ...] = ()
    diversions: tuple[Named, ...] = ()

    @property
    def hides(self) -> bool:
        """Whether those who are not trusted may not know who it is."""
        return not HIDING.isdisjoint(self.privacy)


@frozen
class Introduction:
    """What a trunk is told of a caller, but for the host."""

    user: str = ""
    is_hidden: bool = False
    names: tuple[Named, ...] = ()
    privacy: tuple[str, ...] = ()

    def from_value(self, host: str) -> str:
        """From."""
        return ANONYMOUS if self.is_hidden else f"<sip:{self.user or UNKNOWN_USER}@{host}>"

    def headers(self, host: str) -> tuple[tuple[str, str], ...]:
        """What says more than From."""
        named = ((one.header, _value(one, host)) for one in self.names)
        privacy = (("Privacy", ";".join(self.privacy)),) if self.privacy else ()
        return (*named, *privacy)


def believe(message: SipMessage, trunk: Trunk) -> tuple[SipMessage, tuple[str, ...]]:
    """The message without what its trunk is not believed, and the words for what was left out.

    What a Remote-Party-ID asks to be kept is kept, whoever sent it.
    """
    left_out = tuple(_unbelieved(message, trunk))
    if not left_out:
        return message, ()
    kept = [header for header in message.headers if not matches_name(header[0], left_out)]
    if REMOTE_PARTY in left_out and "id" in _privacy(message):
        kept.append(("Privacy", "id"))
    return replace(message, headers=Headers(kept)), left_out


def party_of(message: SipMessage) -> Party:
    """Who sends this INVITE, of which only what is believed is left."""
    if _OF_CALLER.isdisjoint(message.headers.by_name):
        return Party(caller_of(message))  # as most calls come
    callers = (one for one in _named(message, REMOTE_PARTY) if (one.param("party") or "calling").lower() == "calling")
    asserted = next((one for one in (*_named(message, ASSERTED), *callers) if sound_user(one.uri.user)), None)
    return Party(
        caller_of(message),
        sound_user(asserted.uri.user) if asserted else "",
        _sound_name(asserted.display) if asserted else "",
        _privacy(message),
        tuple(_diversions(message)),
    )


def introduce(party: Party, trunk: Trunk) -> Introduction:
    """What this trunk is told of the party."""
    identity = trunk.identity
    if party.hides and not identity.trusted:
        return Introduction(is_hidden=True)
    user = party.asserted if identity.caller is CallerSource.ASSERTED else ""
    privacy = party.privacy if identity.trusted else ()
    return Introduction(user or party.user, names=tuple(_names(party, trunk)), privacy=privacy)


def caller_of(message: SipMessage) -> str:
    """The caller's user part from From, escaped for a URI; empty when there is none worth having."""
    try:
        return sound_user(parse_addr(message.headers.first("From") or "").user)
    except UriError:
        return ""


def sound_user(user: str) -> str:
    """A user part that can be written into a header, escaped; empty when it cannot."""
    escaped = escape_user(user)
    return escaped if len(escaped) <= MAX_USER_CHARACTERS and is_clean(user) else ""


def _sound_name(name: str) -> str:
    return name if len(name) <= MAX_NAME_CHARACTERS and is_clean(name) else ""


def _unbelieved(message: SipMessage, trunk: Trunk) -> Iterator[str]:
    for name in () if trunk.identity.believed else VOUCHED:
        if name in message.headers:
            yield name
    if trunk.side is Side.PBX and message.headers.any_starts(_TWILIOS_START):
        yield TWILIOS_OWN


def _names(party: Party, trunk: Trunk) -> Iterator[Named]:
    identity = trunk.identity
    if party.asserted and identity.trusted:
        if IdentityHeader.ASSERTED in identity.send:
            yield Named(ASSERTED, party.asserted, name=party.name)
        if IdentityHeader.REMOTE_PARTY in identity.send:
            params = f";party=calling;screen=yes;privacy={'full' if party.hides else 'off'}"
            yield Named(REMOTE_PARTY, party.asserted, params, party.name)
    if IdentityHeader.DIVERSION in identity.send:
        for one in party.diversions:
            if identity.trusted or _PRIVATE not in one.params:
                yield one


_PRIVATE = ";privacy=full"


def _privacy(message: SipMessage) -> tuple[str, ...]:
    """What the sender asks to be kept, in words that RFC 3323 knows."""
    words = {word.strip().lower() for value in message.headers.all("Privacy") for word in value.split(";")}
    if any(_keeps(one) for one in _named(message, REMOTE_PARTY)):
        words.add("id")
    return tuple(word for word in PRIVACY if word in words)


def _keeps(value: NameAddr) -> bool:
    """Whether a Remote-Party-ID or a Diversion asks for privacy."""
    return (value.param("privacy") or "").lower() in REMOTE_PARTY_PRIVACY


def _diversions(message: SipMessage) -> Iterator[Named]:
    for one in _named(message, DIVERSION)[:MAX_DIVERSIONS]:
        user = sound_user(one.uri.user)
        if user:
            reason = (one.param("reason") or "").lower()
            params = f";reason={reason if reason in REASONS else 'unknown'}{_PRIVATE if _keeps(one) else ''}"
            yield Named(DIVERSION, user, params)


def _named(message: SipMessage, header: str) -> Sequence[NameAddr]:
    found = []
    for member in (member for value in message.headers.all(header) for member in split_list(value)):
        try:
            found.append(parse_name_addr(member))
        except UriError:
            continue
    return found


def _value(one: Named, host: str) -> str:
    name = f"{quote_string(one.name)} " if one.name else ""
    return f"{name}<sip:{one.user}@{host}>{one.params}"
