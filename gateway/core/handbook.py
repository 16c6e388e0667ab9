"""The contract as Markdown for the developer of the Twilio application: what arrives, and how to send it back.

Twilio, "TwiML Voice: <Sip>": headers stand in the SIP URI behind `?`, percent-encoded; in TwiML `&` is `&amp;` besides,
and a REST parameter is form-encoded once more as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from urllib.parse import quote_plus

from gateway.core.contract import Contract
from gateway.core.fields import Field
from gateway.core.locators import UUI_HEADER, Kind
from gateway.core.payload import UuiFormat, build_item, build_whole, join_items
from gateway.core.profile import Sends, is_reserved, matches_name
from gateway.core.refusal import Refusal
from gateway.core.scopes import Message, takes_part
from gateway.core.sending import TO_THE_PBX, percent
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiSetup, build_uui
from gateway.core.values import FieldType
from gateway.core.webhook import webhook_parameters

GATEWAY = "gateway.example.com"
USER = "+15550100"

_EXAMPLES = {
    FieldType.TEXT: "example",
    FieldType.INTEGER: "42",
    FieldType.BOOLEAN: "true",
    FieldType.E164: "+15550100",
    FieldType.UUID: "0191a0b2-3c4d-7e5f-8a6b-1c2d3e4f5a6b",
    FieldType.JSON: '{"a":1}',
}
_UCID = "00025000160955721139"

_FROM_THE_PBX = (
    (Message(Direction.TO_TWILIO, On.INVITE, Side.PBX), "Calls from the PBX: parameters of your voice URL"),
    (Message(Direction.TO_PBX, On.ANSWER, Side.PBX), "The PBX answers: parameters of the screening `url` of `<Sip>`"),
    (Message(Direction.TO_PBX, On.END, Side.PBX), "The PBX ends or refuses: parameters of the `action` of `<Dial>`"),
)


def build_handbook(contract: Contract, sends: Sends | None) -> str:
    """The whole document; without `sends` the other side can call nobody with headers."""
    setup = contract.uui.get(Side.TWILIO, UuiSetup())
    parts = ["# Context of calls through the gateway", _fields(contract.fields)]
    for message, title in _FROM_THE_PBX:
        rows = list(_arrivals(contract.fields, message, setup))
        if rows:
            head = ("Field", "Parameter", "Example", "In Studio", "In a TwiML Bin")[: len(rows[0])]
            parts.append(f"## {title}\n\n{_table(head, rows)}")
    if sends is not None:
        parts += _sending(contract.fields, setup, sends)
    return "\n\n".join(parts) + "\n"


def _fields(fields: Sequence[Field]) -> str:
    head = ("Field", "Type", "Example", "Bytes at most", "Required", "Class", "Calls")
    rows = [
        (
            one.name,
            f"{one.type}: {', '.join(one.values)}" if one.values else one.type.value,
            _code(example_of(one)),
            str(one.max_bytes or ""),
            "yes" if one.required else "",
            one.sensitivity.value,
            ", ".join(direction.value for direction in Direction if direction in one.direction),
        )
        for one in fields
    ]
    return f"## Fields\n\n{_table(head, rows)}"


def _arrivals(fields: Sequence[Field], message: Message, setup: UuiSetup) -> Iterator[tuple[str, ...]]:
    for names, header, value in _headers(fields, message, setup):
        for parameter, text in webhook_parameters([(header, value)], message):
            row = (", ".join(names), _code(parameter), _code(text))
            ways = (_code(f"{{{{trigger.call.{parameter}}}}}"), _code(f"{{{{{parameter}}}}}"))
            yield row + ways if message.on is On.INVITE else row


def _sending(fields: Sequence[Field], setup: UuiSetup, sends: Sends) -> Iterator[str]:
    """How Twilio places a call to the PBX, and which headers it adds by itself."""
    headers = list(_headers(fields, TO_THE_PBX, setup))
    ours = [one for one in headers if matches_name(one[1], sends.names) and not is_reserved(one[1])]
    if ours:
        query = "&".join(f"{name}={percent(value)}" for _, name, value in ours)
        uri = f"sip:{USER}@{GATEWAY};transport=tls?{query}"
        pairs = [(", ".join(names), _code(name), _code(f"{name}={percent(value)}")) for names, name, value in ours]
        yield f"## Calls to the PBX: headers in the SIP URI\n\n{_table(('Field', 'Header', 'In the URI'), pairs)}"
        yield (
            f"Percent-encode every value, all but letters and digits. The URI has under {sends.uri_characters} "
            f"characters, its headers under {sends.headers_characters}, both with their escapes."
        )
        twiml = f"<Response>\n  <Dial>\n    <Sip>{escape(uri, quote=False)}</Sip>\n  </Dial>\n</Response>"
        yield f"In TwiML, where `&` is `&amp;`:\n\n```xml\n{twiml}\n```"
        yield f"In the REST API, where the whole of `To` is form-encoded once more:\n\n```\nTo={quote_plus(uri)}\n```"
    others = [one for one in headers if one not in ours]
    if others:
        rows = [(", ".join(names), _code(name)) for names, name, _ in others]
        yield f"## Calls to the PBX: headers that only Twilio itself can write\n\n{_table(('Field', 'Header'), rows)}"


def _headers(fields: Sequence[Field], message: Message, setup: UuiSetup) -> Iterator[tuple[list[str], str, str]]:
    """The headers of a message on Twilio's side with an example each, and the fields in them."""
    shared: list[tuple[Field, str]] = []
    for one in fields:
        locator = one.twilio
        if locator is None or not takes_part(one, message):
            continue
        if locator.kind is Kind.HEADER:
            yield [one.name], locator.name, example_of(one)
        elif locator.kind is Kind.UUI and locator.name:
            shared.append((one, locator.name))
        elif locator.kind is Kind.UUI:
            yield [one.name], UUI_HEADER, _encoded(build_whole(_whole(one, setup), setup.format), setup)
    if shared:
        items = (build_item(key, _keyed(one, key, setup), one.type, setup.format) for one, key in shared)
        payload = join_items([item for item in items if isinstance(item, str)], setup.format)
        yield [one.name for one, _ in shared], UUI_HEADER, _encoded(payload, setup)


def _encoded(payload: str | Refusal, setup: UuiSetup) -> str:
    return "" if isinstance(payload, Refusal) else build_uui(payload, setup)


def _whole(one: Field, setup: UuiSetup) -> str:
    return "C80141" if setup.format is UuiFormat.AVAYA else example_of(one)


def _keyed(one: Field, key: str, setup: UuiSetup) -> str:
    return _UCID if setup.format is UuiFormat.AVAYA and key != "data" else example_of(one)


def example_of(one: Field) -> str:
    """A value that the field could have; never a private one of the configuration."""
    if one.type is FieldType.ENUM:
        return one.values[0]
    if one.default is not None and not one.redacted:
        return one.default
    example = _EXAMPLES[one.type]
    return example[: one.max_bytes] if one.type is FieldType.TEXT else example


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"
