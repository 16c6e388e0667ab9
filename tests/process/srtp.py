"""SRTP by hand: keys in the SDP (RFC 4568) and packets that only their owner can read (RFC 3711)."""

from __future__ import annotations

import base64
import os
import re
from typing import Self

from pylibsrtp import Error, Policy, Session

from tests.process.rtp import Packet, RtpEnd, parse_packet
from tests.process.wire import sdp

STRONG, SHORT = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
PROFILES = {STRONG: Policy.SRTP_PROFILE_AES128_CM_SHA1_80, SHORT: Policy.SRTP_PROFILE_AES128_CM_SHA1_32}
KEY_OCTETS = 30


def new_key() -> str:
    return base64.b64encode(os.urandom(KEY_OCTETS)).decode()


def crypto(tag: int, suite: str, key: str, rules: str = "") -> str:
    """One line of keys; `rules` is what may follow the key, such as an MKI."""
    return f"a=crypto:{tag} {suite} inline:{key}{rules}\r\n"


def secured(host: str, *lines: str, profile: str = "RTP/SAVP") -> str:
    """An offer or answer of encrypted audio with these lines of keys."""
    return sdp(host).replace("RTP/AVP", profile) + "".join(lines)


def cryptos(message: str) -> list[tuple[str, str, str]]:
    """Tag, suite and key of each line of keys in a message."""
    return re.findall(r"^a=crypto:(\d+) (\S+) inline:([^|\s]+)", message, re.MULTILINE)


class SrtpEnd(RtpEnd):
    """A socket for encrypted audio: what it sends is encrypted with our key, what arrives with the other side's."""

    def use(self, suite: str, ours: str, theirs: str) -> Self:
        """Set the keys; until then nothing can be sent or read."""
        self._outbound = Session(self._policy(suite, ours, Policy.SSRC_ANY_OUTBOUND))
        self._inbound = Session(self._policy(suite, theirs, Policy.SSRC_ANY_INBOUND))
        self.unreadable: list[bytes] = []
        return self

    @staticmethod
    def _policy(suite: str, key: str, direction: int) -> Policy:
        return Policy(key=base64.b64decode(key), ssrc_type=direction, srtp_profile=PROFILES[suite])

    def send(self, *packets: Packet) -> None:
        self.record(*packets)

    def record(self, *packets: Packet) -> list[bytes]:
        """Send packets; what left, as a stranger on the way would have it."""
        assert self.to
        recorded = [self._outbound.protect(packet.build()) for packet in packets]
        self.send_again(recorded)
        return recorded

    def send_again(self, recorded: list[bytes]) -> None:
        """Send what was recorded, as it is."""
        assert self.to
        for data in recorded:
            self._socket.sendto(data, (self.to.host, self.to.port))

    def received(self) -> list[Packet]:
        while True:
            try:
                data = self._socket.recv(2000)
            except BlockingIOError:
                return self.packets
            try:
                self.packets.append(parse_packet(self._inbound.unprotect(data)))
            except Error:
                self.unreadable.append(data)
