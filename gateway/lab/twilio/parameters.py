"""What Twilio's webhooks are given, as its documents list it: names and values. Pure.

The reading of SIP messages is not the gateway's own: what judges it must not share its mistakes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

API_VERSION = "2010-04-01"
Params = dict[str, str]
HeaderPairs = Iterable[tuple[str, str]]


def new_sid(prefix: str) -> str:
    """An id of Twilio's form: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def build_date(seconds: float) -> str:
    """A time as Twilio's API writes it (RFC 2822)."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def sip_headers(headers: HeaderPairs) -> Params:
    """`SipHeader_` parameters of an INVITE or of a 200: X- headers and User-to-User, nothing else (Sending SIP)."""
    return {
        "SipHeader_" + ("User-to-User" if name.lower() == "user-to-user" else name): value
        for name, value in headers
        if name.lower().startswith("x-") or name.lower() == "user-to-user"
    }


def screening_headers(headers: HeaderPairs) -> Params:
    """`SipHeader_` parameters of the screening url, from the 200: X- headers only (Receiving SIP)."""
    return {f"SipHeader_{name}": value for name, value in _extensions(headers)}


def dial_headers(headers: HeaderPairs) -> Params:
    """`DialSipHeader_` parameters of the action of `<Dial>`, from the final response: X- headers only."""
    return {f"DialSipHeader_{name}": value for name, value in _extensions(headers)}


def _extensions(headers: HeaderPairs) -> HeaderPairs:
    return ((name, value) for name, value in headers if name.lower().startswith("x-"))


def custom_parameters(values: Mapping[str, str]) -> Params:
    """Those that count towards the 800 bytes, without the prefixes that Twilio adds."""
    return {
        name.removeprefix("Dial").removeprefix("SipHeader_"): value
        for name, value in values.items()
        if "SipHeader_" in name and not name.removeprefix("SipHeader_").lower().startswith("x-twilio")
    }


def split_client(to: str) -> tuple[str, Params]:
    """Identity and custom parameters of `client:bob?plan=gold`."""
    identity, _, query = to.removeprefix("client:").partition("?")
    return identity, dict(parse_qsl(query, keep_blank_values=True))


def split_uri(uri: str) -> tuple[str, str]:
    """User part and host of a SIP URI without its port and parameters."""
    place = uri.partition(":")[2].partition(";")[0].partition("?")[0]
    user, at, host = place.rpartition("@")
    return (user if at else ""), host.partition(":")[0]


def url_parameters(url: str) -> Params:
    """What a URL carries itself, as `Url=https://app.example/voice?customer=7` does."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
