"""Reads a TwiML document into verbs, and says what Twilio's debugger would say about it. Pure.

Like Twilio it does what it understands: an unknown verb, noun or attribute costs an alert (12200) and is left out; text
that is no XML with a `<Response>` costs the call (12100).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.target import build_target
from gateway.lab.twilio.verbs import (
    Callback,
    ClientNoun,
    ConferenceNoun,
    Dial,
    Hangup,
    Noun,
    NumberNoun,
    Pairs,
    Pause,
    Play,
    Redirect,
    Refer,
    Reject,
    Say,
    SipNoun,
    StartStream,
    StopStream,
    Verb,
)

DOCUMENT_BYTES = 65_536
PARAMETER_CHARACTERS = 500
"""Twilio, `<Stream>`: name and value of a `<Parameter>` together."""
MOST_NOUNS = 10
"""Twilio, `<Dial>`: endpoints that ring at once."""

ATTRIBUTES = {
    "Dial": "action method answerOnBridge timeout timeLimit callerId referUrl referMethod hangupOnStar ringTone record",
    "Sip": "username password url method statusCallback statusCallbackEvent statusCallbackMethod",
    "Uri": "username password priority weight",
    "Header": "name value",
    "Client": "url method statusCallback statusCallbackEvent statusCallbackMethod",
    "Number": "url method statusCallback statusCallbackEvent statusCallbackMethod sendDigits byoc",
    "Conference": "startConferenceOnEnter endConferenceOnExit beep muted waitUrl waitMethod maxParticipants",
    "Say": "voice language loop",
    "Play": "digits loop",
    "Pause": "length",
    "Reject": "reason",
    "Redirect": "method",
    "Refer": "action method",
    "Stream": "url name track statusCallback statusCallbackMethod",
    "Parameter": "name value",
}
"""Attributes that are understood, or may stand there without changing what the stand-in does."""


class TwimlError(Exception):
    """A document that nothing can be done with."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Document:
    """The verbs in order, and the alerts about what was left out."""

    verbs: tuple[Verb, ...]
    alerts: tuple[Alert, ...] = ()


def parse_twiml(text: str) -> Document:
    """Read a document.

    Raises:
        TwimlError: it is none.
    """
    if len(text.encode()) > DOCUMENT_BYTES:
        raise TwimlError(11750, f"more than {DOCUMENT_BYTES} bytes")
    try:
        root = ElementTree.fromstring(text.strip())
    except ElementTree.ParseError as error:
        raise TwimlError(12100, f"not XML: {error}") from None
    if root.tag != "Response":
        raise TwimlError(12100, f"the root is <{root.tag}>, not <Response>")
    reader = _Reader()
    verbs = [verb for element in root for verb in reader.verbs(element)]
    return Document(tuple(verbs), tuple(reader.alerts))


class _Reader:
    """Reads elements, and keeps what it could not read."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []
        self._verbs: dict[str, Callable[[Element], list[Verb]]] = {
            "Say": lambda it: [Say(_text(it))],
            "Play": lambda it: [Play(_text(it), it.get("digits", ""))],
            "Pause": lambda it: [Pause(self._whole(it, "length", 1))],
            "Reject": lambda it: [Reject(it.get("reason") == "busy")],
            "Hangup": lambda it: [Hangup()],
            "Redirect": lambda it: [Redirect(Callback(_text(it), it.get("method", "POST")))],
            "Refer": self._refer,
            "Start": lambda it: self._streams(it, blocking=False),
            "Connect": lambda it: self._streams(it, blocking=True),
            "Stop": lambda it: [StopStream(inner.get("name", "")) for inner in it if inner.tag == "Stream"],
            "Dial": self._dial,
        }
        self._nouns: dict[str, Callable[[Element], list[Noun]]] = {
            "Sip": self._sip,
            "Client": self._client,
            "Number": lambda it: [NumberNoun(_text(it))],
            "Conference": lambda it: [ConferenceNoun(_text(it))],
        }

    def verbs(self, element: Element) -> list[Verb]:
        """What one child of the response asks for; nothing if it is not understood."""
        read = self._verbs.get(element.tag)
        if read is None:
            self._complain(f"<{element.tag}> is no verb that the stand-in knows")
            return []
        self._check_attributes(element)
        return read(element)

    def _dial(self, element: Element) -> list[Verb]:
        nouns: list[Noun] = [NumberNoun(_text(element))] if _text(element) else []
        for inner in element:
            read = self._nouns.get(inner.tag)
            if read is None:
                self._complain(f"<{inner.tag}> is no noun of <Dial> that the stand-in knows")
                continue
            self._check_attributes(inner)
            nouns += read(inner)
        if len(nouns) > MOST_NOUNS:
            self.alerts.append(Alert(13250, f"{len(nouns)} nouns, {MOST_NOUNS} ring"))
        return [
            Dial(
                nouns=tuple(nouns[:MOST_NOUNS]),
                action=_callback(element, "action", "method"),
                answer_on_bridge=element.get("answerOnBridge") == "true",
                timeout_seconds=self._whole(element, "timeout", 30),
                limit_seconds=self._whole(element, "timeLimit", 14400),
                caller_id=element.get("callerId", ""),
                refer=_callback(element, "referUrl", "referMethod"),
            )
        ]

    def _sip(self, element: Element) -> list[Noun]:
        """The older form holds a URI with its headers; the newer one `<Uri>` elements and `<Headers>`."""
        screen = _callback(element, "url", "method")
        uris = element.findall("Uri")
        if not uris:
            return [SipNoun(_text(element), element.get("username", ""), element.get("password", ""), screen)]
        headers = self._pairs(element.findall("Headers/Header"))
        for uri in uris:
            self._check_attributes(uri)
        ordered = sorted(uris, key=lambda uri: self._whole(uri, "priority", 0))
        # The first by priority: a failover between them is not played.
        first = ordered[0]
        return [
            SipNoun(build_target(_text(first), headers), first.get("username", ""), first.get("password", ""), screen)
        ]

    def _client(self, element: Element) -> list[Noun]:
        identity = element.findtext("Identity") or element.text or ""
        return [ClientNoun(identity.strip(), self._pairs(element.findall("Parameter")))]

    def _refer(self, element: Element) -> list[Verb]:
        sip = element.find("Sip")
        if sip is None:
            self._complain("<Refer> without <Sip>")
            return []
        return [Refer(_text(sip), _callback(element, "action", "method"))]

    def _streams(self, element: Element, blocking: bool) -> list[Verb]:
        found: list[Verb] = []
        for inner in element:
            if inner.tag != "Stream":
                self._complain(f"<{inner.tag}> in <{element.tag}> is not known to the stand-in")
                continue
            self._check_attributes(inner)
            parameters = self._pairs(inner.findall("Parameter"))
            for name, value in parameters:
                if len(name + value) > PARAMETER_CHARACTERS:
                    self._complain(f"<Parameter> {name[:40]} of <Stream> has over {PARAMETER_CHARACTERS} characters")
            if "?" in inner.get("url", ""):
                self._complain("the query of a <Stream> url is dropped; use <Parameter>")
            url = inner.get("url", "").partition("?")[0]
            found.append(StartStream(url, inner.get("name", ""), parameters, blocking))
        return found

    def _pairs(self, elements: list[Element]) -> Pairs:
        for element in elements:
            self._check_attributes(element)
        return tuple((element.get("name", ""), element.get("value", "")) for element in elements)

    def _whole(self, element: Element, name: str, default: int) -> int:
        value = element.get(name, str(default))
        if not (value.isascii() and value.isdigit()):
            self._complain(f"{name}={value[:40]!r} of <{element.tag}> is no whole number")
            return default
        return int(value)

    def _check_attributes(self, element: Element) -> None:
        known = ATTRIBUTES.get(element.tag, "").split()
        for name in set(element.keys()) - set(known):
            self._complain(f"{name} of <{element.tag}> is not known to the stand-in")

    def _complain(self, detail: str) -> None:
        self.alerts.append(Alert(12200, detail))


def _text(element: Element) -> str:
    return (element.text or "").strip()


def _callback(element: Element, url: str, method: str) -> Callback | None:
    return Callback(element.get(url, ""), element.get(method, "POST")) if element.get(url) else None
