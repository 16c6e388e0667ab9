"""Looks host names up while calls go on: the system's resolver may take as long as it likes, on threads of its own.

What was found is kept for FRESH_SECONDS and given out longer when nothing newer is to be had: a name server that is
down for a while stops no calls to peers that it named before. All but the look-up itself is done on the SIP thread.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

FRESH_SECONDS = 30.0
"""Twilio's addresses live for ten minutes; a peer that moves is found again within this."""
STALE_SECONDS = 86400.0
MOST_NAMES = 1000
"""Names come from the configuration and, as Contact and Record-Route, from peers."""
THREADS = 4

Lookup = Callable[[str], list[str]]
Answer = Callable[[int, list[str]], None]


@dataclass(slots=True)
class _Name:
    addresses: list[str] = field(default_factory=list)
    at: float | None = None
    """When it was found; None: it never was."""
    waiting: list[int] = field(default_factory=list)
    is_asked: bool = False


class NameResolver:
    """Answers queries by number, at once if it can."""

    def __init__(self, answer: Answer, lookup: Lookup | None = None) -> None:
        self._answer = answer
        self._lookup = lookup or addresses_of
        self._names: dict[str, _Name] = {}
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[tuple[str, list[str]]] = queue.SimpleQueue()
        for number in range(THREADS):
            threading.Thread(target=self._work, name=f"resolver-{number}", daemon=True).start()

    def prepare(self, hosts: Iterable[str]) -> None:
        """Look these up before a call needs them."""
        for host in hosts:
            self._ask(host, self._names.setdefault(host, _Name()))

    def resolve(self, query: int, host: str) -> None:
        """Answer a query: now from what is known, else when the name is found or is not."""
        if host not in self._names and len(self._names) >= MOST_NAMES:
            self._answer(query, [])
            return
        name = self._names.setdefault(host, _Name())
        age = None if name.at is None else time.monotonic() - name.at
        if age is None or age > FRESH_SECONDS:
            self._ask(host, name)
        if age is not None and age <= STALE_SECONDS:
            self._answer(query, name.addresses)
        else:
            name.waiting.append(query)

    def poll(self) -> None:
        """Answer what was waiting for names that were looked up meanwhile."""
        while not self._found.empty():
            host, addresses = self._found.get()
            name = self._names[host]
            name.is_asked = False
            if addresses:
                name.addresses, name.at = addresses, time.monotonic()
            waiting, name.waiting = name.waiting, []
            if name.at is None:
                del self._names[host]
            for query in waiting:
                self._answer(query, name.addresses)

    def _ask(self, host: str, name: _Name) -> None:
        if not name.is_asked:
            name.is_asked = True
            self._wanted.put(host)

    def _work(self) -> None:
        while True:
            host = self._wanted.get()
            self._found.put((host, self._lookup(host)))


def addresses_of(host: str) -> list[str]:
    """The IPv4 addresses of a host as the system knows them, in its order; none if it knows none."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
