"""The payload of a User-to-User header (RFC 7433, RFC 7434): `parse_uui` and `build_uui` undo each other.

Reading is lenient, because what PBXs send is: parameters in any case and order, quotes around hex, escapes that leaked
into the header, no parameters at all. What cannot be read is a `Refusal`, never an exception.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.core.headers import is_token
from gateway.core.octets import build_octets, parse_octets
from gateway.core.payload import UuiFormat as UuiFormat
from gateway.core.refusal import Refusal
from gateway.core.uri import quote_string, split_list, unquote_string


class UuiEncoding(enum.StrEnum):
    """How the payload is written: only `hex` is in RFC 7433, `ascii` is what Genesys and AudioCodes also use."""

    HEX = "hex"
    ASCII = "ascii"


class DiscriminatorPlace(enum.StrEnum):
    """Where the protocol discriminator is written."""

    DATA = "data"
    """The first octet of the data (RFC 7434, section 3.1)."""
    PD = "pd"
    """A parameter beside the data, as Genesys has it."""


@dataclass(frozen=True, slots=True)
class UuiSetup:
    """How one side uses User-to-User.

    `discriminator` is the Q.931 protocol discriminator (RFC 7434, section 3.1), 0 to 255: written where
    `discriminator_in` says; the first octet of what arrives is taken off, whatever it is, unless there is a parameter
    `pd`. None: there is none either way. `purpose` and `content` are written only when given.
    """

    format: UuiFormat = UuiFormat.TEXT
    encoding: UuiEncoding = UuiEncoding.HEX
    discriminator: int | None = None
    purpose: str | None = None
    content: str | None = None
    discriminator_in: DiscriminatorPlace = DiscriminatorPlace.DATA

    @property
    def max_octets(self) -> int | None:
        """How long a payload may be, the discriminator not counted; None without a rule (RFC 7434, section 3.1)."""
        return ISDN_OCTETS if _purpose(self.purpose) == _ISDN else None


ISDN_OCTETS = 128

# "isdn-uui" is what no purpose means (RFC 7433, section 4); "isdn-interwork" is its name in old drafts, which
# RFC 7434, section 8, wants understood.
_ISDN = "isdn-uui"
_PURPOSE_ALIASES = {"isdn-interwork": _ISDN}

_PARAMETER = re.compile(r';\s*(purpose|content|encoding|pd)\s*=\s*("[^"]*"|[^\s"]*)\s*', re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*+")
_HEX_OCTET = re.compile(r"[0-9A-Fa-f]{2}")
_LEAKED_SEMICOLON = re.compile(r"%3b", re.IGNORECASE)
_LEAKED_EQUALS = re.compile(r"%3d", re.IGNORECASE)


def parse_uui(values: Sequence[str], setup: UuiSetup) -> str | None | Refusal:
    """The payload in the User-to-User header lines `values`; None when there is none for the setup's purpose.

    Without a purpose in the setup a lone value of any purpose is taken. More than one value for the purpose is
    unreadable: RFC 7434, section 8, has all of them discarded.
    """
    found = [_parse_value(member) for line in values for member in split_list(line)]
    if setup.purpose is not None or len(found) > 1:
        wanted = _purpose(setup.purpose)
        found = [(data, params) for data, params in found if _purpose(params.get("purpose")) == wanted]
    if len(found) > 1:
        return Refusal(f"{len(found)} User-to-User values of the same purpose, none can be told to be the right one")
    return _parse_payload(*found[0], setup) if found else None


def build_uui(payload: str, setup: UuiSetup) -> str:
    """The header value that carries `payload`; hex in upper case (RFC 7433, section 4.2), parameters as set up."""
    discriminator = "" if setup.discriminator is None else f"{setup.discriminator:02X}"
    in_data = setup.discriminator_in is DiscriminatorPlace.DATA
    first, beside = (discriminator, "") if in_data else ("", discriminator)
    if setup.encoding is UuiEncoding.HEX:
        data = first + build_octets(payload).hex().upper()
    else:
        text = first + payload
        data = text if is_token(text) else quote_string(text)
    pd = f";pd={beside}" if beside else ""
    purpose = f";purpose={setup.purpose}" if setup.purpose else ""
    content = f";content={setup.content}" if setup.content else ""
    return f"{data}{pd};encoding={setup.encoding}{purpose}{content}"


def _purpose(name: str | None) -> str:
    lower = (name or _ISDN).lower()
    return _PURPOSE_ALIASES.get(lower, lower)


def _parse_value(member: str) -> tuple[str, dict[str, str]]:
    """One uui-value to its data and its known parameters, which are the last ones; all before them is data."""
    if ";" not in member:
        member = _LEAKED_EQUALS.sub("=", _LEAKED_SEMICOLON.sub(";", member))
    params: dict[str, str] = {}
    end = len(member)
    while (start := member.rfind(";", 0, end)) >= 0:
        found = _PARAMETER.fullmatch(member, start, end)
        if found is None:
            break
        params.setdefault(found[1].lower(), unquote_string(found[2]))
        end = start
    return unquote_string(member[:end].strip(" \t")), params


def _parse_payload(data: str, params: dict[str, str], setup: UuiSetup) -> str | Refusal:
    """Data to text. A `pd` parameter carries the discriminator outside the data (Genesys), so none is taken off."""
    skip = setup.discriminator is not None and "pd" not in params
    encoding = params.get("encoding", "").lower()
    is_hex = _HEX.fullmatch(data) is not None
    if encoding == UuiEncoding.HEX and not is_hex:
        return Refusal("User-to-User says encoding=hex and is not pairs of hex digits")
    if not encoding:
        encoding = UuiEncoding.HEX if is_hex and setup.encoding is UuiEncoding.HEX else UuiEncoding.ASCII
    if encoding == UuiEncoding.HEX:
        return parse_octets(bytes.fromhex(data)[1 if skip else 0 :])
    # An encoding nobody here knows is opaque: its first octet cannot be found.
    return data[2:] if skip and encoding == UuiEncoding.ASCII and _HEX_OCTET.match(data) else data
