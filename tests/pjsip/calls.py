"""Accounts and calls that write down what happens to them."""

from __future__ import annotations

import pjsua2 as pj


class Calls(pj.Account):
    """Makes a Call of what arrives, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[RecordingCall] = []
        self.messages: list[str] = []

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self.messages.append(prm.rdata.wholeMsg)
        self.calls.append(RecordingCall(self, prm.callId))


class RecordingCall(pj.Call):
    """Writes down which callback came when, and what it could read."""

    def __init__(self, account: pj.Account, call_id: int = pj.PJSUA_INVALID_ID, sdp: str = "") -> None:
        super().__init__(account, call_id)
        self.sdp = sdp
        self.states: list[str] = []
        self.log: list[tuple[str, str]] = []

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        state = self.getInfo().stateText
        self.states.append(state)
        read = prm.e.type == pj.PJSIP_EVENT_TSX_STATE and prm.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG
        self.log.append((state, prm.e.body.tsxState.src.rdata.wholeMsg if read else ""))

    def onCallSdpCreated(self, prm: pj.OnCallSdpCreatedParam) -> None:
        if self.sdp:
            prm.sdp.wholeSdp = self.sdp


def call_with(code: int, *headers: tuple[str, str], reason: str = "", sdp: str = "") -> pj.CallOpParam:
    """What an operation on a call is given, with the headers and the SDP that its message carries."""
    prm = pj.CallOpParam(True)
    prm.statusCode = code
    prm.reason = reason
    prm.sdp.wholeSdp = sdp
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        prm.txOption.headers.append(header)
    return prm
