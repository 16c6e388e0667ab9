"""What Twilio's webhook is given of the headers of a SIP call, as Twilio documents it; sends nothing.

Twilio, "Receiving SIP INVITEs": headers that begin with `X-` and User-to-User become `SipHeader_NAME` parameters, no
other header is passed on. The spelling of an X- name is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

_PREFIX = "SipHeader_"
_UUI = "User-to-User"


def webhook_parameters(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parameters, decoded, in the order of the headers."""
    return [
        (_PREFIX + name, value)
        for name, value in map(_spelled, headers)
        if name.startswith(("X-", "x-")) or name == _UUI
    ]


def webhook_form(parameters: Iterable[tuple[str, str]]) -> str:
    """The parameters as they are posted: `application/x-www-form-urlencoded` in UTF-8."""
    return urlencode(list(parameters), errors="surrogatepass")


def _spelled(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    return (_UUI, value) if name.lower() == _UUI.lower() else header
