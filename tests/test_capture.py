"""SIP messages out of files: text, and captures over UDP and TCP, whole and in pieces."""

from __future__ import annotations

import struct
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.capture import is_kind, misfit, read_message
from gateway.core.message import parse_message
from gateway.core.terms import On
from gateway.errors import MessageError

A, B = b"\x0a\x00\x00\x05", b"\x0a\x00\x00\x09"


def sip(start: str, *headers: str, body: str = "") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([start, *headers, *length, "", body]).encode()


INVITE = sip("INVITE sip:1@h SIP/2.0", "X-A: 1", "CSeq: 1 INVITE")
RINGING = sip("SIP/2.0 183 Session Progress", "X-A: 2", "CSeq: 1 INVITE", body="v=0\r\n\r\nINVITE x SIP/2.0\r\n")
ANSWER = sip("SIP/2.0 200 OK", "X-A: 3", "CSeq: 1 INVITE")
BYE = sip("BYE sip:1@h SIP/2.0", "X-A: 4", "CSeq: 2 BYE")
BYE_ANSWER = sip("SIP/2.0 200 OK", "X-A: 5", "CSeq: 2 BYE")
REFER = sip("REFER sip:1@h SIP/2.0", "X-A: 6", "CSeq: 3 REFER")
BUSY = sip("SIP/2.0 486 Busy Here", "X-A: 7", "CSeq: 1 INVITE")
TRYING = sip("SIP/2.0 100 Trying", "X-A: 8", "CSeq: 1 INVITE")
CALL = [INVITE, TRYING, RINGING, ANSWER, BYE_ANSWER, BYE, REFER]


def udp(payload: bytes) -> dpkt.ip.IP:
    datagram = dpkt.udp.UDP(sport=5060, dport=5060, data=payload)
    datagram.ulen = len(bytes(datagram))
    return packet(datagram, dpkt.ip.IP_PROTO_UDP)


def tcp(payload: bytes, sequence: int) -> dpkt.ip.IP:
    return packet(dpkt.tcp.TCP(sport=5060, dport=40000, seq=sequence, data=payload), dpkt.ip.IP_PROTO_TCP)


def packet(transport: object, protocol: int) -> dpkt.ip.IP:
    made = dpkt.ip.IP(src=A, dst=B, p=protocol, id=7, data=transport)
    made.len = len(bytes(made))
    return made


def fragments(whole: dpkt.ip.IP, size: int) -> list[dpkt.ip.IP]:
    data = bytes(whole.data)
    made = []
    for at in range(0, len(data), size):
        piece = dpkt.ip.IP(src=A, dst=B, p=whole.p, id=9, data=data[at : at + size])
        piece.mf, piece.offset = int(at + size < len(data)), at
        piece.len = len(bytes(piece))
        made.append(piece)
    return made


def frame(ip: bytes, link: int = dpkt.pcap.DLT_EN10MB) -> bytes:
    if link == dpkt.pcap.DLT_EN10MB:
        return bytes(dpkt.ethernet.Ethernet(data=dpkt.ip.IP(ip)) if ip[:1] < b"\x60" else ETHERNET_6 + ip)
    if link == dpkt.pcap.DLT_LINUX_SLL:
        return struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800) + ip
    if link == dpkt.pcap.DLT_LINUX_SLL2:
        return struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8)) + ip
    return struct.pack("=I", 2) + ip if link == dpkt.pcap.DLT_NULL else ip


ETHERNET_6 = bytes(12) + b"\x86\xdd"


def capture(tmp_path: Path, *frames: bytes, link: int = dpkt.pcap.DLT_EN10MB, ng: bool = False) -> str:
    path = tmp_path / "calls.pcap"
    with path.open("wb") as stream:
        writer = dpkt.pcapng.Writer(stream, linktype=link) if ng else dpkt.pcap.Writer(stream, linktype=link)
        for one in frames:
            writer.writepkt(one, 1.0)
    return str(path)


def value(file: str, on: On) -> str | None:
    return read_message(file, on).headers.first("X-A")


MEANT = [(On.INVITE, "1"), (On.PROGRESS, "2"), (On.ANSWER, "3"), (On.END, "4"), (On.REFER, "6")]


@pytest.mark.parametrize(("on", "expected"), MEANT)
@pytest.mark.parametrize("ng", [False, True])
def test_each_message_of_a_call_is_found(on: On, expected: str, ng: bool, tmp_path: Path) -> None:
    assert value(capture(tmp_path, *(frame(bytes(udp(one))) for one in CALL), ng=ng), on) == expected


@pytest.mark.parametrize(
    "link", [dpkt.pcap.DLT_LINUX_SLL, dpkt.pcap.DLT_LINUX_SLL2, dpkt.pcap.DLT_NULL, dpkt.pcap.DLT_RAW]
)
def test_every_usual_link_is_read(link: int, tmp_path: Path) -> None:
    assert value(capture(tmp_path, frame(bytes(udp(INVITE)), link), link=link), On.INVITE) == "1"


@pytest.mark.parametrize("link", [dpkt.pcap.DLT_EN10MB, dpkt.pcap.DLT_RAW])
def test_ipv6_is_read(link: int, tmp_path: Path) -> None:
    datagram = dpkt.udp.UDP(sport=5060, dport=5060, data=INVITE)
    datagram.ulen = len(bytes(datagram))
    whole = dpkt.ip6.IP6(src=bytes(16), dst=bytes(16), nxt=dpkt.ip.IP_PROTO_UDP, data=datagram)
    whole.plen = len(bytes(datagram))
    assert value(capture(tmp_path, frame(bytes(whole), link), link=link), On.INVITE) == "1"


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0, 0]])
def test_a_message_in_fragments_is_put_together(order: list[int], tmp_path: Path) -> None:
    long = sip("INVITE sip:1@h SIP/2.0", f"X-A: {'a' * 40}", "CSeq: 1 INVITE")
    pieces = fragments(udp(long), 40)
    frames = [frame(bytes(pieces[index])) for index in order]
    assert value(capture(tmp_path, *frames), On.INVITE) == "a" * 40


def test_a_message_with_a_fragment_missing_is_not_there(tmp_path: Path) -> None:
    pieces = fragments(udp(INVITE), 24)
    with pytest.raises(MessageError, match="holds no SIP message that is invite"):
        read_message(capture(tmp_path, *(frame(bytes(piece)) for piece in pieces[1:])), On.INVITE)


@pytest.mark.parametrize(("on", "expected"), MEANT)
@pytest.mark.parametrize("size", [1000, 17])
def test_a_tcp_connection_is_read_through(on: On, expected: str, size: int, tmp_path: Path) -> None:
    stream = b"\r\n\r\n".join(CALL)
    pieces = [(at, stream[at : at + size]) for at in range(0, len(stream), size)]
    frames = [frame(bytes(tcp(piece, 1000 + at))) for at, piece in [*reversed(pieces), pieces[0]]]
    assert value(capture(tmp_path, frame(bytes(tcp(b"", 999))), *frames), on) == expected


def test_tcp_in_fragments_is_put_together(tmp_path: Path) -> None:
    frames = [frame(bytes(piece)) for piece in fragments(tcp(INVITE, 1), 24)]
    assert value(capture(tmp_path, *frames), On.INVITE) == "1"


def test_what_is_not_sip_is_passed_over(tmp_path: Path) -> None:
    others = [
        b"",
        b"\x45",
        bytes(60),
        frame(bytes(packet(b"x", 1))),
        frame(bytes(udp(b"\x80\x00rtp"))),
        bytes(12) + b"\x08\x06x",
    ]
    assert value(capture(tmp_path, *others, frame(bytes(udp(INVITE)))), On.INVITE) == "1"


def test_a_message_without_an_end_goes_to_the_end(tmp_path: Path) -> None:
    assert value(capture(tmp_path, frame(bytes(udp(INVITE.removesuffix(b"\r\n\r\n"))))), On.INVITE) == "1"


def test_a_failure_ends_a_call(tmp_path: Path) -> None:
    assert value(capture(tmp_path, frame(bytes(udp(INVITE))), frame(bytes(udp(BUSY)))), On.END) == "7"


def test_text_is_the_message_whatever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "message.sip"
    path.write_bytes(b"\r\n" + ANSWER)
    assert value(str(path), On.INVITE) == "3"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the first line is neither"),
        (b"hello\r\n", "the first line is neither"),
        (b"\xa1\xb2\xc3\xd4", "the capture cannot be read"),
        (b"\xd4\xc3\xb2\xa1" + bytes(40), "the capture"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "the capture cannot be read"),
    ],
)
def test_what_is_neither_is_refused(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(MessageError, match=why):
        read_message(str(path), On.INVITE)


def test_an_unknown_link_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MessageError, match="the capture has link type 147, which is not known"):
        read_message(capture(tmp_path, b"x", link=147), On.INVITE)


def test_a_file_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.capture.LARGEST_FILE_BYTES", 10)
    path = tmp_path / "file"
    path.write_bytes(b"x" * 11)
    with pytest.raises(MessageError, match="the file has more than 10 bytes"):
        read_message(str(path), On.INVITE)


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (INVITE, {On.INVITE}),
        (TRYING, set()),
        (RINGING, {On.PROGRESS}),
        (ANSWER, {On.ANSWER}),
        (BUSY, {On.END}),
        (BYE, {On.END}),
        (BYE_ANSWER, set()),
        (REFER, {On.REFER}),
        (sip("OPTIONS sip:1@h SIP/2.0"), set()),
    ],
)
def test_a_message_is_of_one_kind(data: bytes, kinds: set[On]) -> None:
    assert {on for on in On if is_kind(parse_message(data), on)} == kinds


@given(st.sampled_from([b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a"]), st.binary(max_size=200))
def test_any_capture_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, magic: bytes, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pcap"
    path.write_bytes(magic + data)
    with pytest.raises(MessageError):
        read_message(str(path), On.INVITE)


@pytest.mark.parametrize(
    ("data", "on", "doubt"),
    [
        (INVITE, On.INVITE, None),
        (ANSWER, On.INVITE, "the message is a response of 200, and invite is INVITE"),
        (INVITE, On.ANSWER, "the message is INVITE, and answer is a response to INVITE from 200 to 299"),
        (BYE_ANSWER, On.ANSWER, "the message is a response of 200, and answer is a response to INVITE from 200 to 299"),
        (TRYING, On.PROGRESS, "the message is a response of 100, and progress is a response to INVITE from 101 to 199"),
        (REFER, On.END, "the message is REFER, and end is BYE, or a response to INVITE of 300 or more"),
        (BYE, On.REFER, "the message is BYE, and refer is REFER"),
        (sip("SIP/2.0 200 OK", "X-A: 1"), On.ANSWER, None),
        (sip("SIP/2.0 200 OK", "X-A: 1"), On.END,
         "the message is a response of 200, and end is BYE, or a response to INVITE of 300 or more"),
    ],
)  # fmt: skip
def test_a_message_that_is_not_the_one_meant_is_told(data: bytes, on: On, doubt: str | None) -> None:
    assert misfit(parse_message(data), on) == doubt
