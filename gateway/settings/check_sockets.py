"""Whether the sockets fit together: listeners, the admin server, RTP ports and TLS files. Opens files, no socket."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Final

from gateway.core.plan import Listener, Transport
from gateway.settings.endpoints import PortRange, build_listener
from gateway.settings.model import Sip, Tls
from gateway.settings.parts import Parts
from gateway.settings.place import Finding, Place

PORTS_PER_CALL: Final = 4
"""RTP and RTCP (RFC 3550, section 11) on each of two legs."""

_EVERY_ADDRESS: Final = "0.0.0.0"


def check_sockets(parts: Parts) -> Iterator[Finding]:
    """What keeps the sockets from being opened."""
    if parts.sip:
        yield from _listener_findings(parts.sip.listen)
        yield from _tls_findings(parts.sip)
    if parts.sip and parts.admin:
        yield from _admin_findings(parts.sip.listen, parts.admin.listen.host, parts.admin.listen.port)
    if parts.sip and parts.media:
        yield from _media_findings(parts.sip.listen, parts.media.rtp_ports)
    if parts.media:
        codecs = parts.media.codecs
        yield from ((("media", "codecs", i), f"{name} is there already") for i, name in _repeated(codecs))
    if parts.media and parts.limits:
        yield from _room_findings(parts.media.rtp_ports, parts.limits.calls)


def _repeated(words: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    return ((index, word) for index, word in enumerate(words) if word in words[:index])


def _listener_findings(listeners: tuple[Listener, ...]) -> Iterator[Finding]:
    for (_, one), (index, other) in combinations(enumerate(listeners), 2):
        same_kind = (one.transport is Transport.UDP) is (other.transport is Transport.UDP)
        if same_kind and one.port == other.port and _same_address(one.host, other.host):
            text = f"{build_listener(other)} takes the same port as {build_listener(one)}; give it another"
            yield ("sip", "listen", index), text


def _same_address(one: str, other: str) -> bool:
    return one == other or _EVERY_ADDRESS in (one, other)


def _admin_findings(listeners: tuple[Listener, ...], host: str, port: int) -> Iterator[Finding]:
    for listener in listeners:
        if listener.transport is not Transport.UDP and listener.port == port and _same_address(listener.host, host):
            text = f"{host}:{port} takes the same port as {build_listener(listener)} of sip.listen; give it another"
            yield ("admin", "listen"), text


def _media_findings(listeners: tuple[Listener, ...], ports: PortRange) -> Iterator[Finding]:
    for listener in listeners:
        if listener.transport is Transport.UDP and ports.first <= listener.port <= ports.last:
            text = f"{ports} holds port {listener.port} of {build_listener(listener)} in sip.listen; keep them apart"
            yield ("media", "rtp_ports"), text


def _room_findings(ports: PortRange, calls: int) -> Iterator[Finding]:
    needed, room = calls * PORTS_PER_CALL, len(ports)
    if room >= needed:
        return
    last = ports.first + needed - 1
    wider = f"use {ports.first}-{last}" if last <= 65535 else "start it lower"
    fewer = f" or set limits.calls to {room // PORTS_PER_CALL}" if room >= PORTS_PER_CALL else ""
    text = f"{ports} has {room} ports, and {calls} calls (limits.calls) need {needed}, 4 for each; {wider}{fewer}"
    yield ("media", "rtp_ports"), text


def _tls_findings(sip: Sip) -> Iterator[Finding]:
    listening = next((i for i, one in enumerate(sip.listen) if one.transport is Transport.TLS), None)
    if listening is not None and sip.tls is None:
        yield ("sip", "listen", listening), "needs sip.tls with certificate and private_key"
    if sip.tls is None:
        return
    if listening is None:
        yield ("sip", "tls"), "is not used: add a tls:// address to sip.listen, or leave tls out"
    unreadable = list(_unreadable(sip.tls))
    yield from unreadable
    if not unreadable:
        yield from _pem_findings(sip.tls)


def _unreadable(tls: Tls) -> Iterator[Finding]:
    for key, path in (("certificate", tls.certificate), ("private_key", tls.private_key), ("ca_list", tls.ca_list)):
        try:
            with Path(path).open("rb") as stream:
                stream.read(1)
        except OSError as error:
            yield ("sip", "tls", key), f"{path} cannot be read: {error.strerror}"


def _pem_findings(tls: Tls) -> Iterator[Finding]:
    """Whether OpenSSL takes the files, so that the first TLS call is not the one to find out."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.private_key, password=_no_passphrase)
    except _Passphrase:
        yield _tls("private_key", f"{tls.private_key} is encrypted; give the key without a passphrase")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield _tls("private_key", f"{tls.private_key} does not belong to the certificate {tls.certificate}")
        else:
            yield _tls("certificate", f"{tls.certificate} and {tls.private_key} are not a PEM certificate and its key")
    try:
        context.load_verify_locations(tls.ca_list)
    except ssl.SSLError:
        yield _tls("ca_list", f"{tls.ca_list} holds no PEM certificates")


class _Passphrase(Exception):
    """OpenSSL asks for one, and nobody is there to give it."""


def _no_passphrase() -> str:
    raise _Passphrase


def _tls(key: str, text: str) -> Finding:
    place: Place = ("sip", "tls", key)
    return place, text
