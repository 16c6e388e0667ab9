"""The verbs of a TwiML document as values: what an application wants done with a call. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Callback:
    """A URL that is posted to, relative ones still as they were written."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class Play:
    """A sound, or DTMF digits instead."""

    url: str
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: int


@dataclass(frozen=True, slots=True)
class Reject:
    busy: bool


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Redirect:
    to: Callback


@dataclass(frozen=True, slots=True)
class Refer:
    """REFER the caller to a SIP URI with its headers; `action` is told how it went."""

    uri: str
    action: Callback | None


@dataclass(frozen=True, slots=True)
class StartStream:
    """Send the caller's audio to a WebSocket. `blocking` is `<Connect>`: what follows waits until the stream ends."""

    url: str
    name: str
    parameters: Pairs
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class StopStream:
    name: str


@dataclass(frozen=True, slots=True)
class SipNoun:
    """A SIP target as it was written, headers in its URI; `screen` is asked when it has answered."""

    uri: str
    username: str = ""
    password: str = ""
    screen: Callback | None = None


@dataclass(frozen=True, slots=True)
class ClientNoun:
    identity: str
    parameters: Pairs


@dataclass(frozen=True, slots=True)
class NumberNoun:
    number: str


@dataclass(frozen=True, slots=True)
class ConferenceNoun:
    name: str


Noun = SipNoun | ClientNoun | NumberNoun | ConferenceNoun


@dataclass(frozen=True, slots=True)
class Dial:
    """Call the nouns, all at once; the first that answers is connected."""

    nouns: tuple[Noun, ...]
    action: Callback | None = None
    answer_on_bridge: bool = False
    timeout_seconds: int = 30
    limit_seconds: int = 14400
    caller_id: str = ""
    refer: Callback | None = None


Verb = Say | Play | Pause | Reject | Hangup | Redirect | Refer | StartStream | StopStream | Dial
