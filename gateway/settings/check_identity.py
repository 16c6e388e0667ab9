"""Whether what a trunk is to be told of callers can be told, by RFC 3325 and by what the other side is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.core.plan import CallerSource, IdentityHeader
from gateway.settings.build import is_trusted
from gateway.settings.model import Trunk
from gateway.settings.parts import Parts
from gateway.settings.place import Finding

ASSERTIONS: Final = (IdentityHeader.ASSERTED, IdentityHeader.REMOTE_PARTY)


def check_identity(parts: Parts) -> Iterator[Finding]:
    """What would never be sent, or must not be."""
    trunks = {name: trunk for name, trunk in (parts.trunks or {}).items() if trunk}
    for name, trunk in trunks.items():
        yield from _send_findings(name, trunk)
        others = [other for other in trunks.values() if other.side is trunk.side.other]
        if others and not any(other.identity.believe for other in others):
            yield from _unbelieved_findings(name, trunk)


def _send_findings(name: str, trunk: Trunk) -> Iterator[Finding]:
    send = trunk.identity.send
    for index, header in enumerate(send):
        place = ("trunks", name, "identity", "send", index)
        if header in send[:index]:
            yield place, f"{header} is there already"
        elif header in ASSERTIONS and not is_trusted(trunk):
            yield place, f"{header} is only for a trunk with trusted: true; nothing is asserted to any other (RFC 3325)"


def _unbelieved_findings(name: str, trunk: Trunk) -> Iterator[Finding]:
    text = f"comes from the {trunk.side.other} side, and no trunk there has believe: true"
    for index, header in enumerate(trunk.identity.send):
        yield ("trunks", name, "identity", "send", index), f"{header} {text}"
    if trunk.identity.caller is CallerSource.ASSERTED:
        yield ("trunks", name, "identity", "caller"), f"asserted {text}"
