"""Says in plain text what a configuration would run, for `gateway check`; holds no secret and prints nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.core.fields import Field
from gateway.core.locators import Kind
from gateway.core.plan import Plan, TransferMode
from gateway.core.scopes import Fate, Message, fate
from gateway.core.sending import refer_room, sending_room, unsent_fields
from gateway.core.sizes import Room, room
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiSetup
from gateway.core.variables import WRITTEN_BACK
from gateway.settings.build import kinds_of_message
from gateway.settings.doubts import doubts
from gateway.settings.endpoints import build_listener
from gateway.settings.load import Settings
from gateway.settings.table import build_table


def build_report(settings: Settings) -> str:
    """What would run: sockets, limits, trunks, routes, fields and the bytes they may take."""
    plan = settings.plan()
    parts = [
        f"{settings.file}: no problems; this is what would run (configuration {plan.hash})",
        build_table(_process(plan)),
        build_table(_trunks(settings, plan)),
        build_table(_routes(plan)),
        build_table(_fields(plan.contract.fields)),
        *_scopes(plan),
        "\n".join([*_budgets(plan), *_sendings(plan)]),
        "\n".join(f"warning: {doubt}" for doubt in doubts(plan, datetime.now(UTC))),
        *_rules(plan),
    ]
    return "\n\n".join(part for part in parts if part)


def _process(plan: Plan) -> list[tuple[str, str]]:
    limits, media, admin = plan.limits, plan.media, plan.admin
    return [
        ("listen", ", ".join(map(build_listener, plan.listeners))),
        ("public address", plan.public_address or "the bound one"),
        ("media", f"{media.mode}, {', '.join(media.codecs)}, RTP ports {media.first_port}-{media.last_port}"),
        ("admin", f"http://{admin.host}:{admin.port}, {'token set' if admin.token else 'no token'}"),
        ("limits", f"{limits.calls} calls, {limits.calls_per_second} new ones a second"),
        ("times", f"ring {limits.ring_seconds:g} s, call {limits.call_seconds:g} s, drain {limits.drain_seconds:g} s"),
        ("failover", f"next URI after {limits.response_seconds:g} s without a response"),
    ]


def _trunks(settings: Settings, plan: Plan) -> list[tuple[str, ...]]:
    head = ("TRUNK", "SIDE", "PROFILE", "VARIABLES", "SRTP", "USER NAME", "CALLS GO TO", "CALLS COME FROM")
    rows = [
        (
            trunk.name,
            trunk.side.value,
            trunk.profile.name,
            trunk.dialect.value if trunk.side is Side.PBX else "",
            trunk.srtp.value,
            trunk.auth.username if trunk.auth else "",
            ", ".join(trunk.uris),
            ", ".join(map(str, settings.configuration.trunks[trunk.name].allow)) or "nobody",
        )
        for trunk in plan.trunks
    ]
    return [head, *rows]


def _routes(plan: Plan) -> list[tuple[str, ...]]:
    rows = [
        (route.from_trunk, route.match.pattern if route.match else "any", route.to_trunk, route.user or "as called")
        for route in plan.routes
    ]
    routed = {route.from_trunk for route in plan.routes}
    for trunk in plan.trunks:
        others = [other.name for other in plan.trunks if other.side is trunk.side.other]
        if trunk.allow and trunk.name not in routed and len(others) == 1:
            rows.append((trunk.name, "any", others[0], "as called"))
    return [("ROUTE FROM", "CALLED USER", "TO", "NEW USER"), *rows]


def _fields(fields: Sequence[Field]) -> list[tuple[str, ...]]:
    if not fields:
        return [("no context fields: nothing crosses but audio",)]
    head = ("FIELD", "PBX", "TWILIO", "DIRECTION", "ON", "TYPE", "CLASS", "MAX BYTES", "WITHOUT A VALUE")
    return [head, *map(_field, fields)]


def _field(field: Field) -> tuple[str, ...]:
    return (
        field.name,
        field.pbx.shown(field.redacted) if field.pbx else "",
        field.twilio.shown(field.redacted) if field.twilio else "",
        "both" if len(field.direction) == len(Direction) else ", ".join(field.direction),
        ", ".join(sorted(field.on)),
        field.type.value,
        field.sensitivity.value,
        str(field.max_bytes or ""),
        _without_value(field),
    )


def _without_value(field: Field) -> str:
    if field.default is not None:
        return f"default {'***' if field.redacted else repr(field.default)}"
    return "missing" if field.required else ""


_MARKS: Final = {Fate.ARRIVES: "", Fate.UNKNOWN: "?", Fate.UNREAD: "!"}
_LEGEND: Final = {
    "?": "? is sent, and nothing is known of what the other side does with it",
    "!": "! is sent, and the other side has no way to read it",
    "=": "= is also set as a variable of the channel (write_back)",
}


_TRANSFERS: Final = {
    TransferMode.LOCAL: "refer: the fields of a REFER go into the INVITE to whom it names, over those of on: invite",
    TransferMode.RELAY: "refer, with transfer: relay: they go behind the URI in Refer-To, and nowhere else",
}


def _scopes(plan: Plan) -> list[str]:
    """What each field does on each message, and what the marks mean that stand there."""
    columns = [(direction, on) for direction in Direction for on in On if plan.contract.reads(on)]
    rows = [(field.name, *(_scope(field, plan, *column) for column in columns)) for field in plan.contract.fields]
    columns_used = [index for index in range(1, len(columns) + 1) if any(row[index] for row in rows)]
    if not columns_used:
        return []
    head = ("GOES TO", *(f"{direction} {on}" for direction, on in columns))
    table = build_table([[row[index] for index in (0, *columns_used)] for row in (head, *rows)])
    legend = [text for mark, text in _LEGEND.items() if any(mark in cell for row in rows for cell in row[1:])]
    if any(columns[index - 1][1] is On.REFER for index in columns_used):
        modes = {trunk.transfer for trunk in plan.trunks}
        legend += [text for mode, text in _TRANSFERS.items() if mode in modes]
    return ["\n".join([table, *legend])]


def _scope(field: Field, plan: Plan, direction: Direction, on: On) -> str:
    """Whom the field goes to, the doubtful marked; several trunks of a side count as the worst of them."""
    found: dict[str, str] = {}
    for kind in kinds_of_message(plan.trunks):
        message, dialect, profile = Message(*kind[:3]), kind[3], kind[4]
        modes = {trunk.transfer for trunk in plan.trunks if trunk.side is message.sender}
        known = {fate(field, message, dialect, profile, mode) for mode in modes} - {Fate.NONE}
        if (message.direction, message.on) == (direction, on):
            for one in known:
                receiver = "record" if one is Fate.RECORD else message.sender.other.value
                found[receiver] = max(found.get(receiver, ""), _MARKS.get(one, ""), key=("", "?", "!").index)
    if Side.PBX in found and _is_written_back(field, plan, on):
        found[Side.PBX] = "="
    return ", ".join(receiver + mark for receiver, mark in found.items())


def _is_written_back(field: Field, plan: Plan, on: On) -> bool:
    """Whether every PBX gets it as a variable too, which is read whatever becomes of the header."""
    is_variable = field.pbx is not None and field.pbx.kind is Kind.VAR and on in WRITTEN_BACK
    return is_variable and all(trunk.write_back for trunk in plan.trunks if trunk.side is Side.PBX)


def _rules(plan: Plan) -> Iterator[str]:
    """What the far ends take by their profiles, and who says so."""
    for profile in dict.fromkeys(trunk.profile for trunk in plan.trunks):
        lines = (f"  {rule}: {says} ({source})" for rule, says, source in profile.rules())
        yield "\n".join([f"rules of profile {profile.name}:", *lines])


def _budgets(plan: Plan) -> Iterator[str]:
    """For each kind of message the most that its fields can take, where something bounds them."""
    contract = plan.contract
    for direction, on, sender, dialect, profile in kinds_of_message(plan.trunks):
        message, sides = Message(direction, on, sender), contract.ways(dialect)
        found = room(contract.fields, message, sides, profile)
        if found.fields:
            limit = f"limit {profile.bytes_total}" if profile.bytes_total else "no known limit"
            yield f"bytes {direction} {on}, profile {profile.name}: {limit}{_room(found)}"


_URI_CHARACTERS: Final = len("<sip:+15551234567@pbx.example.com?>")
"""About what Refer-To needs for the URI itself."""


def _sendings(plan: Plan) -> Iterator[str]:
    """What Twilio can send of the fields, and what it may not."""
    setup = plan.contract.uui.get(Side.TWILIO, UuiSetup())
    for profile in dict.fromkeys(trunk.profile for trunk in plan.trunks):
        sends = profile.sends
        if sends is None:
            continue
        found = sending_room(plan.contract.fields, setup, sends)
        limit = f"fewer than {sends.headers_characters}"
        if found.fields:
            where = f"characters in the headers of a SIP URI of Twilio's, profile {profile.name}"
            yield f"{where}: {limit}{_room(found)}"
        if found.total >= sends.headers_characters:
            yield f"warning: the fields can take {found.total} characters there, escapes counted, and it sends {limit}"
        relays = any(trunk.transfer is TransferMode.RELAY for trunk in plan.trunks if trunk.side is Side.PBX)
        referred = refer_room(plan.contract.fields, setup, sends)
        if relays and referred.fields:
            limit = f"{sends.refer_to_characters} with its URI"
            yield f"characters in Refer-To of a REFER to Twilio, profile {profile.name}: {limit}{_room(referred)}"
            if referred.open_ended or referred.total + _URI_CHARACTERS > sends.refer_to_characters:
                yield "warning: of a relayed REFER, what does not fit there stays behind, the lowest priority first"
        for message, name in unsent_fields(plan.contract.fields, sends):
            yield f"warning: {name} on {message.on}: no way is documented to have Twilio put it there"


def _room(found: Room) -> str:
    parts = []
    if found.bounded:
        parts.append(f"{found.total} at most for {len(found.bounded)} of {len(found.fields)} fields")
    if found.open_ended:
        parts.append(f"without max_bytes: {', '.join(found.open_ended)}")
    if found.too_long:
        parts.append(f"can be longer than the other side takes: {', '.join(found.too_long)}")
    return "".join(f"; {part}" for part in parts)
