"""What the stand-in reads of SIP messages: first line, headers, nothing else. Pure; not the gateway's own parser."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.lab.driver import read_headers

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response as it came."""

    first_line: str
    headers: Headers

    def header(self, name: str) -> str:
        """The first header of that name, empty without one."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), "")

    @property
    def request_uri(self) -> str:
        """Where a request goes."""
        return self.first_line.split(" ")[1]


def read_message(text: str) -> Message:
    """The message; what has no text has no headers."""
    return Message(text.partition("\r\n")[0], tuple(read_headers(text)))


def uri_of(value: str) -> str:
    """The URI of a From or To."""
    _, bracket, rest = value.rpartition("<")
    return rest.partition(">")[0] if bracket else value.partition(";")[0]
