"""What a firewall lets through, asked in a network of its own: started by `let_through`, it says what arrived.

Nothing of it is seen outside, as all its addresses are on the loopback device of a network namespace.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.docs.documents import ROOT

HOST = "198.51.100.1"
"""What the firewall protects."""
PATIENCE_SECONDS = 20
NAMESPACE = ["unshare", "--map-root-user", "--net"]


@dataclass(frozen=True)
class Sent:
    """So many datagrams, or one connection, from an address to a port of ours."""

    source: str
    port: int
    count: int = 1
    transport: str = "udp"
    after: str = ""
    """What passed between the two ports before: `request`, one of ours, or `answer`, one of ours to one of theirs."""


def let_through(ruleset: Path, *sendings: Sent) -> list[int]:
    """How much of each arrives behind the rules of this file, one after the other."""
    command = [*NAMESPACE, sys.executable, "-m", "tests.docs.firewalled", str(ruleset)]
    text = json.dumps([asdict(sent) for sent in sendings])
    result = subprocess.run(command, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    arrived: list[int] = json.loads(result.stdout)
    return arrived


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def dropped() -> int:
    """By all rules that count."""
    listed = json.loads(run("nft", "--json", "list", "ruleset"))["nftables"]
    parts = [part for entry in listed for part in entry.get("rule", {}).get("expr", [])]
    return sum(part["counter"]["packets"] for part in parts if "counter" in part)


def arrivals(sent: Sent) -> int:
    """How much of it arrives; the rest must have been dropped."""
    kind = socket.SOCK_DGRAM if sent.transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as ours, socket.socket(socket.AF_INET, kind) as theirs:
        for one, address in ((ours, (HOST, sent.port)), (theirs, (sent.source, 0))):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(address)
            one.setblocking(False)
        if sent.after:
            exchange(ours, theirs, sent.after)
        before, arrived = dropped(), 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        begin(ours, theirs, sent)
        while arrived + dropped() - before < sent.count:
            assert time.monotonic() < deadline, f"neither dropped nor there: {sent}"
            arrived += taken(ours)
        return arrived + taken(ours)


def exchange(ours: socket.socket, theirs: socket.socket, after: str) -> None:
    if after == "answer":
        theirs.sendto(b"theirs", ours.getsockname())
        heard(ours)
    ours.sendto(b"ours", theirs.getsockname())
    heard(theirs)


def heard(receiver: socket.socket) -> None:
    assert select.select([receiver], [], [], PATIENCE_SECONDS)[0], "nothing arrives"
    receiver.recv(100)


def begin(ours: socket.socket, theirs: socket.socket, sent: Sent) -> None:
    if sent.transport == "tcp":
        ours.listen()
        theirs.connect_ex((HOST, sent.port))
        return
    for number in range(sent.count):
        theirs.sendto(str(number).encode(), (HOST, sent.port))


def taken(ours: socket.socket) -> int:
    """What is there now."""
    count = 0
    while select.select([ours], [], [], 0)[0]:
        if ours.type is socket.SOCK_DGRAM:
            ours.recv(100)
        else:
            ours.accept()[0].close()
        count += 1
    return count


def main(ruleset: str) -> None:
    sendings = [Sent(**fields) for fields in json.load(sys.stdin)]
    run("ip", "link", "set", "lo", "up")
    for host in {HOST, *(sent.source for sent in sendings)}:
        run("ip", "address", "add", f"{host}/32", "dev", "lo")
    run("nft", "--file", ruleset)
    json.dump([arrivals(sent) for sent in sendings], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
