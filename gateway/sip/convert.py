"""Between pjsua2's values and ours: headers, call settings, received messages."""

from __future__ import annotations

import pjsua2 as pj

from gateway.bridge.commands import HeaderList
from gateway.core.message import SipMessage, parse_message
from gateway.errors import MessageError


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
