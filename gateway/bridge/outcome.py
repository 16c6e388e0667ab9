"""How a call ends: one of a fixed list of outcomes, and what the other leg is told.

Two tables decide. `OUTCOME_BY_CODE` names what a final response of the outbound leg means for the call; unknown codes
count by their class, and what nobody foresaw counts against us. `ANSWER_BY_CODE` says what the inbound leg gets; a code
that speaks of *our* request (its credentials, its session timer) means nothing to the caller and becomes 502.
"""

from __future__ import annotations

import enum

from gateway.core.frozen import frozen


class Result(enum.StrEnum):
    """Whose business the end of a call is."""

    SUCCESS = "success"
    CLIENT_ERROR = "client-error"
    SERVER_ERROR = "server-error"
    UPSTREAM_ERROR = "upstream-error"
    INDETERMINATE = "indeterminate"


@frozen
class Outcome:
    """A result with its kebab-case reason."""

    result: Result
    reason: str


# The call was answered and ended as calls do.
COMPLETED = Outcome(Result.SUCCESS, "completed")
MAX_DURATION = Outcome(Result.SUCCESS, "max-duration")
DRAINED = Outcome(Result.SUCCESS, "drained")
ENDED_BY_ADMIN = Outcome(Result.SUCCESS, "ended-by-admin")
# The caller, or the person or machine called, decided.
CANCELLED = Outcome(Result.CLIENT_ERROR, "cancelled")
BUSY = Outcome(Result.CLIENT_ERROR, "busy")
DECLINED = Outcome(Result.CLIENT_ERROR, "declined")
NO_ANSWER = Outcome(Result.CLIENT_ERROR, "no-answer")
NOT_FOUND = Outcome(Result.CLIENT_ERROR, "not-found")
NO_ROUTE = Outcome(Result.CLIENT_ERROR, "no-route")
BAD_REQUEST = Outcome(Result.CLIENT_ERROR, "bad-request")
MISSING_CONTEXT = Outcome(Result.CLIENT_ERROR, "missing-context")
CONTEXT_REFUSED = Outcome(Result.CLIENT_ERROR, "context-refused")
NO_COMMON_CODEC = Outcome(Result.CLIENT_ERROR, "no-common-codec")
CALL_REFUSED = Outcome(Result.CLIENT_ERROR, "refused")
# The trunk we called failed us.
FORBIDDEN = Outcome(Result.UPSTREAM_ERROR, "forbidden")
UNAUTHORIZED = Outcome(Result.UPSTREAM_ERROR, "unauthorized")
REDIRECTED = Outcome(Result.UPSTREAM_ERROR, "redirected")
LOOP = Outcome(Result.UPSTREAM_ERROR, "loop")
NO_RESPONSE = Outcome(Result.UPSTREAM_ERROR, "no-response")
UNAVAILABLE = Outcome(Result.UPSTREAM_ERROR, "unavailable")
# We failed.
INTERNAL_ERROR = Outcome(Result.SERVER_ERROR, "internal-error")
STOPPED = Outcome(Result.SERVER_ERROR, "stopped")
# A peer stopped talking; what it thinks of the call is not known.
ACK_MISSING = Outcome(Result.INDETERMINATE, "ack-missing")
PEER_VANISHED = Outcome(Result.INDETERMINATE, "peer-vanished")
MEDIA_TIMEOUT = Outcome(Result.INDETERMINATE, "media-timeout")

OUTCOMES: tuple[Outcome, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Outcome))
"""All outcomes there are; metrics create their labels from it."""

OUTCOME_BY_CODE: dict[int, Outcome] = {
    401: UNAUTHORIZED,
    403: FORBIDDEN,
    404: NOT_FOUND,
    407: UNAUTHORIZED,
    408: NO_RESPONSE,
    410: NOT_FOUND,
    415: NO_COMMON_CODEC,
    480: NO_ANSWER,
    482: LOOP,
    483: LOOP,
    484: NOT_FOUND,
    486: BUSY,
    487: NO_ANSWER,
    488: NO_COMMON_CODEC,
    504: NO_RESPONSE,
    600: BUSY,
    603: DECLINED,
    604: NOT_FOUND,
    606: NO_COMMON_CODEC,
}

OUTCOME_BY_CLASS: dict[int, Outcome] = {3: REDIRECTED, 4: CALL_REFUSED, 5: UNAVAILABLE, 6: DECLINED}

OUR_REQUEST_CODES = frozenset({401, 405, 407, 413, 414, 416, 420, 421, 422, 423, 481, 489, 491, 493, 494})
"""Responses about the INVITE we built, not about the call: the caller can do nothing with them."""

ANSWER_BY_CODE: dict[int, int] = {415: 488, 487: 480, 606: 488} | dict.fromkeys(OUR_REQUEST_CODES, 502)

ANSWER_BY_CAUSE: dict[int, int] = {408: 504, 500: 503}
"""What the inbound leg gets when no peer said it: the stack heard nothing, or could not send (no port, no network)."""

PHRASES: dict[int, str] = {
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""Reason phrases of RFC 3261, section 21; a peer's own phrase is never repeated to the other side."""


def outcome_for_code(code: int) -> Outcome:
    """What a final failure `code` of the outbound leg means for the call."""
    return OUTCOME_BY_CODE.get(code) or OUTCOME_BY_CLASS.get(code // 100, INTERNAL_ERROR)


def answer_for_cause(code: int) -> int:
    """The final response the inbound leg gets when the stack itself gave the outbound one up with `code`."""
    return ANSWER_BY_CAUSE.get(code) or answer_for_code(code)


def answer_for_code(code: int) -> int:
    """The final response the inbound leg gets when the outbound one failed with `code`."""
    if code in ANSWER_BY_CODE:
        return ANSWER_BY_CODE[code]
    return code if 400 <= code <= 699 else 502


def reason_header(code: int) -> tuple[str, str]:
    """The Reason header that names the other leg's final response (RFC 3326, section 2)."""
    phrase = PHRASES.get(code)
    text = f';text="{phrase}"' if phrase else ""
    return ("Reason", f"SIP;cause={code}{text}")


def warning_header(text: str) -> tuple[str, str]:
    """A Warning header for a person who reads a trace (RFC 3261, section 20.43); `text` is ours, never a peer's."""
    quoted = text.replace("\\", "").replace('"', "'")
    return ("Warning", f'399 gateway "{quoted}"')


def finds_nobody(code: int, by_peer: bool) -> bool:
    """Whether the end of a leg says that nobody is at its URI: the stack heard nothing, or had no connection.

    The same codes from a peer may be about this call alone.
    """
    return not by_peer and code in (408, 503)


def tries_next_uri(code: int) -> bool:
    """Whether a final `code` lets the next URI of the trunk be tried: a silent or failing server, never a decision."""
    return code == 408 or 500 <= code <= 599
