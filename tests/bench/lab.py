"""Where the benchmark takes place: addresses, ports, cores, a folder, and how long things take."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import Cores

MEASURED = "127.0.0.1"
PBX = "127.0.0.2"
TWILIO = "127.0.0.3"

FIRST_RTP_PORT, LAST_RTP_PORT = 24000, 31999
"""Of what is measured: below the ports that the kernel hands out, and enough for 1,000 calls of two legs."""


@dataclass(frozen=True)
class Ports:
    """One of each, found free when the benchmark starts."""

    sip: int
    admin: int
    pbx: int
    twilio: int
    rtp: int
    """Both far ends take all their audio here (RTP) and on the next one (RTCP)."""


@dataclass(frozen=True)
class Lab:
    """What every measurement needs to know. `quick` trades accuracy for seconds."""

    folder: Path
    ports: Ports
    cores: Cores
    quick: bool

    def seconds(self, full: float, quick: float) -> float:
        """How long something takes in this run."""
        return quick if self.quick else full

    def count(self, full: int, quick: int) -> int:
        """How many there are of something in this run."""
        return quick if self.quick else full


def find_ports() -> Ports:
    """Ports that are free on all three addresses and that no gateway takes for RTP by default."""
    free = [port for port in range(15000, 20000, 10) if _is_free(port)]
    return Ports(*free[:5])


def _is_free(port: int) -> bool:
    """Whether `port` and the next one can be had, for UDP and for TCP."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        for host in (MEASURED, PBX, TWILIO):
            for number in (port, port + 1):
                with socket.socket(socket.AF_INET, kind) as probe:
                    try:
                        probe.bind((host, number))
                    except OSError:
                        return False
    return True
