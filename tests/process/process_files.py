"""What a process holds open, as /proc shows it."""

from __future__ import annotations

import os
from pathlib import Path

LISTENING, CLOSE_WAIT = "0A", "08"
"""States of a TCP socket (include/net/tcp_states.h)."""


def open_files(pid: int) -> dict[int, str]:
    """Each file descriptor and what it is, such as `socket:[4711]`."""
    found = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except FileNotFoundError:  # closed between listing and reading
            continue
    return found


def half_closed(pid: int) -> int:
    """How many TCP connections the peer has closed and the process has not.

    PJSIP keeps one as long as a transaction that came over it: 32 seconds after a 200 to INVITE (RFC 6026).
    """
    inodes = _inodes(pid)
    return sum(state == CLOSE_WAIT and inode in inodes for _, _, state, inode in _sockets("tcp"))


def udp_ports(pid: int) -> set[int]:
    """The local UDP ports of a process."""
    inodes = _inodes(pid)
    return {port for _, port, _, inode in _sockets("udp") if inode in inodes}


def _inodes(pid: int) -> set[str]:
    return {target[8:-1] for target in open_files(pid).values() if target.startswith("socket:[")}


def is_bound(host: str, port: int) -> bool:
    """Whether some process takes UDP or TCP at this address."""
    udp = any((bound, at) == (host, port) for bound, at, _, _ in _sockets("udp"))
    return udp or any((bound, at, state) == (host, port, LISTENING) for bound, at, state, _ in _sockets("tcp"))


def _sockets(protocol: str) -> list[tuple[str, int, str, str]]:
    """Local address, port, state and inode of every socket (proc(5); addresses are in host byte order)."""
    sockets = []
    for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
        words = line.split()
        address, port = words[1].split(":")
        octets = bytes.fromhex(address)[::-1]
        sockets.append((".".join(map(str, octets)), int(port, 16), words[3], words[9]))
    return sockets
