"""Routers on the way: the DSCP (RFC 2474) of what the gateway sends, read from the packets that arrive."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

from tests.process.authority import Authority
from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place, free_port
from tests.process.rtp import Packet, RtpEnd, open_path, parse_packet, rtp_place, sdp_at
from tests.process.talk import talk_between
from tests.process.wire import MAX_OCTETS, WirePeer

SIP, PBX_AUDIO, TWILIO_AUDIO = 24, 46, 34
IP_PKTOPTIONS = 9
"""What the kernel knows of the packet that opened a connection (linux/in.h); Python has no name for it."""
NOTE = struct.Struct("@Nii")
"""The head of a note of the kernel's: length, level, kind (cmsg(3))."""


def marking(tree: Tree, site: Site) -> None:
    tree["sip"]["dscp"] = SIP
    tree["trunks"]["pbx"]["rtp_dscp"] = PBX_AUDIO
    tree["trunks"]["twilio"]["rtp_dscp"] = TWILIO_AUDIO


def take_marked(looked_at: socket.socket) -> tuple[bytes, int]:
    """A packet and its mark; the lower two bits of its octet are for congestion (RFC 3168)."""
    data, [(*kind, mark)], *_ = looked_at.recvmsg(MAX_OCTETS, socket.CMSG_SPACE(1))
    assert kind == [socket.IPPROTO_IP, socket.IP_TOS]
    return data, mark[0] >> 2


class MarkedPeer(WirePeer):
    """It looks at the marks of what it gets."""

    def __enter__(self) -> Self:
        self.marks: set[int] = set()
        return super().__enter__()

    def _open(self) -> socket.socket:
        opened = super()._open()
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        return opened

    def _read(self) -> bytes:
        try:
            data, mark = take_marked(self._socket)
        except BlockingIOError:
            return b""
        self.marks.add(mark)
        return data


class MarkedEnd(RtpEnd):
    """So does it, of audio."""

    def __enter__(self) -> Self:
        self.marks: set[int] = set()
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        return super().__enter__()

    def received(self) -> list[Packet]:
        while True:
            try:
                data, mark = take_marked(self._socket)
            except BlockingIOError:
                return self.packets
            self.marks.add(mark)
            self.packets.append(parse_packet(data))


def marks_of_a_call(gateway: Gateway) -> list[set[int]]:
    """Of what the caller and the callee get: SIP, then audio."""
    hosts = gateway.pbx.place.host, gateway.twilio.place.host
    with ExitStack() as stack:
        near, far = (stack.enter_context(MarkedEnd(host)) for host in hosts)
        caller = stack.enter_context(MarkedPeer(gateway.site.gateway, hosts[0]))
        callee = stack.enter_context(MarkedPeer(gateway.site.gateway, gateway.twilio.place))
        talk = talk_between(gateway, caller, callee, caller.invite(body=sdp_at(near.place)), sdp_at(far.place))
        near.to, far.to = rtp_place(talk.answer), rtp_place(talk.placed)
        open_path(near, far)
        talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")
        return [end.marks for end in (caller, callee, near, far)]


def test_sip_and_audio_are_marked(start_gateway: StartGateway) -> None:
    """Audio as the trunk says that it goes to; SIP all alike, as trunks share its sockets."""
    assert marks_of_a_call(start_gateway(marking)) == [{SIP}, {SIP}, {PBX_AUDIO}, {TWILIO_AUDIO}]


def test_nothing_is_marked_by_default(gateway: Gateway) -> None:
    assert marks_of_a_call(gateway) == [{0}] * 4


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_connections_are_marked(start_gateway: StartGateway, tmp_path: Path, transport: str) -> None:
    """From their first packet on; an OPTIONS opens one."""
    with ExitStack() as stack:
        servers: list[socket.socket] = []

        def asking(tree: Tree, site: Site) -> None:
            marking(tree, site)
            authority = Authority(tmp_path / "authority")
            tree["sip"]["listen"].append(f"tls://{Place(site.gateway.host, free_port(site.gateway.host))}")
            tree["sip"]["tls"] = authority.certify(site.gateway.host).settings(authority.file)
            tree["trunks"]["pbx"] |= {
                "uris": [f"sip:{site.pbx};transport={transport}"],
                "options_interval_seconds": 1,
            }
            servers.append(stack.enter_context(socket.create_server((site.pbx.host, site.pbx.port))))

        start_gateway(asking)
        servers[0].settimeout(20)
        connection = stack.enter_context(servers[0].accept()[0])
        connection.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        note = connection.getsockopt(socket.IPPROTO_IP, IP_PKTOPTIONS, 100)
        _, *kind = NOTE.unpack_from(note)
        assert kind == [socket.IPPROTO_IP, socket.IP_TOS]
        assert note[NOTE.size] >> 2 == SIP
