"""Whether trunks can be called where their URIs say: over a transport of ours, each place once, never ourselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.core.plan import Listener
from gateway.settings.endpoints import build_listener, default_port, uri_place, uri_transport
from gateway.settings.model import Sip, Trunk
from gateway.settings.parts import Parts
from gateway.settings.place import Finding, Place

_EVERY_ADDRESS: Final = "0.0.0.0"
_LOOPBACK: Final = "127.0.0.1"


def check_uris(parts: Parts) -> Iterator[Finding]:
    """What keeps `uris` and registrars from being called."""
    for name, trunk in (parts.trunks or {}).items():
        if trunk is None:
            continue
        yield from _repeats(name, trunk)
        for place, uri in _called(name, trunk) if parts.sip else ():
            assert parts.sip is not None
            yield from _transport_findings(place, uri, parts.sip)
            yield from _loops(place, uri, parts.sip)


def _called(name: str, trunk: Trunk) -> Iterator[tuple[Place, str]]:
    for index, uri in enumerate(trunk.uris):
        yield ("trunks", name, "uris", index), uri
    if trunk.registration:
        yield ("trunks", name, "register", "registrar"), trunk.registration.registrar


def _repeats(name: str, trunk: Trunk) -> Iterator[Finding]:
    """The next is tried because one failed, so the same again is time lost, and a second OPTIONS to it."""
    places = [uri_place(uri) for uri in trunk.uris]
    for index, uri in enumerate(trunk.uris):
        if places[index] in places[:index]:
            yield ("trunks", name, "uris", index), f"{uri} is there already"


def _transport_findings(place: Place, uri: str, sip: Sip) -> Iterator[Finding]:
    """Our Contact and Via name an address of ours on the transport that is used, so one must be there."""
    transport = uri_transport(uri)
    if all(listener.transport is not transport for listener in sip.listen):
        add = f"{transport}://0.0.0.0:{default_port(transport)}"
        yield place, f"goes out over {transport}, and sip.listen has none; add {add} there"


def _loops(place: Place, uri: str, sip: Sip) -> Iterator[Finding]:
    own = next((listener for listener in sip.listen if _is_ours(uri, listener, sip.public_address)), None)
    if own:
        yield place, f"{uri} is the gateway itself ({build_listener(own)} in sip.listen); calls would come back"


def _is_ours(uri: str, listener: Listener, public_address: str | None) -> bool:
    """As far as the file tells: names, and which other addresses this machine has, are not looked up."""
    transport, host, port = uri_place(uri)
    ours = {listener.host, public_address, _LOOPBACK if listener.host == _EVERY_ADDRESS else None}
    return (transport, port) == (listener.transport, listener.port) and host in ours
