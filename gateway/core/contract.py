"""The contract of context: its fields checked and compiled into rules, once per kind of message.

A kind of message is the direction of its call, which message it is, the side that sends it, the dialect of the PBX
trunk and the profile of the trunk it goes to. Fields are read where the sender's side has them and written where the
other has. Applying the rules is `gateway.core.mapping`'s.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import MappingProxyType

from gateway.core.fields import Field
from gateway.core.headers import canonical_name
from gateway.core.locators import UUI_HEADER, Kind, Locator, Reader, Ways, reader_for, target_header
from gateway.core.payload import build_item, build_whole
from gateway.core.plan import Dialect
from gateway.core.profile import Profile, is_reserved
from gateway.core.receipt import Outcome, ReceiptEntry
from gateway.core.refusal import Refusal
from gateway.core.sanitise import limit_bytes, sanitise_value
from gateway.core.scopes import Message, takes_part
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Transform, compile_steps
from gateway.core.uui import UuiSetup
from gateway.core.uui_fields import FieldProblem as FieldProblem
from gateway.core.uui_fields import uui_problems
from gateway.core.values import FieldType, check_for


class MissingPolicy(enum.StrEnum):
    """What happens to a call when a required field does not get to the other side."""

    CONTINUE = "continue"
    REJECT = "reject"


class Overflow(enum.StrEnum):
    """What happens to what is too long."""

    DROP = "drop"
    TRUNCATE = "truncate"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value goes: the header, and how a value becomes that header's value.

    With `uui` the encoded value is a payload of User-to-User, with a `key` it is one part of a payload that several
    fields share. A `raw` User-to-User is encoded already, so no part of it means anything. A plain value
    (`sanitise.is_plain`) of at most `plain_bytes` is the header's value as it stands.
    """

    header: str
    encode: Callable[[str], str | Refusal]
    uui: bool = False
    key: str | None = None
    plain_bytes: int = 0

    @property
    def raw(self) -> bool:
        """Whether the value is a whole User-to-User header as it stands on the wire."""
        return not self.uui and canonical_name(self.header) == canonical_name(UUI_HEADER)


@dataclass(frozen=True, slots=True)
class Rule:
    """One field of one kind of message, ready to run.

    `prepare` transforms a value, which may leave nothing of it, and gives its canonical text; it is None when any text
    stays as it is. `default` is not transformed, and canonical already. Without a target the value is metadata for the
    record, not for the wire. `account` makes the receipt's entry of what became of the field.
    """

    field: Field
    read: Reader
    prepare: Transform | None
    default: str | None
    target: Target | None
    account: Callable[[Outcome, int, str | None], ReceiptEntry]


@dataclass(frozen=True, slots=True)
class Rules:
    """The fields of one kind of message, in order; made by `Contract.rules`."""

    direction: Direction
    on: On
    sender: Side
    profile: Profile
    missing: MissingPolicy
    rules: tuple[Rule, ...]
    redacted: frozenset[str]
    overflow: Overflow
    uui: UuiSetup
    """How the receiving side uses User-to-User."""
    shares: bool
    """Whether any field is a part of a shared User-to-User."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole `context` section: the fields in order, User-to-User by side, what missing and too long fields do."""

    fields: tuple[Field, ...] = ()
    uui: Mapping[Side, UuiSetup] = field(default_factory=lambda: MappingProxyType({}))
    missing: MissingPolicy = MissingPolicy.CONTINUE
    overflow: Overflow = Overflow.DROP
    _compiled: dict[tuple[Message, Dialect, Profile], Rules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _followed: dict[tuple[Message, Dialect, Profile], Rules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def reads(self, on: On) -> bool:
        """Whether any field is on that message; where none is, it need not even be parsed."""
        return any(on in one.on for one in self.fields)

    def ways(self, dialect: Dialect) -> dict[Side, Ways]:
        """How each side writes what has no fixed place; `dialect` is the PBX trunk's."""
        return {side: Ways(dialect, self.uui.get(side, UuiSetup())) for side in Side}

    def rules(self, direction: Direction, on: On, sender: Side, dialect: Dialect, profile: Profile) -> Rules:
        """The rules for one kind of message; `dialect` is the PBX trunk's, `profile` that of the trunk it goes to.

        Compiled at the first asking: ask for every combination that can occur before calls do.

        Raises:
            ValueError: a field cannot work there; its text is that of the first of `problems`.
        """
        kind = (Message(direction, on, sender), dialect, profile)
        compiled = self._compiled.get(kind)
        if compiled is None:
            compiled = self._compiled[kind] = self._compile(*kind)
        return compiled

    def transfer_rules(self, direction: Direction, sender: Side, dialect: Dialect, profile: Profile) -> Rules:
        """The rules for the INVITE that follows from a REFER of the sender's side: its fields, and those of the INVITE.

        The call can come to that side from the other and go back there, so a field of the INVITE that cannot be read
        or written this way round stays behind.
        """
        invite = Message(direction, On.INVITE, sender)
        kind = (invite, dialect, profile)
        compiled = self._followed.get(kind)
        if compiled is None:
            fields = self._transfer_fields(*kind)
            compiled = self._compile_fields(fields, invite._replace(on=On.REFER), dialect, profile)
            self._followed[kind] = compiled
        return compiled

    def refer_headers(self, direction: Direction, sender: Side, dialect: Dialect) -> frozenset[str]:
        """The headers, by canonical name, that a REFER of the sender's side is read for."""
        locators = [one.locator(sender) for one in self._fields(Message(direction, On.REFER, sender))]
        return frozenset(canonical_name(target_header(one, dialect)) for one in locators if one and one.writable)

    def _transfer_fields(self, message: Message, dialect: Dialect, profile: Profile) -> list[Field]:
        chosen = self._fields(message._replace(on=On.REFER))
        for one in self.fields:
            carried = On.INVITE in one.on and message.direction in one.direction and one.locator(message.sender)
            if carried and one not in chosen and not self._problems([*chosen, one], message, dialect, profile):
                chosen.append(one)
        return [one for one in self.fields if one in chosen]

    def problems(
        self, direction: Direction, on: On, sender: Side, dialect: Dialect, profile: Profile
    ) -> list[FieldProblem]:
        """Everything that keeps the fields of this kind of message from working, in the fields' order."""
        message = Message(direction, on, sender)
        return self._problems(self._fields(message), message, dialect, profile)

    def _problems(
        self, fields: list[Field], message: Message, dialect: Dialect, profile: Profile
    ) -> list[FieldProblem]:
        found = [problem for one in fields for problem in _field_problems(one, message, dialect, profile)]
        for side in Side:
            found += uui_problems(fields, side, self.uui.get(side, UuiSetup()))
        return found + list(_shared_targets(fields, message.sender.other, dialect))

    def _compile(self, message: Message, dialect: Dialect, profile: Profile) -> Rules:
        fields = self._fields(message)
        problems = self._problems(fields, message, dialect, profile)
        if problems:
            raise ValueError(f"field {problems[0].field}: {problems[0].text}")
        return self._compile_fields(fields, message, dialect, profile)

    def _compile_fields(self, fields: list[Field], message: Message, dialect: Dialect, profile: Profile) -> Rules:
        sides = self.ways(dialect)
        rules = tuple(_compile_rule(one, message, sides, profile) for one in fields)
        return Rules(
            direction=message.direction,
            on=message.on,
            sender=message.sender,
            profile=profile,
            missing=self.missing,
            rules=rules,
            redacted=frozenset(one.name for one in fields if one.redacted),
            overflow=self.overflow,
            uui=sides[message.sender.other].uui,
            shares=any(rule.target is not None and rule.target.key is not None for rule in rules),
        )

    def _fields(self, message: Message) -> list[Field]:
        return [one for one in self.fields if takes_part(one, message)]


_ACCOUNTS = 64
"""How many entries a field's rule keeps: what became of it is mostly what became of it in other calls as well."""


def _compile_rule(one: Field, message: Message, sides: Mapping[Side, Ways], profile: Profile) -> Rule:
    sender = message.sender
    source, target = one.locator(sender), one.locator(sender.other)
    shown = None if source is None else source.shown(one.redacted)
    written = None if target is None else target.text
    return Rule(
        field=one,
        read=_no_values if source is None else reader_for(source, sides[sender]),
        prepare=_compile_preparation(one),
        default=None if one.default is None else str(check_for(one.type, one.values)(one.default)),
        target=None if target is None else _compile_target(target, one, sides[sender.other], profile),
        account=lru_cache(_ACCOUNTS)(partial(ReceiptEntry, one.name, message.direction, message.on, shown, written)),
    )


def _compile_preparation(one: Field) -> Transform | None:
    transform = compile_steps(one.transform)
    check = None if one.type is FieldType.TEXT else check_for(one.type, one.values)
    if transform is None or check is None:
        return transform or check

    def prepare(value: str) -> str | Refusal:
        changed = transform(value)
        return check(changed) if changed and not isinstance(changed, Refusal) else changed

    return prepare


def _compile_target(locator: Locator, one: Field, ways: Ways, profile: Profile) -> Target:
    header = target_header(locator, ways.dialect)
    if locator.kind is not Kind.UUI:
        return Target(header, _as_it_is, plain_bytes=_plain_bytes(header, one, profile))
    if not locator.name:
        return Target(header, lambda value: build_whole(value, ways.uui.format), uui=True)
    key, format_ = locator.name, ways.uui.format
    return Target(header, lambda value: build_item(key, value, one.type, format_), uui=True, key=key)


def _plain_bytes(header: str, one: Field, profile: Profile) -> int:
    """How long a value may be before a limit of the field or of one header forbids it."""
    in_header = None if profile.header_bytes is None else profile.header_bytes - len(f"{header}: ")
    limits = (one.max_bytes, profile.value_bytes, in_header)
    return min((limit for limit in limits if limit is not None), default=sys.maxsize)


def _no_values(_: object) -> Sequence[str]:
    return ()


def _as_it_is(value: str) -> str:
    return value


def _field_problems(one: Field, message: Message, dialect: Dialect, profile: Profile) -> Iterator[FieldProblem]:
    sender, receiver = message.sender, message.sender.other
    for key, text in (
        (sender.value, _source_problem(one.locator(sender), sender, dialect)),
        (receiver.value, _target_problem(one.locator(receiver), message, dialect, profile)),
        ("values", _values_problem(one)),
        ("default", _default_problem(one, profile)),
    ):
        if text is not None:
            yield FieldProblem(one.name, key, text)


def _source_problem(source: Locator | None, sender: Side, dialect: Dialect) -> str | None:
    if source is None:
        return None
    if sender is Side.TWILIO:
        return _VAR_ON_TWILIO if source.kind is Kind.VAR else None
    if source.kind in (Kind.HEADER, Kind.VAR) and is_reserved(target_header(source, dialect)):
        return f"{source.text} is believed only from Twilio, it cannot be read from the PBX"
    return None


def _target_problem(target: Locator | None, message: Message, dialect: Dialect, profile: Profile) -> str | None:
    if target is None:
        return None
    if not target.writable:
        other = Direction.from_source(message.direction.target)
        return f"{target.text} can be read and not written: say direction: {other}, or use header: var: or uui"
    if message.sender is Side.PBX and target.kind is Kind.VAR:
        return _VAR_ON_TWILIO
    header = target_header(target, dialect)
    return profile.name_problem(header) or profile.scope_problem(header, message.direction, message.on)


_VAR_ON_TWILIO = "var: is a variable of a PBX, Twilio has none: use header:"


def _values_problem(one: Field) -> str | None:
    if one.type is FieldType.ENUM and not one.values:
        return "an enum needs values: list them, such as values: [general, sales]"
    return "only a field of type enum has values" if one.values and one.type is not FieldType.ENUM else None


def _default_problem(one: Field, profile: Profile) -> str | None:
    """Why the default could not be sent."""
    if one.default is None or _values_problem(one):
        return None
    checked = check_for(one.type, one.values)(one.default)
    if not isinstance(checked, Refusal) and one.max_bytes is not None:
        checked = limit_bytes(checked, one.max_bytes, "max_bytes")
    if not isinstance(checked, Refusal):
        checked = sanitise_value(checked, profile)
    return f"the default cannot be sent: {checked.reason}" if isinstance(checked, Refusal) else None


def _shared_targets(fields: list[Field], receiver: Side, dialect: Dialect) -> Iterator[FieldProblem]:
    """Two fields that write one header, or one key of User-to-User: the second would hide the first."""
    taken: dict[str, str] = {}
    for one in fields:
        target = one.locator(receiver)
        if target is None or not target.writable:
            continue
        header = target_header(target, dialect)
        what = target.text if _is_part(target) else header
        first = taken.setdefault(what if _is_part(target) else canonical_name(header), one.name)
        if first == one.name and target.kind is not Kind.UUI and canonical_name(header) == canonical_name(UUI_HEADER):
            first = next((other.name for other in fields if _is_part(other.locator(receiver))), one.name)
        if first != one.name:
            text = f"{one.name} and {first} both write {what}: give each a place of its own"
            yield FieldProblem(one.name, receiver.value, text)


def _is_part(locator: Locator | None) -> bool:
    return locator is not None and locator.kind is Kind.UUI and bool(locator.name)
