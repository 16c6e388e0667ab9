"""Between pjsua2's values and ours: headers, call settings, received messages."""

from __future__ import annotations

import re

import pjsua2 as pj

from gateway.bridge.commands import HeaderList
from gateway.core.message import SipMessage, parse_message
from gateway.core.plan import Transport
from gateway.core.uri import parse_uri
from gateway.errors import MessageError

_VIA = re.compile(r"^(?:via|v)[ \t]*:[ \t]*sip[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([a-z]+)", re.IGNORECASE | re.MULTILINE)


def call_settings(headers: HeaderList, code: int = 0) -> pj.CallOpParam:
    """Parameters of an operation on a call: one audio stream, these headers, this status code.

    pjsua2 copies header values to the wire as they are, CR and LF included; every header that comes here passed
    `core.sanitise` or is built from constants.
    """
    prm = pj.CallOpParam(True)
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    prm.opt.textCount = 0
    prm.statusCode = code
    if headers:
        prm.txOption.headers = pj.SipHeaderVector([sip_header(name, value) for name, value in headers])
    return prm


def sip_header(name: str, value: str) -> pj.SipHeader:
    """One header for an outgoing message."""
    header = pj.SipHeader()
    header.hName = name
    header.hValue = value
    return header


def received_message(event: pj.SipEvent) -> SipMessage | None:
    """The message that a peer sent and that made this event; None if it was a timer, an error or ourselves."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE or event.body.tsxState.type != pj.PJSIP_EVENT_RX_MSG:
        return None
    try:
        return parse_message(event.body.tsxState.src.rdata.wholeMsg)
    except MessageError:  # PJSIP read it, we could not: nothing to carry
        return None


def address_of(endpoint: str) -> str:
    """The host of PJSIP's `1.2.3.4:5060` or `[::1]:5060`."""
    host = endpoint.rsplit(":", 1)[0]
    return host.strip("[]")


def via_transport(message: str) -> Transport:
    """The transport that the sender of a request names in its topmost Via (RFC 3261, section 18.2.1)."""
    found = _VIA.search(message)
    return _transport(found[1] if found else "")


def uri_transport(uri: str) -> Transport:
    """The transport that a request to this URI leaves by (RFC 3263, section 4.1)."""
    if uri.lower().startswith("sips:"):
        return Transport.TLS
    return _transport(parse_uri(uri).param("transport") or "")


def _transport(name: str) -> Transport:
    return next((transport for transport in Transport if transport.value == name.lower()), Transport.UDP)
