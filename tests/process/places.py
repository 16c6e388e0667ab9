"""Where a test's processes live: loopback addresses of its own, so that tests in two processes never meet.

The gateway chooses a trunk by source address, so each side has its own: all of 127.0.0.0/8 is this machine.
"""

from __future__ import annotations

import itertools
import os
import socket
from dataclasses import dataclass

_numbers = itertools.count(1)


def free_port(host: str) -> int:
    """A port that is free for UDP and TCP on `host`."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((host, 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind((host, port))
            except OSError:
                continue
            return port


def own_host() -> str:
    """A loopback address that no other process of these tests uses, and this one only once."""
    process, number = os.getpid(), next(_numbers)
    return f"127.{1 + (process // 250 + 100 * (number // 250)) % 250}.{process % 250}.{1 + number % 250}"


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def own_place() -> Place:
    """A place that is free."""
    host = own_host()
    return Place(host, free_port(host))
