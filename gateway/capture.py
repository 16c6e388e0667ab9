"""SIP messages of a file: one as text, or those of a packet capture (pcap or pcapng); knows nothing of context.

A capture is put together by IP fragment and, over TCP, by sequence number and Content-Length. What is not SIP is passed
over. TLS is not opened.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import dpkt

from gateway.core.headers import Headers
from gateway.core.message import SipMessage, parse_message
from gateway.core.terms import On
from gateway.errors import MessageError

LARGEST_FILE_BYTES: Final = 64 * 1024 * 1024

_MAGIC: Final = {
    b"\xa1\xb2\xc3\xd4": dpkt.pcap.Reader,
    b"\xd4\xc3\xb2\xa1": dpkt.pcap.Reader,
    b"\xa1\xb2\x3c\x4d": dpkt.pcap.Reader,
    b"\x4d\x3c\xb2\xa1": dpkt.pcap.Reader,
    b"\x0a\x0d\x0d\x0a": dpkt.pcapng.Reader,
}
_LINKS: Final[dict[int, Callable[[bytes], Any]]] = {
    dpkt.pcap.DLT_EN10MB: dpkt.ethernet.Ethernet,
    dpkt.pcap.DLT_LINUX_SLL: dpkt.sll.SLL,
    dpkt.pcap.DLT_LINUX_SLL2: dpkt.sll2.SLL2,
    dpkt.pcap.DLT_NULL: dpkt.loopback.Loopback,
    dpkt.pcap.DLT_RAW: lambda data: dpkt.ip6.IP6(data) if data[:1] >= b"\x60" else dpkt.ip.IP(data),
}
_START: Final = re.compile(rb"(?:[A-Z]{2,20} [^\r\n]{1,2048} SIP/2\.0|SIP/2\.0 [1-6][0-9]{2}[^\r\n]{0,256})\r?\n")
_LENGTH: Final = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,6})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


def read_message(file: str, on: On) -> SipMessage:
    """The message of a file: the only one of a text, the first of that kind of a capture.

    Raises:
        OSError: the file cannot be read.
        MessageError: it holds no such message.
    """
    with open(file, "rb") as stream:
        data = stream.read(LARGEST_FILE_BYTES + 1)
    if len(data) > LARGEST_FILE_BYTES:
        raise MessageError(f"the file has more than {LARGEST_FILE_BYTES} bytes")
    reader = _MAGIC.get(data[:4])
    if reader is None:
        return parse_message(data)
    found = next((message for message in _messages(data, reader) if is_kind(message, on)), None)
    if found is None:
        raise MessageError(f"the capture holds no SIP message that is {on}")
    return found


def is_kind(message: SipMessage, on: On) -> bool:
    """Whether a message can be that one; a response says of what in CSeq (RFC 3261, section 8.1.1.5)."""
    if message.is_request:
        return message.method == {On.INVITE: "INVITE", On.END: "BYE", On.REFER: "REFER"}.get(on)
    code = message.status_code or 0
    if not (message.headers.first("CSeq") or "").endswith("INVITE"):
        return False
    if on is On.PROGRESS:
        return 101 <= code < 200
    return 200 <= code < 300 if on is On.ANSWER else on is On.END and code >= 300


def misfit(message: SipMessage, on: On) -> str | None:
    """Why a message is not that one, None when it can be; a response without CSeq can be one to an INVITE."""
    whole = message
    if message.headers.first("CSeq") is None:
        whole = replace(message, headers=Headers([*message.headers, ("CSeq", "1 INVITE")]))
    if is_kind(whole, on):
        return None
    said = f"a response of {message.status_code}" if message.status_code else message.method
    return f"the message is {said}, and {on} is {_MEANT[on]}"


_MEANT: Final = {
    On.INVITE: "INVITE",
    On.PROGRESS: "a response to INVITE from 101 to 199",
    On.ANSWER: "a response to INVITE from 200 to 299",
    On.END: "BYE, or a response to INVITE of 300 or more",
    On.REFER: "REFER",
}


def _messages(data: bytes, reader: Callable[[io.BytesIO], Any]) -> Iterator[SipMessage]:
    for payload in _payloads(data, reader):
        for piece in _split(payload):
            yield parse_message(piece)


def _split(stream: bytes) -> Iterator[bytes]:
    """The messages one after the other in what one side sent."""
    at = 0
    while (start := _START.search(stream, at)) is not None:
        blank = _BLANK_LINE.search(stream, start.end() - 2)
        end = len(stream) if blank is None else blank.end()
        length = _LENGTH.search(stream, start.start(), end)
        at = end + (int(length[1]) if length else 0)
        yield stream[start.start() : at]


def _payloads(data: bytes, reader: Callable[[io.BytesIO], Any]) -> Iterator[bytes]:
    """What UDP datagrams carry, in order, then what each side of a TCP connection sent."""
    flows: dict[tuple[bytes, int, bytes, int], dict[int, bytes]] = {}
    for packet in _packets(data, reader):
        transport = packet.data
        if isinstance(transport, dpkt.udp.UDP):
            yield bytes(transport.data)
        elif isinstance(transport, dpkt.tcp.TCP) and transport.data:
            flow = (packet.src, transport.sport, packet.dst, transport.dport)
            flows.setdefault(flow, {})[transport.seq] = bytes(transport.data)
    for segments in flows.values():
        yield b"".join(segments[sequence] for sequence in sorted(segments))


def _packets(data: bytes, reader: Callable[[io.BytesIO], Any]) -> Iterator[Any]:
    """IP packets; of fragments of IPv4 (RFC 791, section 3.2) the whole, once it is there."""
    fragments: dict[tuple[bytes, bytes, int, int], dict[int, bytes]] = {}
    try:
        capture = reader(io.BytesIO(data))
        link = _LINKS.get(capture.datalink())
        if link is None:
            raise MessageError(f"the capture has link type {capture.datalink()}, which is not known")
        for _, frame in capture:
            packet = _ip(link, frame)
            if isinstance(packet, dpkt.ip.IP) and (packet.mf or packet.offset):
                packet = _whole(packet, fragments)
            if packet is not None:
                yield packet
    except (dpkt.Error, ValueError) as error:
        raise MessageError(f"the capture cannot be read: {error}") from None


def _ip(link: Callable[[bytes], Any], frame: bytes) -> Any:
    try:
        found = link(frame)
    except (dpkt.Error, ValueError, IndexError):
        return None
    while found is not None and not isinstance(found, dpkt.ip.IP | dpkt.ip6.IP6):
        found = getattr(found, "data", None)
    return found


def _whole(packet: Any, fragments: dict[tuple[bytes, bytes, int, int], dict[int, bytes]]) -> Any:
    key = (packet.src, packet.dst, packet.id, packet.p)
    parts = fragments.setdefault(key, {})
    parts[packet.offset] = bytes(packet.data)
    if not packet.mf:
        parts[-1] = b""
    together = b"".join(parts[offset] for offset in sorted(parts))
    last = max(parts)
    if -1 not in parts or len(together) != last + len(parts[last]):
        return None
    del fragments[key]
    packet.data = dpkt.udp.UDP(together) if packet.p == dpkt.ip.IP_PROTO_UDP else dpkt.tcp.TCP(together)
    return packet
