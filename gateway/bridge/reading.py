"""What is read from messages besides context: who calls, how far the call may go, whether it describes media. Pure."""

from __future__ import annotations

from gateway.core.message import SipMessage
from gateway.core.octets import is_utf8
from gateway.core.sanitise import find_control
from gateway.core.uri import escape_user, parse_name_addr
from gateway.errors import PeerError

MAX_FORWARDS = 70
"""RFC 3261, section 8.1.1.6."""
MAX_CALLER_CHARACTERS = 256
"""Longest user part of From, escaped, that is passed on: PJSIP does not call from a URI of more than 2048 octets."""


def caller_of(message: SipMessage) -> str:
    """The caller's user part from From, escaped for a URI; empty when there is none worth having."""
    try:
        user = parse_name_addr(message.headers.first("From") or "").uri.user
    except PeerError:
        return ""
    escaped = escape_user(user)
    sound = len(escaped) <= MAX_CALLER_CHARACTERS and find_control(user) is None and is_utf8(user)
    return escaped if sound else ""


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
