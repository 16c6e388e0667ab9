"""A login at AMI and its packets: lines `NAME: VALUE`, ended by an empty one. What they are for, it does not know."""

from __future__ import annotations

import itertools
import socket
import time

from gateway.errors import PbxError

MOST_OCTETS = 65536
"""Of a packet; the longest that we ask for has about a thousand."""
MOST_PACKETS = 20_000
"""Of one answer: a list of all channels."""

Packet = dict[str, str]


class AmiSession:
    """One connection. Every question has `timeout_seconds`; after a PbxError it is of no more use."""

    def __init__(self, host: str, port: int, timeout_seconds: float) -> None:
        """Connect.

        Raises:
            PbxError: nobody is there.
        """
        self._timeout = timeout_seconds
        self._numbers = itertools.count(1)
        self._rest = b""
        try:
            self._connection = socket.create_connection((host, port), timeout_seconds)
        except OSError as error:
            raise PbxError(f"AMI does not answer: {type(error).__name__}") from None

    def log_in(self, username: str, password: str) -> None:
        """Be somebody who may ask.

        Raises:
            PbxError: AMI does not want us.
        """
        try:
            answer = self.ask("Login", Username=username, Secret=password, Events="off")
            if answer.get("Response") != "Success":
                raise PbxError("AMI refuses the login")
        except PbxError:
            self.close()
            raise

    def is_open(self) -> bool:
        """Whether Asterisk has not closed it meanwhile."""
        try:
            self._connection.setblocking(False)
            return self._connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, action: str, **keys: str) -> Packet:
        """Send one action and get its answer.

        Raises:
            PbxError: none came.
        """
        deadline = time.monotonic() + self._timeout
        number = self._send(action, keys)
        while True:
            packet = self._receive(deadline)
            if packet.get("ActionID") == number and "Response" in packet:
                return packet

    def list_channels(self) -> list[Packet]:
        """Every channel there is, the oldest first; none where that is not ours to ask.

        Raises:
            PbxError: the list does not come to its end.
        """
        deadline = time.monotonic() + self._timeout
        number = self._send("CoreShowChannels", {})
        channels: list[Packet] = []
        for _ in range(MOST_PACKETS):
            packet = self._receive(deadline)
            if packet.get("ActionID") != number:
                continue
            if packet.get("Event") == "CoreShowChannel" and {"Channel", "Uniqueid"} <= packet.keys():
                channels.append(packet)
            elif packet.get("Event") == "CoreShowChannelsComplete":
                return channels
            elif packet.get("Response") == "Error":
                raise PbxError("AMI does not list channels: the user needs the right `reporting`")
        raise PbxError("AMI's list of channels has no end")

    def _send(self, action: str, keys: dict[str, str]) -> str:
        number = str(next(self._numbers))
        lines = (f"{name}: {value}" for name, value in {"Action": action, "ActionID": number, **keys}.items())
        try:
            self._connection.settimeout(self._timeout)
            self._connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        except OSError as error:
            raise PbxError(f"AMI does not listen: {type(error).__name__}") from None
        return number

    def _receive(self, deadline: float) -> Packet:
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._read(deadline)
            if len(self._rest) > MOST_OCTETS and b"\r\n\r\n" not in self._rest:
                raise PbxError("AMI sends a packet without an end")
        packet, _, self._rest = self._rest.partition(b"\r\n\r\n")
        pairs = (line.partition(":") for line in packet.decode("utf-8", "replace").split("\r\n"))
        return {name: value.strip(" ") for name, _, value in pairs}

    def _read(self, deadline: float) -> bytes:
        try:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._connection.recv(MOST_OCTETS)
        except OSError as error:
            raise PbxError(f"AMI does not answer: {type(error).__name__}") from None
        if not data:
            raise PbxError("AMI hung up")
        return data
