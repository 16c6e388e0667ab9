"""What a `sip:` target with headers becomes: `sip:bob@pbx.example?X-A=1&User-to-User=...`, in `<Sip>` and REST. Pure.

By Twilio's documents: a URI of less than 255 characters, less than 1,024 of headers, counted with their escapes; names
X-*, User-to-User and three more; everything else percent-encoded. Some breaches end the attempt (`TargetError`), some
cost one header and an alert. The number of headers above which 13251 comes is not documented; its page speaks of a `&`
that was not escaped, so here it means a piece without `=`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from gateway.lab.twilio.alerts import TEXTS, Alert

URI_CHARACTERS = 255
HEADERS_CHARACTERS = 1024
ALLOWED = ("user-to-user", "remote-party-id", "p-preferred-identity", "p-called-party-id")

_URI = re.compile(r"sips?:(?:[^@\s?]+@)?[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:;[^\s?]*)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-_.!~*'()\[\]/?:+$%]", re.ASCII)
"""What no header of a URI holds (RFC 3261, section 25.1): a broken escape, or what had to be escaped."""
_TEXT = re.compile(r"[\x20-\x7e]*")


class TargetError(Exception):
    """Twilio does not place this call; `code` is the number of its error list."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code} {TEXTS[code]}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Target:
    """Where an INVITE goes and the headers that it carries; `alerts` are about those that were left out."""

    uri: str
    headers: tuple[tuple[str, str], ...] = ()
    alerts: tuple[Alert, ...] = ()


def parse_target(text: str, over_limit: int = 13253) -> Target:
    """Read a target; `over_limit` is the error of too many characters of headers: 21227 in REST.

    Raises:
        TargetError: a breach that keeps the call from being placed.
    """
    uri, _, rest = text.strip().partition("?")
    if len(uri) >= URI_CHARACTERS or not _URI.fullmatch(uri):
        raise TargetError(13243, f"{uri[:60]!r}")
    if len(rest) >= HEADERS_CHARACTERS:
        raise TargetError(over_limit, f"{len(rest)} characters of headers, fewer than {HEADERS_CHARACTERS} are allowed")
    headers: list[tuple[str, str]] = []
    alerts: list[Alert] = []
    for piece in filter(None, rest.split("&")):
        name, equals, value = piece.partition("=")
        if not equals:
            raise TargetError(13251, f"{piece[:40]!r} is no header; a '&' inside a value is written %26")
        alert = _problem(name, value)
        if alert:
            alerts.append(alert)
        else:
            headers.append((name, unquote_to_bytes(value).decode()))
    return Target(uri, tuple(headers), tuple(alerts))


def build_target(uri: str, headers: tuple[tuple[str, str], ...]) -> str:
    """The text of a target, every character of the values escaped that is no letter or digit."""
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in headers)
    return f"{uri}?{pairs}" if pairs else uri


def _problem(name: str, value: str) -> Alert | None:
    """What costs a header its place.

    Raises:
        TargetError: its name is none that Twilio sends.
    """
    if not _NAME.fullmatch(name) or "%" in name:
        return Alert(32111, f"{name[:40]!r}")
    if name.lower().startswith("x-twilio"):
        return Alert(32113, name)
    if not name.lower().startswith("x-") and name.lower() not in ALLOWED:
        raise TargetError(13252, name)
    if _BAD_ESCAPE.search(value):
        return Alert(32110, f"the value of {name} is not percent-encoded")
    octets = unquote_to_bytes(value)
    if not octets.isascii() or not _TEXT.fullmatch(octets.decode("ascii")):
        return Alert(32112, f"the value of {name} has characters beyond printable ASCII")
    return None
