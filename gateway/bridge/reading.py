"""What is read from messages besides context: how far the call may go, whether it describes media. Pure."""

from __future__ import annotations

import re

from gateway.core.message import SipMessage

_ERROR = re.compile(r"([0-9]{5})(?![0-9])")

MAX_FORWARDS = 70
"""RFC 3261, section 8.1.1.6."""


def carries_sdp(message: SipMessage | None) -> bool:
    """Whether the body is a session description, or of several parts that may hold one (RFC 5621)."""
    if message is None or not message.body:
        return False
    kind = (message.headers.first("Content-Type") or "").lower()
    return kind.startswith(("application/sdp", "multipart/"))


def forwards_left(message: SipMessage) -> int:
    """Max-Forwards of a request; one without it, or with nonsense, counts as fresh (RFC 3261, section 16.3)."""
    value = (message.headers.first("Max-Forwards") or "").strip()
    return min(int(value), MAX_FORWARDS) if value.isascii() and value.isdigit() and len(value) < 4 else MAX_FORWARDS


def twilio_error(message: SipMessage | None) -> int | None:
    """The number that Twilio has for the reason of a refusal, such as 32201; the PBX cannot say so (`believe`)."""
    found = _ERROR.match(message.headers.first("X-Twilio-Error") or "") if message else None
    return int(found[1]) if found else None
