"""What goes wrong in an application, as Twilio's debugger names it: numbers and texts of Twilio's error list. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ADVISED_BYTES = 800
"""Twilio, How to share information between your applications: not more than 800 bytes combined."""
ADVICE = 0
"""Number of what Twilio advises and no error of its list names."""

TEXTS: Mapping[int, str] = MappingProxyType(
    {
        ADVICE: f"Custom parameters over the {ADVISED_BYTES} bytes that Twilio advises",
        11200: "HTTP retrieval failure",
        11750: "TwiML response body too large",
        12100: "Document parse failure",
        12200: "Schema validation warning",
        13243: "Dial: Invalid SIP URI",
        13250: "Dial: Too many URIs",
        13251: "Dial: Too many headers",
        13252: "Dial: Invalid header name",
        13253: "Dial: Header too long",
        13802: "No referUrl on Dial",
        21227: "Headers of the SIP URI are too long",
        31920: "Stream - WebSocket - Handshake Error",
        32009: "User not registered",
        32110: "SIP URI formatted incorrectly",
        32111: "Invalid SIP header name",
        32112: "Invalid SIP header value",
        32113: "SIP header name not allowed",
        32201: "Authentication failure - source IP Address not in ACL",
        32202: "Authentication failure - bad user credentials",
    }
)


@dataclass(frozen=True, slots=True)
class Alert:
    """One line of the debugger; `detail` says what was seen, `call_sid` whose call it is about (empty: nobody's)."""

    code: int
    detail: str
    call_sid: str = ""

    @property
    def text(self) -> str:
        """What Twilio's error list calls it."""
        return TEXTS[self.code]


def advise(values: Mapping[str, str], where: str) -> Alert | None:
    """The advice to stay below 800 bytes, with the count, when custom parameters are over it."""
    size = sum(len(name.encode()) + len(value.encode(errors="surrogateescape")) for name, value in values.items())
    return Alert(ADVICE, f"{size} bytes of names and values in {where}") if size > ADVISED_BYTES else None
