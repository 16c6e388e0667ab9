"""Says in plain text what a configuration would run, for `gateway check`; holds no secret and prints nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.core.fields import Field, FieldType
from gateway.core.locators import Kind, Locator, target_header
from gateway.core.octets import byte_length
from gateway.core.payload import UuiFormat, build_item, build_whole, join_items
from gateway.core.plan import Dialect, Plan
from gateway.core.refusal import Refusal
from gateway.core.scopes import Fate, Message, fate, takes_part
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import UuiEncoding, UuiSetup, build_uui
from gateway.settings.build import kinds_of_message
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
        "\n".join(_budgets(plan)),
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
        field.pbx.text if field.pbx else "",
        field.twilio.text if field.twilio else "",
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
    return ["\n".join([table, *legend])]


def _scope(field: Field, plan: Plan, direction: Direction, on: On) -> str:
    """Whom the field goes to, the doubtful marked; several trunks of a side count as the worst of them."""
    found: dict[str, str] = {}
    for kind in kinds_of_message(plan.trunks):
        message, dialect, profile = Message(*kind[:3]), kind[3], kind[4]
        known = fate(field, message, dialect, profile)
        if (message.direction, message.on) != (direction, on) or known is Fate.NONE:
            continue
        receiver = "record" if known is Fate.RECORD else message.sender.other.value
        found[receiver] = max(found.get(receiver, ""), _MARKS.get(known, ""), key=("", "?", "!").index)
    return ", ".join(receiver + mark for receiver, mark in found.items())


def _budgets(plan: Plan) -> Iterator[str]:
    """For each kind of message the most that its fields can take, where something bounds them."""
    for direction, on, sender, dialect, profile in kinds_of_message(plan.trunks):
        sizes: dict[str, int | None] = {}
        for field in plan.contract.fields:
            target = field.locator(sender.other)
            if target and takes_part(field, Message(direction, on, sender)):
                sizes[field.name] = _largest(field, sender, _Writer(target, dialect, plan.contract.uui))
        if sizes:
            yield _budget(f"bytes {direction} {on}, profile {profile.name}", sizes, profile.bytes_total)


def _budget(what: str, sizes: dict[str, int | None], limit: int | None) -> str:
    bounded = [size for size in sizes.values() if size is not None]
    open_ended = [name for name, size in sizes.items() if size is None]
    parts = [f"limit {limit}"] if limit else ["no known limit"]
    if bounded:
        parts.append(f"{sum(bounded)} at most for {len(bounded)} of {len(sizes)} fields")
    if open_ended:
        parts.append(f"without max_bytes: {', '.join(open_ended)}")
    return f"{what}: {'; '.join(parts)}"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Where a field's value is written, and how."""

    target: Locator
    dialect: Dialect
    uui: Mapping[Side, UuiSetup]

    def size(self, value: str, field: Field, side: Side) -> int:
        """Octets of the header's name and value; a part of a shared header counts as if it were alone in it."""
        if self.target.kind is Kind.UUI:
            value = build_uui(self._payload(value, field, self.uui[side].format), self.uui[side])
        return byte_length(target_header(self.target, self.dialect)) + byte_length(value)

    def _payload(self, value: str, field: Field, format_: UuiFormat) -> str:
        written = build_whole(value, format_)
        if self.target.name:
            written = build_item(self.target.name, value, field.type, format_)
            written = written if isinstance(written, Refusal) else join_items([written], format_)
        # Of what Avaya does not take, the length alone is of use.
        return value if isinstance(written, Refusal) else written

    def worst(self, size: int, side: Side) -> str:
        """A text of `size` octets that takes the most when it is written."""
        if self.target.kind is not Kind.UUI:
            return "x" * size
        setup = self.uui[side]
        if self.target.name and setup.format in _WORST:
            return _WORST[setup.format] * size
        return ('"' if setup.encoding is UuiEncoding.ASCII else "x") * size


_WORST: Final = {UuiFormat.KV: "%", UuiFormat.JSON: "\x01"}
"""What is escaped to the most characters, by the format of a payload."""

_LONGEST: Final = {FieldType.BOOLEAN: "false", FieldType.E164: "+" + "1" * 15, FieldType.UUID: "0" * 36}


def _largest(field: Field, sender: Side, writer: _Writer) -> int | None:
    """The most octets that name and value of a field can take; None when nothing bounds them."""
    source = field.locator(sender)
    values = [field.default or ""]
    if source and source.kind is Kind.CONST and not field.transform:
        values.append(source.name)
    elif field.type is FieldType.ENUM:
        values += field.values
    elif field.type in _LONGEST:
        values.append(_LONGEST[field.type])
    elif source and field.max_bytes is None:
        return None
    elif field.max_bytes is not None:
        values.append(writer.worst(field.max_bytes, sender.other))
    return max(writer.size(value, field, sender.other) for value in values)
