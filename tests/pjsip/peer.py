"""The other side of a test: SIP by hand over one UDP socket, so that every byte is the test's own."""

from __future__ import annotations

import itertools
import re
import socket
from dataclasses import dataclass, field

SDP = "v=0\r\no=peer 7 7 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

_numbers = itertools.count(1)


@dataclass
class Message:
    """A received message, cut up only as far as the tests look at it."""

    text: str
    start: str = field(init=False)
    headers: list[tuple[str, str]] = field(init=False)
    body: str = field(init=False)

    def __post_init__(self) -> None:
        head, _, self.body = self.text.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: str) -> str:
        return self.values(name)[0]


class Peer:
    def __init__(self, gateway: tuple[str, int], host: str = "127.0.0.1") -> None:
        self.gateway = gateway
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.uri = f"sip:peer@{self.address}"
        self.received: list[Message] = []

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def send(self, text: str) -> None:
        self.socket.sendto(text.encode(), self.gateway)

    def find(self, start: str) -> Message | None:
        """The first message received so far that starts so."""
        while True:
            try:
                self.received.append(Message(self.socket.recv(65535).decode()))
            except BlockingIOError:
                break
        return next((message for message in self.received if message.start.startswith(start)), None)

    def invite(self, *, uri: str = "sip:callee@gateway", headers: str = "", body: str = SDP) -> str:
        """An INVITE; every one is a new call."""
        number = next(_numbers)
        return (
            f"INVITE {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{number};rport\r\n"
            f"Max-Forwards: 70\r\n"
            f"From: <{self.uri}>;tag=peer{number}\r\n"
            f"To: <sip:callee@gateway>\r\n"
            f"Call-ID: call-{number}@test\r\n"
            f"CSeq: 1 INVITE\r\n"
            f"Contact: <{self.uri}>\r\n"
            f"{headers}"
            f"Content-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def acknowledge(self, invite: str, response: Message) -> str:
        """The ACK of a 2xx response to our INVITE (RFC 3261, section 13.2.2.4)."""
        target = re.search("<(.*)>", response.value("Contact"))
        assert target
        kept = [f"{name}: {Message(invite).value(name)}\r\n" for name in ("From", "Call-ID")]
        return (
            f"ACK {target[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{next(_numbers)};rport\r\n"
            f"{''.join(kept)}To: {response.value('To')}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
        )

    def cancel(self, invite: str) -> str:
        """The CANCEL of our INVITE (RFC 3261, section 9.1)."""
        kept = [f"{name}: {Message(invite).value(name)}\r\n" for name in ("Via", "From", "To", "Call-ID")]
        target = Message(invite).start.split()[1]
        return f"CANCEL {target} SIP/2.0\r\n{''.join(kept)}CSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"

    def response(self, request: Message, status: str, *, headers: str = "", body: str = "") -> str:
        """A response to a request that the gateway sent."""
        kept = [(name, value) for name, value in request.headers if name in ("Via", "From", "Call-ID", "CSeq")]
        lines = "".join(f"{name}: {value}\r\n" for name, value in kept)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"SIP/2.0 {status}\r\n{lines}To: {request.value('To')};tag=peer\r\nContact: <{self.uri}>\r\n"
            f"{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
