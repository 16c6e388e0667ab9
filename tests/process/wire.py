"""SIP by hand: sockets of the test's own, for messages that no SIP stack would send and for peers that say nothing."""

from __future__ import annotations

import itertools
import re
import socket
from typing import Self

from tests.process.places import Place, free_port
from tests.process.waiting import wait_until

MAX_OCTETS = 65535
KEPT = ("Via", "Record-Route", "From", "Call-ID", "CSeq")
"""Headers that a response takes over from its request, To aside (RFC 3261, sections 8.2.6.2 and 12.1.1)."""

FINAL = tuple(f"SIP/2.0 {digit}".encode() for digit in range(2, 7))
DIALOG = ("From", "To", "Call-ID")
TAG = "wire"
"""The tag of a callee by hand."""
MEDIA_PORT = 30000
"""Where peers by hand want their RTP. Nobody listens there: it is below the ports that the system hands out, so no peer
has its SIP on it and takes audio for messages."""

_numbers = itertools.count(1)


def sdp(host: str, formats: str = "0 101") -> str:
    """An offer or answer of G.711 and telephone-event."""
    return (
        f"v=0\r\no=wire 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {MEDIA_PORT} RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\n"
    )


def header(message: str, name: str) -> str:
    """The first value of a header that must be there."""
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    assert found, f"no {name} in {message!r}"
    return found[1]


def values(message: str, name: str) -> list[str]:
    """All values of a header, a line each."""
    return re.findall(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)


def carrying(message: str, *headers: str, body: str = "", kind: str = "application/sdp") -> str:
    """A message without a body, with these headers and this body."""
    bare = message.removesuffix("Content-Length: 0\r\n\r\n")
    assert bare != message
    typed = (f"Content-Type: {kind}",) if body else ()
    return bare + "\r\n".join((*headers, *typed, f"Content-Length: {len(body.encode())}", "", body))


def status(message: str) -> int:
    """The code of a response."""
    found = re.match(r"SIP/2\.0 ([0-9]{3}) ", message)
    assert found, message
    return int(found[1])


class WirePeer:
    """A UDP socket that sends what it is told and answers nothing by itself."""

    transport = "UDP"

    def __init__(self, gateway: Place, place: Place | str) -> None:
        """`place` is where it is called; of a caller the host is enough."""
        self.place = place if isinstance(place, Place) else Place(place, free_port(place))
        self.gateway = gateway
        self._messages: list[str] = []
        self.settled: set[str] = set()
        """Requests that we answered, by their Via."""

    def __enter__(self) -> Self:
        self._socket = self._open()
        self._socket.setblocking(False)
        return self

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((self.place.host, self.place.port))
        return opened

    def __exit__(self, *exception: object) -> None:
        """Answer what is left, or the gateway would go on sending it to whoever comes here next."""
        try:
            for request in self.received():
                if not request.startswith(("SIP/2.0", "ACK")) and not self._is_settled(request):
                    final = "487 Request Terminated" if request.startswith("INVITE") else "200 OK"
                    self.send(self.reply(request, final))
        finally:
            self._socket.close()

    def _is_settled(self, request: str) -> bool:
        """Whether the gateway is done with its request: it has sent an ACK, or we an answer."""
        if request.startswith("INVITE"):
            number = header(request, "Call-ID"), header(request, "CSeq").split()[0]
            return number in [(header(ack, "Call-ID"), header(ack, "CSeq").split()[0]) for ack in self.received("ACK")]
        return header(request, "Via") in self.settled

    def send(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        if data.startswith(FINAL):
            self.settled.add(header(data.decode(), "Via"))
        self._socket.sendto(data, (self.gateway.host, self.gateway.port))

    def received(self, start: str = "") -> list[str]:
        """The messages so far that start so, retransmissions included."""
        while data := self._read():
            self._take(data)
        return [message for message in self._messages if message.startswith(start)]

    def _read(self) -> bytes:
        """What is there now; nothing when there is nothing, or no connection any more."""
        try:
            return self._socket.recv(MAX_OCTETS)
        except BlockingIOError:
            return b""

    def _take(self, data: bytes) -> None:
        if data.strip():  # else it keeps a way open that nobody has closed (RFC 5626, section 4.4)
            self._messages.append(data.decode(errors="replace"))

    def wait_for(self, start: str) -> str:
        """The first message that starts so."""
        return wait_until(lambda: self.received(start), f"{start!r} in {self._messages}")[0]

    def wait_for_of(self, start: str, message: str) -> str:
        """The first message that starts so in the call of this one."""
        call = header(message, "Call-ID")

        def found() -> list[str]:
            return [one for one in self.received(start) if header(one, "Call-ID") == call]

        return wait_until(found, f"{start!r} of {call} in {self._messages}")[0]

    def wait_for_answer(self, request: str) -> str:
        """The first response to this request."""
        return wait_until(lambda: self._answers(request), f"an answer to {request!r} in {self._messages}")[0]

    def wait_for_final(self, request: str) -> str:
        """The final response to this request."""

        def finals() -> list[str]:
            return [message for message in self._answers(request) if status(message) >= 200]

        return wait_until(finals, f"a final answer to {request!r} in {self._messages}")[0]

    def _answers(self, request: str) -> list[str]:
        transaction = header(request, "Call-ID"), header(request, "CSeq")
        answers = self.received("SIP/2.0")
        return [message for message in answers if (header(message, "Call-ID"), header(message, "CSeq")) == transaction]

    def answer(self, invite: str, body: str = "") -> None:
        """Take a call of the gateway at once."""
        self.send(self.reply(invite, "200 OK", body=body or sdp(self.place.host)))
        self.wait_for("ACK")

    def finals(self) -> dict[str, str]:
        """The last final response of each call."""
        finals = [message for message in self.received("SIP/2.0") if status(message) >= 200]
        return {header(message, "Call-ID"): message for message in finals}

    @property
    def contact(self) -> str:
        return f"sip:wire@{self.place};transport={self.transport.lower()}"

    # -- messages ------------------------------------------------------------------------------------------------

    def request(self, method: str, *headers: str, body: str = "", call: str = "", user: str = "service") -> str:
        """A request outside of any dialog, each a new one unless `call` names the number of an earlier one."""
        number = call or str(next(_numbers))
        kind = ("Content-Type: application/sdp",) if body else ()
        lines = (
            f"{method} sip:{user}@{self.gateway} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.place};branch=z9hG4bK{method}{number}",
            "Max-Forwards: 70",
            f"From: <sip:wire@{self.place}>;tag=from{number}",
            f"To: <sip:{user}@{self.gateway}>",
            f"Call-ID: wire-{number}-{self.place}",
            f"CSeq: 1 {method}",
            f"Contact: <{self.contact}>",
            *headers,
            *kind,
            f"Content-Length: {len(body.encode())}",
        )
        return "\r\n".join((*lines, "", body))

    def invite(self, *headers: str, body: str | None = None, user: str = "service") -> str:
        """An INVITE that offers G.711."""
        return self.request("INVITE", *headers, body=sdp(self.place.host) if body is None else body, user=user)

    def cancel(self, invite: str) -> str:
        """The CANCEL of our own INVITE (RFC 3261, section 9.1)."""
        _, target, _ = invite.split(maxsplit=2)
        number, _ = header(invite, "CSeq").split()
        named = (header(invite, name) for name in DIALOG)
        return self._request("CANCEL", target, header(invite, "Via"), *named, number=int(number))

    def in_dialog(self, method: str, invite: str, response: str, number: int = 1) -> str:
        """A request in the dialog that `response` to our `invite` made; an ACK of a failure has the INVITE's Via."""
        contact = re.search(r"^Contact:.*?<(.*?)>", response, re.MULTILINE)
        target = contact[1] if contact else f"sip:service@{self.gateway}"
        via = self._via(method) if status(response) < 300 else header(invite, "Via")
        named = *(header(response, name) for name in DIALOG), *reversed(values(response, "Record-Route"))
        return self._request(method, target, via, *named, number=number)

    def in_dialog_of_callee(self, method: str, invite: str, number: int = 1) -> str:
        """A request in the dialog that our answer to the gateway's `invite` made."""
        contact = re.search(r"^Contact:.*?<(.*?)>", invite, re.MULTILINE)
        assert contact
        ours = f"{header(invite, 'To')};tag={TAG}"
        named = ours, header(invite, "From"), header(invite, "Call-ID"), *values(invite, "Record-Route")
        return self._request(method, contact[1], self._via(method), *named, number=number)

    def _via(self, method: str) -> str:
        return f"SIP/2.0/{self.transport} {self.place};branch=z9hG4bK{method}{next(_numbers)}"

    def _request(self, method: str, target: str, via: str, *named: str, number: int) -> str:
        lines = (
            f"{method} {target} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            *(f"{name}: {value}" for name, value in zip(DIALOG, named[:3], strict=True)),
            *(f"Route: {hop}" for hop in named[3:]),
            f"CSeq: {number} {method}",
            f"Contact: <{self.contact}>",
            "Content-Length: 0",
        )
        return "\r\n".join((*lines, "", ""))

    def reply(self, request: str, answer: str, *headers: str, body: str = "") -> str:
        """A response to a request of the gateway, such as `180 Ringing`."""
        to = header(request, "To")
        tagged = to if ";tag=" in to else f"{to};tag={TAG}"
        kind = ("Content-Type: application/sdp",) if body else ()
        lines = (
            f"SIP/2.0 {answer}",
            *(f"{name}: {value}" for name in KEPT for value in values(request, name)),
            f"To: {tagged}",
            f"Contact: <{self.contact}>",
            *headers,
            *kind,
            f"Content-Length: {len(body.encode())}",
        )
        return "\r\n".join((*lines, "", body))


class TcpWirePeer(WirePeer):
    """The same over a connection that the peer opens."""

    transport = "TCP"
    _is_over = False

    def _open(self) -> socket.socket:
        self._rest = b""
        gateway = self.gateway.host, self.gateway.port
        return socket.create_connection(gateway, source_address=(self.place.host, self.place.port))

    def send(self, message: str | bytes) -> None:
        self._socket.setblocking(True)
        self._socket.sendall(message.encode() if isinstance(message, str) else message)
        self._socket.setblocking(False)

    def _read(self) -> bytes:
        try:
            data = self._socket.recv(MAX_OCTETS)
        except BlockingIOError:
            return b""
        except ConnectionError:
            data = b""
        self._is_over = not data
        return data

    def is_closed(self) -> bool:
        """Whether the gateway has ended the connection; what it said before that is kept."""
        self.received()
        return self._is_over

    def _take(self, data: bytes) -> None:
        """Cut the stream into messages (RFC 3261, section 18.3)."""
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, rest = self._rest.partition(b"\r\n\r\n")
            length = int(header(head.decode(), "Content-Length"))
            if len(rest) < length:
                return
            self._messages.append(f"{head.decode()}\r\n\r\n{rest[:length].decode()}")
            self._rest = rest[length:]


class TcpWireServer(TcpWirePeer):
    """A peer that is called: it takes one connection, when it is asked for what came over it."""

    def __init__(self, gateway: Place, place: Place) -> None:
        super().__init__(gateway, place)
        self._connection: socket.socket | None = None

    def _open(self) -> socket.socket:
        self._rest = b""
        return socket.create_server((self.place.host, self.place.port))

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if self._connection:
            self._connection.close()

    def connection(self) -> socket.socket | None:
        """The gateway's connection, once there is one that can be spoken over."""
        if self._connection is None:
            try:
                plain, _ = self._socket.accept()
            except BlockingIOError:
                return None
            plain.settimeout(5)
            self._connection = self._taken(plain)
            self._connection.setblocking(False)
        return self._connection

    def _taken(self, plain: socket.socket) -> socket.socket:
        """What is done with a connection before anything is said."""
        return plain

    def send(self, message: str | bytes) -> None:
        connection = wait_until(self.connection, "a connection of the gateway")
        connection.setblocking(True)
        connection.sendall(message.encode() if isinstance(message, str) else message)
        connection.setblocking(False)

    def _read(self) -> bytes:
        try:
            connection = self.connection()
            return connection.recv(MAX_OCTETS) if connection else b""
        except BlockingIOError:
            return b""
