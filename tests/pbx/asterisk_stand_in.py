"""AMI as Asterisk speaks it, on a socket of a test's own: channels with a Call-ID, and what goes wrong on purpose."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Packet = dict[str, str]


@dataclass
class Manager:
    """What it knows, what it was asked, and how it misbehaves."""

    channels: dict[str, str] = field(default_factory=dict)
    """Name to Call-ID, the oldest first."""
    variables: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Actions with the channel they name."""
    logins: int = 0
    refuses: set[str] = field(default_factory=set)
    """Actions that end in an error."""
    instead: dict[str, bytes] = field(default_factory=dict)
    """What is sent in place of an answer; nothing at all: it hangs up."""
    silent: set[str] = field(default_factory=set)
    """Actions that it does not answer."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"ami://127.0.0.1:{self.port}"

    def answer(self, packet: Packet) -> list[Packet]:
        action = packet["Action"]
        self.asked.append(" ".join(filter(None, (action, packet.get("Channel")))))
        if action in self.refuses:
            return [{"Response": "Error", "Message": "Permission denied"}]
        if action == "Login":
            self.logins += 1
            good = (packet["Username"], packet["Secret"]) == ("gw", "hunter2")
            return [{"Response": "Success" if good else "Error"}, {"Event": "FullyBooted"}]
        if action == "CoreShowChannels":
            shown = [{"Event": "CoreShowChannel", "Channel": name, "Uniqueid": f"17.{name}"} for name in self.channels]
            start = {"Response": "Success", "EventList": "start"}
            return [start, *shown, {"Event": "CoreShowChannelsComplete", "ListItems": str(len(shown))}]
        if packet["Channel"] not in self.channels:
            return [{"Response": "Error", "Message": "No such channel"}]
        if action == "Getvar":
            return [{"Response": "Success", "Value": self.channels[packet["Channel"]]}]
        self.variables[packet["Channel"], packet["Variable"]] = packet["Value"]
        return [{"Response": "Success"}]


class Session(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        manager = self.server.manager
        self.wfile.write(b"Asterisk Call Manager/9.0.0\r\n")
        while packet := self._receive():
            action = packet["Action"]
            if action in manager.silent:
                manager.asked.append(action)
                continue
            if action in manager.instead:
                self.wfile.write(manager.instead[action].replace(b"NUMBER", packet["ActionID"].encode()))
                if not manager.instead[action]:
                    return
                continue
            for answer in manager.answer(packet):
                keys = answer | ({} if answer.get("Event") == "FullyBooted" else {"ActionID": packet["ActionID"]})
                self.wfile.write("".join(f"{name}: {value}\r\n" for name, value in keys.items()).encode() + b"\r\n")

    def _receive(self) -> Packet:
        """The next packet; an empty one when the other side has hung up."""
        packet: Packet = {}
        while (line := self.rfile.readline().decode()) not in ("", "\r\n"):
            name, _, value = line.rstrip("\r\n").partition(": ")
            packet[name] = value
        return packet


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    manager: Manager

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up in the middle is no fault of this server's."""


@contextmanager
def serving(manager: Manager) -> Iterator[Manager]:
    """Serve it on a port of its own."""
    with Server(("127.0.0.1", 0), Session) as server:
        server.manager = manager
        manager.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield manager
        finally:
            server.shutdown()
            thread.join()
