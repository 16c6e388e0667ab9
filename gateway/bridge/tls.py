"""Why a TLS connection to or from a peer was given up, and what an operator can do about it. Pure."""

from __future__ import annotations

import enum

from gateway.core.frozen import frozen


class TlsProblem(enum.StrEnum):
    """What was wrong; each is a label of the metrics."""

    EXPIRED = "certificate-expired"
    UNTRUSTED = "certificate-untrusted"
    NAME = "certificate-name"
    HANDSHAKE = "handshake"
    TIMEOUT = "timeout"


ADVICE: dict[TlsProblem, str] = {
    TlsProblem.EXPIRED: "the peer's certificate is not valid today: have it renewed, or set our clock right",
    TlsProblem.UNTRUSTED: "no authority in sip.tls.ca_list vouches for the peer's certificate: "
    "add the one that does, or have the peer send its whole chain",
    TlsProblem.NAME: "the peer's certificate is for other names than the host in the trunk's uris: use one of those",
    TlsProblem.HANDSHAKE: "both sides need TLS 1.2 or 1.3, a common cipher, and certificates that the other accepts",
    TlsProblem.TIMEOUT: "the peer did not finish the handshake: is TLS what it speaks on that port?",
}


@frozen
class TlsFailure:
    """A connection that was given up before it carried a message. `peer` is the name or the address it was with."""

    inbound: bool
    peer: str
    problem: TlsProblem
