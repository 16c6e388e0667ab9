"""The contract as Markdown for the developer of the Twilio application: what arrives, and how to send it back.

Twilio, "TwiML Voice: <Sip>": headers stand in the SIP URI behind `?`, percent-encoded; in TwiML `&` is `&amp;` besides,
and a REST parameter is form-encoded once more as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from urllib.parse import quote_plus

from gateway.core.application import Written, build_headers
from gateway.core.contract import Contract
from gateway.core.profile import Profile, Sends, is_reserved, matches_name
from gateway.core.samples import sample
from gateway.core.scopes import Message, scope_of, takes_part
from gateway.core.sending import TO_THE_PBX, percent
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiSetup
from gateway.core.webhook import webhook_parameters

GATEWAY = "gateway.example.com"
USER = "+15550100"

_FROM_THE_PBX = (
    ((Message(Direction.TO_TWILIO, On.INVITE, Side.PBX),), "Calls from the PBX: parameters of your voice URL"),
    (
        (Message(Direction.TO_PBX, On.ANSWER, Side.PBX),),
        "The PBX answers: parameters of the screening `url` of `<Sip>`",
    ),
    ((Message(Direction.TO_PBX, On.END, Side.PBX),), "The PBX ends or refuses: parameters of the `action` of `<Dial>`"),
    (
        tuple(Message(direction, On.REFER, Side.PBX) for direction in Direction),
        "The PBX transfers a call to Twilio: more parameters of your voice URL",
    ),
)
_REFER = tuple(Message(direction, On.REFER, Side.TWILIO) for direction in Direction)


def build_handbook(contract: Contract, profile: Profile) -> str:
    """The whole document; `profile` is that of the trunk on Twilio's side."""
    parts = ["# Context of calls through the gateway", _fields(contract)]
    for messages, title in _FROM_THE_PBX:
        rows = list(
            dict.fromkeys(row for one in messages if scope_of(one, profile) for row in _arrivals(contract, one))
        )
        if rows:
            head = ("Field", "Parameter", "Example", "In Studio", "In a TwiML Bin")[: len(rows[0])]
            parts.append(f"## {title}\n\n{_table(head, rows)}")
    if profile.bytes_total is not None:
        parts.append(
            f"All names and values of a message from the PBX have {profile.bytes_total} bytes at most together; over "
            "that, fields are left out."
        )
    if profile.sends is not None:
        parts += _sending(contract, profile.sends)
    return "\n\n".join(parts) + "\n"


def _fields(contract: Contract) -> str:
    head = ("Field", "Type", "Example", "Bytes at most", "Required", "Class", "Calls")
    rows = [
        (
            one.name,
            f"{one.type}: {', '.join(one.values)}" if one.values else one.type.value,
            _code(sample(one, Side.PBX, contract.uui).carried),
            str(one.max_bytes or ""),
            "yes" if one.required else "",
            one.sensitivity.value,
            ", ".join(direction.value for direction in Direction if direction in one.direction),
        )
        for one in contract.fields
    ]
    return f"## Fields\n\n{_table(head, rows)}"


def _arrivals(contract: Contract, message: Message) -> Iterator[tuple[str, ...]]:
    for names, header, value in _examples(contract, message):
        for parameter, text in webhook_parameters([(header, value)], message):
            row = (", ".join(names), _code(parameter), _code(text))
            ways = (_code(f"{{{{trigger.call.{parameter}}}}}"), _code(f"{{{{{parameter}}}}}"))
            yield row + ways if message.on is On.INVITE else row


def _sending(contract: Contract, sends: Sends) -> Iterator[str]:
    """How Twilio places a call to the PBX, and which headers it adds by itself."""
    headers = _examples(contract, TO_THE_PBX)
    ours = [one for one in headers if matches_name(one[1], sends.names) and not is_reserved(one[1])]
    if ours:
        uri = f"sip:{USER}@{GATEWAY};transport=tls?{_query(ours, sends)}"
        pairs = [(", ".join(names), _code(name), _code(f"{name}={percent(value)}")) for names, name, value in ours]
        yield f"## Calls to the PBX: headers in the SIP URI\n\n{_table(('Field', 'Header', 'In the URI'), pairs)}"
        yield (
            f"Percent-encode every value, all but letters and digits. The URI has under {sends.uri_characters} "
            f"characters, its headers under {sends.headers_characters}, both with their escapes. Twilio leaves "
            f"out a header whose value is not {sends.characters.upper()}."
        )
        twiml = f"<Response>\n  <Dial>\n    <Sip>{escape(uri, quote=False)}</Sip>\n  </Dial>\n</Response>"
        yield f"In TwiML, where `&` is `&amp;`:\n\n```xml\n{twiml}\n```"
        yield f"In the REST API, where the whole of `To` is form-encoded once more:\n\n```\nTo={quote_plus(uri)}\n```"
    both = dict.fromkeys(one for message in _REFER for one in _examples(contract, message))
    referred = [one for one in both if not is_reserved(one.header)]
    if referred:
        uri = escape(f"sip:{USER}@{GATEWAY}?{_query(referred, sends)}", quote=False)
        twiml = f"<Response>\n  <Refer>\n    <Sip>{uri}</Sip>\n  </Refer>\n</Response>"
        yield f"## Transfers to the PBX: headers in the SIP URI of `<Refer>`\n\n```xml\n{twiml}\n```"
    others = [one for one in headers if one not in ours]
    if others:
        rows = [(", ".join(names), _code(name)) for names, name, _ in others]
        yield f"## Calls to the PBX: headers that only Twilio itself can write\n\n{_table(('Field', 'Header'), rows)}"


def _query(headers: Sequence[Written], sends: Sends) -> str:
    """As many headers as fit."""
    query = ""
    for _, name, value in headers:
        longer = f"{query}{'&' if query else ''}{name}={percent(value)}"
        query = longer if len(longer) < sends.headers_characters else query
    return query


def _examples(contract: Contract, message: Message) -> list[Written]:
    """The headers of a message on Twilio's side with an example each."""
    fields = [one for one in contract.fields if takes_part(one, message)]
    samples = {one.name: sample(one, message.sender, contract.uui) for one in fields}
    values = {name: its.carried if message.sender is Side.PBX else its.given for name, its in samples.items()}
    return build_headers(fields, values, contract.uui.get(Side.TWILIO, UuiSetup()))[0]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"
