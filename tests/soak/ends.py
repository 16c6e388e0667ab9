"""One end of a call by hand: what it sends, repeats and loses, and what it was told. A story says when (stories.py).

What a phone does by itself is done here: requests are repeated until there is a response, a 200 to INVITE until its ACK
comes (RFC 3261, sections 17.1 and 13.3.1.4), what comes twice gets the same answer twice, and BYE, CANCEL and offers
are answered unless a story says otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.process.places import Place
from tests.process.wire import sdp

T1_SECONDS, T2_SECONDS, GIVE_UP_SECONDS = 0.5, 4.0, 32.0
HEADER = re.compile(r"^([A-Za-z-]+): *(.*?)\r?$", re.MULTILINE)
CONTACT = re.compile(r"<([^>]*)>")
AUDIO = re.compile(r"^m=audio (\d+)", re.MULTILINE)


class Network(Protocol):
    """What an end needs of the world: datagrams and a clock."""

    def send(self, end: End, data: bytes) -> None: ...

    def after(self, seconds: float, action: Callable[[], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A SIP message, as far as a story looks at it."""

    start: str
    headers: dict[str, str]
    audio_port: int = 0
    """Of the SDP that it carries."""

    @property
    def kind(self) -> str:
        """The method of a request; code and method of a response, such as `200 INVITE`."""
        method = self.headers["cseq"].split()[1]
        return f"{self.start.split(' ', 2)[1]} {method}" if self.start.startswith("SIP/2.0") else method

    @property
    def code(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def via(self) -> str:
        return self.headers["via"]


def parse_message(text: str) -> Message:
    """The first value of each header; names in small letters."""
    head, _, body = text.partition("\r\n\r\n")
    start, _, rest = head.partition("\r\n")
    headers: dict[str, str] = {}
    for name, value in HEADER.findall(rest):
        headers.setdefault(name.lower(), value)
    audio = AUDIO.search(body)
    return Message(start, headers, int(audio[1]) if audio else 0)


@dataclass(slots=True)
class End:
    """The caller's end, or the callee's."""

    network: Network
    place: Place
    gateway: Place
    call_id: str
    ticket: str
    seen: dict[str, Message] = field(default_factory=dict)
    """The first message of each kind that came."""
    lost: Counter[str] = field(default_factory=Counter)
    """How many messages of a kind are still to get lost, before they leave."""
    unheard: Counter[str] = field(default_factory=Counter)
    """How many messages of a kind are still to get lost, before they arrive."""
    copies: int = 1
    """How often each datagram is sent."""
    mute: bool = False
    """Whether it neither hears nor says anything any more."""
    takes_cancel: bool = True
    takes_200: bool = False
    """Whether a 200 to INVITE is acknowledged as soon as it comes."""
    ours: str = ""
    theirs: str = ""
    """From and To as this end writes them in its own requests."""
    target: str = ""
    audio_port: int = 0
    """Where the gateway takes this end's audio."""
    number: int = 0
    invite: Message | None = None
    """The INVITE that a callee got."""
    acknowledged: set[str] = field(default_factory=set)
    _answers: dict[str, str] = field(default_factory=dict)
    _pending: dict[str, str] = field(default_factory=dict)
    _acks: dict[str, str] = field(default_factory=dict)

    # -- what it says --------------------------------------------------------------------------------------------

    def call(self, *headers: str, body: bool = True) -> None:
        """INVITE the gateway."""
        self.target = f"sip:service@{self.gateway}"
        self.ours = f"<sip:soak@{self.place}>;tag=a{self.ticket}"
        self.theirs = f"<{self.target}>"
        self.ask("INVITE", *headers, f"X-Ticket: {self.ticket}", body=body)

    def ask(self, method: str, *headers: str, body: bool = False, kind: str = "application/sdp", text: str = "") -> str:
        """Send a request, again and again until there is a response; its key."""
        if method != "CANCEL":  # it has the number of the INVITE (RFC 3261, section 9.1), which was the first
            self.number += 1
        number = 1 if method == "CANCEL" else self.number
        content = sdp(self.place.host) if body else text
        request = self._request(method, number, method, *headers, kind=kind, content=content)
        key = f"{method} {number}"
        self._pending[key] = request
        self._repeat(key, request, T1_SECONDS, 0.0)
        return key

    def acknowledge(self, number: int = 1, body: bool = False) -> None:
        """ACK to a 200; sent again whenever that 200 comes again."""
        content = sdp(self.place.host) if body else ""
        ack = self._request("ACK", number, "ACK", content=content)
        self._acks[f"INVITE {number}"] = ack
        self._send("ACK", ack)

    def answer(self, phrase: str, *headers: str, body: bool = False, tag: str = "b", to: Message | None = None) -> None:
        """Respond to the INVITE, or to another request; a 200 to INVITE is sent until it is acknowledged."""
        request = to or self.invite
        assert request is not None
        named = request.headers["to"]
        named = named if ";tag=" in named else f"{named};tag={tag}{self.ticket}"
        content = sdp(self.place.host) if body else ""
        lines = [
            f"SIP/2.0 {phrase}",
            *(f"{name}: {request.headers[name.lower()]}" for name in ("Via", "From", "Call-ID")),
        ]
        lines += [f"To: {named}", f"CSeq: {request.headers['cseq']}", f"Contact: <sip:soak@{self.place}>", *headers]
        response = _message(lines, content, "application/sdp")
        code, method = int(phrase[:3]), request.headers["cseq"].split()[1]
        if to is None:
            self.ours, self.theirs = named, request.headers["from"]
            found = CONTACT.search(request.headers["contact"])
            self.target = found[1] if found else ""
        self._answers[request.via] = response
        self._send(f"{code} {method}", response)
        if method == "INVITE" and code == 200:
            self._repeat_answer(request, response, T1_SECONDS, 0.0)

    # -- what it is told -----------------------------------------------------------------------------------------

    def take(self, message: Message) -> None:
        """Note what came, and do what any phone does then."""
        if self.unheard[message.kind] > 0:
            self.unheard[message.kind] -= 1
            return
        self.audio_port = message.audio_port or self.audio_port
        if message.code:
            self._take_response(message)
        else:
            self._take_request(message)
        self.seen.setdefault(message.kind, message)

    def _take_request(self, message: Message) -> None:
        if message.kind == "ACK":
            self.acknowledged.add(message.headers["cseq"].split()[0])
            return
        if message.via in self._answers:
            self._send("again", self._answers[message.via])
            return
        if message.kind == "INVITE" and self.invite is None and not self.ours:
            self.invite = message
        elif message.kind == "CANCEL":
            self.answer("200 OK", to=message)
            if self.takes_cancel and self.invite is not None:
                self.answer("487 Request Terminated")
        elif message.kind == "INVITE" and self.invite is not None and message.via == self.invite.via:
            return  # once more, and the story has not answered it yet
        else:
            self.answer("200 OK", body=message.kind in ("INVITE", "UPDATE"), to=message)

    def _take_response(self, message: Message) -> None:
        number, method = message.headers["cseq"].split()
        key = f"{method} {number}"
        if message.code >= 200 or method == "INVITE":
            self._pending.pop(key, None)
        if method != "INVITE" or message.code < 200:
            return
        self.theirs = message.headers["to"]
        if message.code >= 300:
            self._send("ACK", self._request("ACK", int(number), "INVITE"))
            return
        found = CONTACT.search(message.headers.get("contact", ""))
        self.target = found[1] if found else self.target
        if key in self._acks:
            self._send("ACK", self._acks[key])
        elif self.takes_200 or number != "1":
            self.acknowledge(int(number))

    # -- the wire ------------------------------------------------------------------------------------------------

    def _request(self, method: str, number: int, of: str, *headers: str, kind: str = "", content: str = "") -> str:
        """`of` is the method whose transaction it belongs to: that of INVITE, for CANCEL and the ACK of a failure."""
        first = f"sip:service@{self.gateway}"
        theirs, target = (f"<{first}>", first) if method == "CANCEL" else (self.theirs, self.target)
        transaction = "INVITE" if method == "CANCEL" else of
        lines = [
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.place};branch=z9hG4bK{transaction}{number}-{self.ticket}-{self.place.host}",
            "Max-Forwards: 70",
            f"From: {self.ours}",
            f"To: {theirs}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:soak@{self.place}>",
            *headers,
        ]
        return _message(lines, content, kind)

    def _send(self, kind: str, text: str) -> None:
        if self.mute:
            return
        if self.lost[kind] > 0:
            self.lost[kind] -= 1
            return
        for _ in range(self.copies):
            self.network.send(self, text.encode())

    def _repeat(self, key: str, request: str, wait: float, waited: float) -> None:
        if self._pending.get(key) is not request or waited > GIVE_UP_SECONDS:
            return
        self._send(key.split()[0], request)
        self.network.after(wait, lambda: self._repeat(key, request, min(2 * wait, T2_SECONDS), waited + wait))

    def _repeat_answer(self, request: Message, response: str, wait: float, waited: float) -> None:
        def again() -> None:
            if request.headers["cseq"].split()[0] not in self.acknowledged and waited + wait < GIVE_UP_SECONDS:
                self._send("200 INVITE", response)
                self._repeat_answer(request, response, min(2 * wait, T2_SECONDS), waited + wait)

        self.network.after(wait, again)


def _message(lines: list[str], content: str, kind: str) -> str:
    if content:
        lines = [*lines, f"Content-Type: {kind or 'application/sdp'}"]
    return "\r\n".join((*lines, f"Content-Length: {len(content.encode())}", "", content))
