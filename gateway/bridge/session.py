"""Session-ID: one name for a call that both sides know, hop after hop (RFC 7989). Pure.

Each end of a call has a UUID. We pass on what an end says of itself, and make one for an end that says nothing. An end
is told its own UUID back only if it named it: one that we made would mean nothing to it.
"""

from __future__ import annotations

import re
import uuid
from hashlib import sha1

from gateway.core.frozen import frozen
from gateway.core.message import SipMessage

HEADER = "Session-ID"
NIL = "0" * 32
"""An end of which nothing is known yet (RFC 7989, section 5)."""

# Lower case (section 5); the end of the older RFC 7329 has no `remote`, and parameters may come to be (section 11).
_VALUE = re.compile(r"([0-9A-Fa-f]{32})(?:[ \t]*+;.*)?", re.DOTALL)
_MADE_BY_US = uuid.UUID("6f2b5c1e-6f0d-5c7b-9d52-0d9d5b1f7a34").bytes
"""The name space of the UUIDs that we make (RFC 7989, section 4.2; RFC 9562, section 5.5)."""
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""What becomes of the digit that says which kind of UUID it is (RFC 9562, section 4.1)."""


@frozen
class End:
    """One end of a call: its UUID, and whether it named that itself."""

    uuid: str
    is_its_own: bool = False


def make_end(call_id: str, leg: str) -> End:
    """The end that a leg leads to, as long as it does not name itself.

    Its UUID is that of uuid.uuid5(), whose objects take twice as long.
    """
    digits = sha1(_MADE_BY_US + f"{call_id} {leg}".encode(), usedforsecurity=False).hexdigest()
    return End(f"{digits[:12]}5{digits[13:16]}{_VARIANT[digits[16]]}{digits[17:32]}")


def hear_end(message: SipMessage, before: End) -> End:
    """The end that sent a message; what names no UUID changes nothing."""
    named = _uuid_of(message)
    return End(named, is_its_own=True) if named else before


def is_malformed(message: SipMessage) -> bool:
    """Whether there is a Session-ID that names no UUID, or more than one."""
    return HEADER in message.headers and not _uuid_of(message)


def session_id(speaker: End, listener: End | None = None) -> str:
    """What a listener is told of the end at the other side."""
    remote = listener.uuid if listener and listener.is_its_own else NIL
    return f"{speaker.uuid};remote={remote}"


def _uuid_of(message: SipMessage) -> str:
    values = message.headers.all(HEADER)
    found = _VALUE.fullmatch(values[0]) if len(values) == 1 else None
    named = found[1].lower() if found else NIL
    return "" if named == NIL else named
