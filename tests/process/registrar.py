"""A registrar by hand: which REGISTER is new, and what it gets."""

from __future__ import annotations

import threading
from contextlib import suppress

from tests.process.daemon import Gateway, Site, Tree
from tests.process.digest import PASSWORD, USERNAME
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, header

BRIEF_SECONDS = 7
"""PJSIP renews five seconds before the end."""
UNATTENDED_SECONDS = 110
"""64 * T1 until a silence is known (RFC 3261, section 17.1.2.2), twice the half minute after a failure, and some."""


def registering(tree: Tree, site: Site) -> None:
    """The PBX is the registrar too."""
    trunk = tree["trunks"]["pbx"]
    trunk["auth"] = {"username": USERNAME, "password": PASSWORD}
    trunk["register"] = {"registrar": f"sip:{site.pbx}", "expires_seconds": 120}


def is_up(gateway: Gateway) -> bool:
    return gateway.measured("gateway_trunk_up", trunk="pbx") == 1


def next_register(registrar: WirePeer, *seen: str, seconds: float = 20) -> str:
    """The REGISTER that is none of these."""

    def others() -> list[str]:
        return [one for one in registrar.received("REGISTER") if one not in seen]

    return wait_until(others, f"another REGISTER in {registrar.received()}", seconds)[0]


def accept(registrar: WirePeer, request: str, seconds: int | None = None) -> None:
    """For as long as was asked, or for fewer seconds."""
    contact = f"Contact: {header(request, 'Contact')};expires={seconds or header(request, 'Expires')}"
    registrar.send(registrar.reply(request, "200 OK", contact).replace(f"Contact: <{registrar.contact}>\r\n", ""))


class FickleRegistrar(threading.Thread):
    """It accepts, falls silent when it is asked to renew, refuses, and accepts again, over a minute and a half."""

    def __init__(self, peer: WirePeer) -> None:
        super().__init__(daemon=True)
        self._peer = peer
        self.is_done = False

    def run(self) -> None:
        with suppress(OSError):  # its peer was closed: the tests ended before all this had happened
            self._play()

    def _play(self) -> None:
        accept(self._peer, first := self._next(), BRIEF_SECONDS)
        renewal = self._next(first)
        refused = self._next(first, renewal)
        self._peer.send(self._peer.reply(refused, "403 Forbidden"))
        accept(self._peer, self._next(first, renewal, refused))
        self.is_done = True

    def _next(self, *seen: str) -> str:
        return next_register(self._peer, *seen, seconds=UNATTENDED_SECONDS)
