"""Whether trunks can be called where their URIs say: over a transport of ours, and each place once."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.settings.endpoints import default_port, uri_place, uri_transport
from gateway.settings.model import Sip, Trunk
from gateway.settings.parts import Parts
from gateway.settings.place import Finding, Place


def check_uris(parts: Parts) -> Iterator[Finding]:
    """What keeps `uris` and registrars from being called."""
    for name, trunk in (parts.trunks or {}).items():
        if trunk is None:
            continue
        yield from _repeats(name, trunk)
        if parts.sip:
            for place, uri in _called(name, trunk):
                yield from _transport_findings(place, uri, parts.sip)


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
