"""What the demo plays: the contract its gateway runs, and one call each way with everything that is expected of it.

Expectations are written out here, word for word, and computed from nothing: they are what the demo is measured by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import unquote

from gateway.lab.tone import Tone

Header = tuple[str, str]

VARIABLE_PREFIX = "X-PBX-"
"""What headers that are variables of the dialplan begin with."""

CONTRACT = """\
context:
  uui:
    pbx: {discriminator: "00"}
  fields:
    customer_id: {pbx: "var:CUSTOMER_ID", twilio: "header:X-CustomerID", required: true, max_bytes: 64}
    product: {pbx: "var:PRODUCT_ID", twilio: "header:X-SelectedProductID", type: integer}
    queue: {pbx: "header:X-Queue", twilio: "header:X-Queue", default: general}
    caller_name: {pbx: "sip:from.display", twilio: "header:X-Caller-Name", direction: to_twilio, class: pii}
    case: {pbx: uui, twilio: uui}
    note: {pbx: "var:NOTE", twilio: "header:X-Note", max_bytes: 40}
    call_sid: {twilio: "header:X-Twilio-CallSid", pbx: "var:TWILIO_CALL_SID", direction: to_pbx}
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of information that a caller has, and what must become of it.

    `field` is its name in the contract, None when no field names it. `shown` is where it is at the caller, for a
    person; `sent` the header that carries it there, None if it is in no header of its own. `arrives` is the header
    that the other side must see, None when it must not cross; `becomes` what the other side makes of that header.
    `outcome` is what the receipt must say, None when it must say nothing.
    """

    field: str | None
    shown: str
    sent: Header | None
    arrives: Header | None = None
    becomes: str = ""
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One call. `caller` is its From, `number` is called; `caller_hz` and `callee_hz` are the tones that they play."""

    direction: str
    caller_name: str
    callee_name: str
    caller: str
    number: str
    caller_hz: int
    callee_hz: int
    pieces: tuple[Piece, ...]

    @property
    def headers(self) -> list[Header]:
        """What the caller's INVITE carries."""
        return [piece.sent for piece in self.pieces if piece.sent]

    @property
    def uri_headers(self) -> str:
        """What is in the URI of TwiML's <Sip>, after its question mark."""
        return "&".join(piece.shown[1:] for piece in self.pieces if piece.shown.startswith("?"))

    def with_call_sid(self, sid: str) -> Scene:
        """The same with the real SID in the place of CALL_SID: the one value that nobody knows before the call."""

        def filled(header: Header | None) -> Header | None:
            return header and (header[0], header[1].replace(CALL_SID, sid))

        pieces = (
            replace(
                piece,
                shown=piece.shown.replace(CALL_SID, sid),
                sent=filled(piece.sent),
                arrives=filled(piece.arrives),
                becomes=piece.becomes.replace(CALL_SID, sid),
            )
            for piece in self.pieces
        )
        return replace(self, pieces=tuple(pieces))


@dataclass(frozen=True, slots=True)
class Posted:
    """The signed webhook that Twilio posted for a call, as the application got it, and the TwiML that it answered."""

    url: str
    parameters: tuple[tuple[str, str], ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Played:
    """What was seen of a scene.

    `headers` are those of the INVITE that arrived at the called side; the tones are what each side heard, None for
    silence; `record` is the gateway's own account of the call, as its admin interface gives it; `variables` are those
    that a real dialplan made of the headers, None where a stand-in is called.
    """

    scene: Scene
    headers: tuple[Header, ...]
    caller_heard: Tone | None
    callee_heard: Tone | None
    record: dict[str, object]
    variables: dict[str, str] | None = None
    posted: Posted | None = None

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """Those of the webhook."""
        return self.posted.parameters if self.posted else ()

    @property
    def receipt(self) -> list[dict[str, object]]:
        """What the gateway says became of each field."""
        return cast(list[dict[str, object]], self.record["receipt"])

    def find(self, name: str) -> Header | None:
        """A header of the INVITE that arrived, as it was spelled there; the values of several joined."""
        found = [header for header in self.headers if header[0].lower() == name.lower()]
        return (found[0][0], ", ".join(value for _, value in found)) if found else None


def _variable(name: str, value: str) -> tuple[str, Header]:
    """A variable of Asterisk's dialplan, and the header that it sets for the call."""
    return f"{name} = {value}", (VARIABLE_PREFIX + name.replace("_", "-"), value)


def _sip_uri_header(text: str) -> tuple[str, Header]:
    """A header in the URI of TwiML's <Sip> (`NAME=VALUE`, escaped), and what Twilio puts on the wire for it."""
    name, _, value = text.partition("=")
    return f"?{text}", (name, unquote(value))


def _own_header(name: str, value: str) -> tuple[str, Header]:
    return f"{name}: {value}", (name, value)


LONG_NOTE = "wants the invoice of last March, and of every month since then"

TO_TWILIO = Scene(
    direction="to_twilio",
    caller_name="the PBX",
    callee_name="Twilio",
    caller='"Zoë Roy" <sip:+15551230100@127.0.0.2>',
    number="+15557654321",
    caller_hz=440,
    callee_hz=660,
    pieces=(
        Piece(
            "customer_id",
            *_variable("CUSTOMER_ID", "C-4711"),
            ("X-CustomerID", "C-4711"),
            "SipHeader_X-CustomerID=C-4711",
            "sent",
        ),
        Piece(
            "product",
            *_variable("PRODUCT_ID", "0042"),
            ("X-SelectedProductID", "42"),
            "SipHeader_X-SelectedProductID=42",
            "sent",
        ),
        Piece("queue", "(not set)", None, ("X-Queue", "general"), "SipHeader_X-Queue=general", "defaulted"),
        Piece(
            "caller_name",
            'From: "Zoë Roy"',
            None,
            ("X-Caller-Name", "Zoë Roy"),
            "SipHeader_X-Caller-Name=Zoë Roy",
            "sent",
        ),
        Piece(
            "case",
            'User-to-User: 0038382D31323037;encoding=hex (octet 00, then "88-1207")',
            ("User-to-User", "0038382D31323037;encoding=hex"),
            ("User-to-User", "38382D31323037;encoding=hex"),
            "SipHeader_User-to-User=38382D31323037;encoding=hex",
            "sent",
        ),
        Piece("note", *_variable("NOTE", LONG_NOTE), outcome="dropped"),
        Piece(None, *_own_header("X-Internal-Margin", "37 percent")),
        Piece(None, *_own_header("X-Twilio-CallSid", "CAforged")),
    ),
)

CALL_SID = "CA0f1e2d3c4b5a69788796a5b4c3d2e1f0"
ACCOUNT_SID = "AC00112233445566778899aabbccddeeff"

TO_PBX = Scene(
    direction="to_pbx",
    caller_name="Twilio",
    callee_name="the PBX",
    caller="<sip:+15557654321@sip.twilio.com>",
    number="100",
    caller_hz=550,
    callee_hz=880,
    pieces=(
        Piece(
            "customer_id",
            *_sip_uri_header("X-CustomerID=C-4711"),
            ("X-PBX-CUSTOMER-ID", "C-4711"),
            "CUSTOMER_ID = C-4711",
            "sent",
        ),
        Piece(
            "product",
            *_sip_uri_header("X-SelectedProductID=42"),
            ("X-PBX-PRODUCT-ID", "42"),
            "PRODUCT_ID = 42",
            "sent",
        ),
        Piece("queue", *_sip_uri_header("x-queue=gold%20card"), ("X-Queue", "gold card"), "X-Queue: gold card", "sent"),
        Piece(
            "case",
            *_sip_uri_header("User-to-User=38382D31323037%3Bencoding%3Dhex"),
            ("User-to-User", "0038382D31323037;encoding=hex"),
            "User-to-User: 0038382D31323037;encoding=hex",
            "sent",
        ),
        Piece(
            "note",
            *_sip_uri_header("X-Note=call%20back%3B%20before%20noon"),
            ("X-PBX-NOTE", "call back; before noon"),
            "NOTE = call back; before noon",
            "sent",
        ),
        Piece(
            "call_sid",
            *_own_header("X-Twilio-CallSid", CALL_SID),
            ("X-PBX-TWILIO-CALL-SID", CALL_SID),
            f"TWILIO_CALL_SID = {CALL_SID}",
            "sent",
        ),
        Piece(None, *_own_header("X-Twilio-AccountSid", ACCOUNT_SID)),
        Piece(None, *_sip_uri_header("X-Debug=on")),
    ),
)
