"""Between the stack's values and ours: headers, received messages, addresses."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.bridge.commands import HeaderList
from gateway.core.message import SipMessage, parse_message
from gateway.core.plan import Network, Transport
from gateway.core.uri import parse_uri
from gateway.errors import MessageError

MICROSECONDS = 1e-6

_TRANSPORTS = {transport.value: transport for transport in Transport}


def header_words(headers: HeaderList) -> str:
    """Headers as the stack takes them: names and values by turns, each ended by LF.

    They reach the wire as they are, CR and LF included; every header that comes here passed `core.sanitise` or is
    built from constants.
    """
    return "".join([f"{name}\n{value}\n" for name, value in headers])


def network_words(networks: Iterable[Network]) -> list[str]:
    """Networks as the stack takes them: address and length by turns."""
    return [word for network in networks for word in str(network).split("/")]


def received_message(text: str) -> SipMessage | None:
    """What a peer sent; None for no text, and for what PJSIP could read and we cannot: there is nothing to carry."""
    try:
        return parse_message(text) if text else None
    except MessageError:
        return None


def has_body(text: str) -> bool:
    """Whether anything may follow on the headers of a message; known without reading them, 180 comes with each call."""
    end = text.find("\r\n\r\n")
    return end < 0 or end + len("\r\n\r\n") < len(text)


def names_session(text: str) -> bool:
    """Whether a message may have a Session-ID; known without reading its headers, and few have one."""
    return "\nsession-id" in text.lower()


def names_error(text: str) -> bool:
    """Whether a message may have Twilio's reason of a refusal; known without reading its headers."""
    return "\nx-twilio-error" in text.lower()


def address_of(endpoint: str) -> str:
    """The host of PJSIP's `1.2.3.4:5060` or `[::1]:5060`."""
    host = endpoint.rsplit(":", 1)[0]
    return host.strip("[]")


def uri_transport(uri: str) -> Transport:
    """The transport that a request to this URI leaves by (RFC 3263, section 4.1)."""
    folded = uri.lower()
    if folded.startswith("sips:"):
        return Transport.TLS
    return _transport(parse_uri(uri).param("transport") or "") if "transport" in folded else Transport.UDP


def _transport(name: str) -> Transport:
    return _TRANSPORTS.get(name.lower(), Transport.UDP)
