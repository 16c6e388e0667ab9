"""What stands behind Twilio's edge: takes and makes calls as Twilio's servers do, where only the edge reaches it."""

from __future__ import annotations

import itertools

from tests.process.edge.kamailio import DOMAIN, Edge
from tests.process.wire import MAX_OCTETS, WirePeer, carrying, header, sdp, values

ALLOW = "Allow: INVITE,ACK,CANCEL,OPTIONS,BYE,REFER,NOTIFY"
CALL_SID = "CA0123456789abcdef0123456789abcdef"
SID = f"X-Twilio-CallSid: {CALL_SID}"
NOT_ALLOWED = ("PRACK ", "UPDATE ", "INFO ")
RECORD_ROUTES = 2
"""Of the edge in each dialog: one for each side of it."""
ACCOUNT = "X-Twilio-AccountSid: AC0123456789abcdef0123456789abcdef"

_numbers = itertools.count(1)


class TwilioAgent(WirePeer):
    """The peer of the edge's inside, which takes nothing that comes another way."""

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge.inside, edge.agent)

    def __exit__(self, *exception: object) -> None:
        try:
            for message in self.received():
                assert not message.startswith(NOT_ALLOWED), f"not allowed: {message}"
                routes = len(values(message, "Record-Route"))
                assert routes == RECORD_ROUTES or not opens_dialog(message), f"{routes} routes: {message}"
        finally:
            super().__exit__(*exception)

    def _read(self) -> bytes:
        """Its Contact is private: what is sent straight there would be lost on the way to the real one."""
        try:
            data, source = self._socket.recvfrom(MAX_OCTETS)
        except BlockingIOError:
            return b""
        assert source == (self.gateway.host, self.gateway.port), f"not by the edge, but from {source}: {data!r}"
        return data

    def take(self, body: str | None = None) -> str:
        """Ring and answer the call that waits, as a SIP Domain does while TwiML runs; its INVITE."""
        invite = self.wait_for("INVITE")
        self.send(self.reply(invite, "180 Ringing", ALLOW))
        self.send(self.reply(invite, "200 OK", ALLOW, SID, body=sdp(self.place.host) if body is None else body))
        self.wait_for("ACK")
        return invite

    def dial(self, uri: str, *headers: str, body: str | None = None) -> str:
        """An INVITE as `<Dial><Sip>` makes it: to a URI with its headers in it (`sip:100@HOST;transport=tls?X-A=b`)."""
        number = next(_numbers)
        target, _, _ = uri.partition("?")
        offer = sdp(self.place.host) if body is None else body
        lines = (
            f"INVITE {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.place};branch=z9hG4bKedge{number}",
            "Max-Forwards: 70",
            f"From: <sip:+15551230000@{DOMAIN}>;tag=edge{number}",
            f"To: <{target}>",
            f"Call-ID: fb3e6e86a53e3094ed17b4776a69af{number:02}@0.0.0.0",
            "CSeq: 1 INVITE",
            f"Contact: <sip:+15551230000@{self.place};transport=udp>",
            ALLOW,
            "User-Agent: Twilio Gateway",
            SID,
            ACCOUNT,
            *headers,
            "Content-Type: application/sdp",
            f"Content-Length: {len(offer.encode())}",
        )
        return "\r\n".join((*lines, "", offer))

    def within(self, method: str, invite: str, response: str, number: int = 1) -> str:
        """A request in the dialog of a call that it made."""
        return carrying(self.in_dialog(method, invite, response, number), SID)

    def within_taken(self, method: str, invite: str, number: int = 1) -> str:
        """A request in the dialog of a call that it took."""
        return carrying(self.in_dialog_of_callee(method, invite, number), SID)

    def is_via_edge(self, request: str) -> bool:
        """Whether the edge handed it on; its own address is nothing to call."""
        return str(self.gateway) in header(request, "Via")


def opens_dialog(message: str) -> bool:
    """Whether it is a call's first INVITE, or the 2xx to ours."""
    if message.startswith("SIP/2.0 2"):
        return header(message, "CSeq") == "1 INVITE"
    return message.startswith("INVITE ") and ";tag=" not in header(message, "To")
