"""What Twilio's webhooks are given of the headers of a SIP message, as Twilio documents it; sends nothing.

Twilio, "Sending SIP to Twilio": of an INVITE, headers that begin with `X-` and User-to-User become `SipHeader_NAME`
parameters, no other header is passed on. "Receiving SIP from Twilio": of our 200, `X-` headers become `SipHeader_NAME`
of the screening url, of our final response `DialSipHeader_NAME` of the action of `<Dial>`. The spelling of X- names is
kept. A transfer that the PBX asks for and we follow is an INVITE of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from gateway.core.scopes import Message
from gateway.core.terms import Direction, On, Side

_UUI = "User-to-User"
_INVITE = Message(Direction.TO_TWILIO, On.INVITE, Side.PBX)
_PREFIXES = {
    _INVITE: "SipHeader_",
    Message(Direction.TO_PBX, On.ANSWER, Side.PBX): "SipHeader_",
    Message(Direction.TO_PBX, On.END, Side.PBX): "DialSipHeader_",
    **{Message(direction, On.REFER, Side.PBX): "SipHeader_" for direction in Direction},
}


def webhook_parameters(headers: Iterable[tuple[str, str]], message: Message = _INVITE) -> list[tuple[str, str]]:
    """The parameters, decoded, in the order of the headers; none of a message that no webhook is given."""
    prefix = _PREFIXES.get(message)
    if prefix is None:
        return []
    return [
        (prefix + name, value)
        for name, value in map(_spelled, headers)
        if name.startswith(("X-", "x-")) or (name == _UUI and message.on in (On.INVITE, On.REFER))
    ]


def webhook_form(parameters: Iterable[tuple[str, str]]) -> str:
    """The parameters as they are posted: `application/x-www-form-urlencoded` in UTF-8."""
    return urlencode(list(parameters), errors="surrogatepass")


def _spelled(header: tuple[str, str]) -> tuple[str, str]:
    name, value = header
    return (_UUI, value) if name.lower() == _UUI.lower() else header
