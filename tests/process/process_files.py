"""What a process holds open, as /proc shows it."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

SOCKET = re.compile(r"^ *\d+: (\S+) \S+ (\S+) \S+ \S+ \S+ +\d+ +\d+ (\d+)", re.MULTILINE)
"""A line of /proc/net/udp and /proc/net/tcp (proc(5)): thousands of a busy machine, so none is taken apart in vain."""
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
    return sum(state == CLOSE_WAIT and inode in inodes for _, state, inode in _sockets("tcp"))


def udp_ports(pid: int) -> set[int]:
    """The local UDP ports of a process."""
    inodes = _inodes(pid)
    return {int(place.partition(":")[2], 16) for place, _, inode in _sockets("udp") if inode in inodes}


def _inodes(pid: int) -> set[str]:
    return {target[8:-1] for target in open_files(pid).values() if target.startswith("socket:[")}


def is_bound(host: str, port: int) -> bool:
    """Whether some process takes UDP or TCP at this address."""
    wanted = f"{socket.inet_aton(host)[::-1].hex().upper()}:{port:04X}"
    udp = any(place == wanted for place, _, _ in _sockets("udp"))
    return udp or any((place, state) == (wanted, LISTENING) for place, state, _ in _sockets("tcp"))


def _sockets(protocol: str) -> list[tuple[str, str, str]]:
    """Local address and port (in hexadecimal, the address in host byte order), state and inode of every socket."""
    return SOCKET.findall(Path(f"/proc/net/{protocol}").read_text())
