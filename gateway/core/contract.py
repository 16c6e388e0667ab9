"""The contract of context: its fields checked and compiled into rules, once per kind of message.

A kind of message is a direction, the message that carries context, the dialect of the PBX trunk and the profile of the
far end. Applying the rules is `gateway.core.mapping`'s.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.core.fields import Field
from gateway.core.headers import canonical_name
from gateway.core.locators import Kind, Locator, Reader, Ways, reader_for, target_header
from gateway.core.plan import Dialect
from gateway.core.profiles import Profile, is_reserved
from gateway.core.refusal import Refusal
from gateway.core.sanitise import limit_bytes, sanitise_value
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Transform, compile_steps
from gateway.core.uui import UuiSetup, build_uui
from gateway.core.values import Check, FieldType, check_for


class MissingPolicy(enum.StrEnum):
    """What happens to a call when a required field does not get to the other side."""

    CONTINUE = "continue"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Why a field cannot work: `key` is the key of the field that is wrong, `text` says what, and what is right."""

    field: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value goes: the header, and how a value becomes that header's value."""

    header: str
    encode: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One field of one kind of message, ready to run.

    `transform` is None when nothing is done to a value. `check` gives its canonical text, `default` is in it already
    and is not transformed. `source` and `target_text` are the locators as
    records show them. Without a target the value is metadata for the record, not for the wire.
    """

    field: Field
    read: Reader
    transform: Transform | None
    check: Check
    default: str | None
    target: Target | None
    source: str | None
    target_text: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The fields of one kind of message, in order; made by `Contract.rules`."""

    direction: Direction
    on: On
    profile: Profile
    missing: MissingPolicy
    rules: tuple[Rule, ...]
    redacted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole `context` section: the fields in order, User-to-User by side, and the policy for missing fields."""

    fields: tuple[Field, ...] = ()
    uui: Mapping[Side, UuiSetup] = field(default_factory=lambda: MappingProxyType({}))
    missing: MissingPolicy = MissingPolicy.CONTINUE
    _compiled: dict[tuple[Direction, On, Dialect, Profile], Rules] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def rules(self, direction: Direction, on: On, dialect: Dialect, profile: Profile) -> Rules:
        """The rules for one kind of message; `dialect` is the PBX trunk's, `profile` that of the trunk it goes to.

        Compiled at the first asking: ask for every combination that can occur before calls do.

        Raises:
            ValueError: a field cannot work there; its text is that of the first of `problems`.
        """
        kind = (direction, on, dialect, profile)
        compiled = self._compiled.get(kind)
        if compiled is None:
            compiled = self._compiled[kind] = self._compile(*kind)
        return compiled

    def problems(self, direction: Direction, on: On, dialect: Dialect, profile: Profile) -> list[FieldProblem]:
        """Everything that keeps the fields of this kind of message from working, in the fields' order."""
        fields = self._fields(direction, on)
        found = [problem for one in fields for problem in _field_problems(one, direction, dialect, profile)]
        return found + list(_shared_targets(fields, direction, dialect))

    def _compile(self, direction: Direction, on: On, dialect: Dialect, profile: Profile) -> Rules:
        problems = self.problems(direction, on, dialect, profile)
        if problems:
            raise ValueError(f"field {problems[0].field}: {problems[0].text}")
        fields = self._fields(direction, on)
        sides = {side: Ways(dialect, self.uui.get(side, UuiSetup())) for side in Side}
        return Rules(
            direction=direction,
            on=on,
            profile=profile,
            missing=self.missing,
            rules=tuple(_compile_rule(one, direction, sides) for one in fields),
            redacted=frozenset(one.name for one in fields if one.redacted),
        )

    def _fields(self, direction: Direction, on: On) -> list[Field]:
        return [one for one in self.fields if direction in one.direction and on in one.on]


def _compile_rule(one: Field, direction: Direction, sides: Mapping[Side, Ways]) -> Rule:
    source, target = one.locator(direction.source), one.locator(direction.target)
    check = check_for(one.type, one.values)
    return Rule(
        field=one,
        read=_no_values if source is None else reader_for(source, sides[direction.source]),
        transform=compile_steps(one.transform),
        check=check,
        default=None if one.default is None else str(check(one.default)),
        target=None if target is None else _compile_target(target, sides[direction.target]),
        source=None if source is None else _shown(source, one),
        target_text=None if target is None else target.text,
    )


def _compile_target(locator: Locator, ways: Ways) -> Target:
    encode = (lambda payload: build_uui(payload, ways.uui)) if locator.kind is Kind.UUI else _as_it_is
    return Target(target_header(locator, ways.dialect), encode)


def _no_values(_: object) -> Sequence[str]:
    return ()


def _as_it_is(value: str) -> str:
    return value


def _shown(source: Locator, one: Field) -> str:
    """The locator for records; a constant of a private field is its value."""
    return f"{Kind.CONST}:***" if one.redacted and source.kind is Kind.CONST else source.text


def _field_problems(one: Field, direction: Direction, dialect: Dialect, profile: Profile) -> Iterator[FieldProblem]:
    source, target = one.locator(direction.source), one.locator(direction.target)
    for key, text in (
        (direction.source.value, _source_problem(source, direction, dialect)),
        (direction.target.value, _target_problem(target, direction, dialect, profile)),
        ("values", _values_problem(one)),
        ("default", _default_problem(one, profile)),
    ):
        if text is not None:
            yield FieldProblem(one.name, key, text)


def _source_problem(source: Locator | None, direction: Direction, dialect: Dialect) -> str | None:
    if source is None:
        return None
    if direction.source is Side.TWILIO:
        return _VAR_ON_TWILIO if source.kind is Kind.VAR else None
    if source.kind in (Kind.HEADER, Kind.VAR) and is_reserved(target_header(source, dialect)):
        return f"{source.text} is believed only from Twilio, it cannot be read from the PBX"
    return None


def _target_problem(target: Locator | None, direction: Direction, dialect: Dialect, profile: Profile) -> str | None:
    if target is None:
        return None
    if not target.writable:
        other = Direction.from_source(direction.target)
        return f"{target.text} can be read and not written: say direction: {other}, or use header: var: or uui"
    if direction.target is Side.TWILIO and target.kind is Kind.VAR:
        return _VAR_ON_TWILIO
    return profile.name_problem(target_header(target, dialect))


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


def _shared_targets(fields: list[Field], direction: Direction, dialect: Dialect) -> Iterator[FieldProblem]:
    """Two fields that write one header: the second would hide the first."""
    taken: dict[str, str] = {}
    for one in fields:
        target = one.locator(direction.target)
        if target is None or not target.writable:
            continue
        header = target_header(target, dialect)
        first = taken.setdefault(canonical_name(header), one.name)
        if first != one.name:
            text = f"{one.name} and {first} both write {header}: give each a header of its own"
            yield FieldProblem(one.name, direction.target.value, text)
