"""A real Asterisk's manager interface, for what the lab wants done and ARI cannot do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRWPair

from gateway.lab.driver import LabError

ANSWER_SECONDS = 20.0


class Ami:
    """One connection, logged in."""

    def __init__(self, connection: BufferedRWPair, username: str, password: str) -> None:
        self._connection = connection
        self.ask("Login", Username=username, Secret=password, Events="off")

    def ask(self, action: str, **keys: str) -> None:
        """Have something done.

        Raises:
            LabError: Asterisk does not want to.
        """
        lines = [f"Action: {action}", "ActionID: asked", *(f"{name}: {value}" for name, value in keys.items())]
        try:
            self._connection.write("\r\n".join((*lines, "", "")).encode())
            self._connection.flush()
            answer = b"?"
            while answer and b"ActionID: asked" not in answer:
                answer = self._read()
        except OSError as error:
            raise LabError(f"Asterisk does not answer {action}: {error}") from None
        if b"Response: Success" not in answer:
            raise LabError(f"Asterisk answers {action}: {answer!r}")

    def _read(self) -> bytes:
        """The next message; nothing at the end of the connection."""
        lines = []
        while (line := self._connection.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join(lines)


@contextmanager
def open_ami(host: str, port: int, username: str, password: str) -> Iterator[Ami]:
    """A connection for as long as the block lasts.

    Raises:
        LabError: Asterisk does not let us in.
    """
    try:
        connection = socket.create_connection((host, port), timeout=ANSWER_SECONDS)
    except OSError as error:
        raise LabError(f"Asterisk does not take a connection: {error}") from None
    with connection, connection.makefile("rwb") as lines:
        yield Ami(lines, username, password)
