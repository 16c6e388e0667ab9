"""Channel variables that are set on a PBX after its INVITE: what to set, and how that can go."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.fields import Field
from gateway.core.locators import Kind
from gateway.core.terms import On

WRITTEN_BACK = frozenset({On.ANSWER, On.END})
"""Messages whose context is set: what a dialplan cannot read of them, or only at one place of it."""


class WriteResult(enum.StrEnum):
    """What became of a variable."""

    WRITTEN = "written"
    GONE = "gone"
    """The PBX has no channel with this Call-ID any more."""
    REFUSED = "refused"
    """The PBX does not take it: rights, a channel outside of an application, a value too long for its interface."""
    FAILED = "failed"
    """The PBX's interface is not there, too slow, or talks nonsense."""
    DROPPED = "dropped"
    """Too many waited already."""


class Written(NamedTuple):
    """What became of a variable, and why; the reason holds no value."""

    result: WriteResult
    reason: str | None = None


class Variable(NamedTuple):
    """A field's value and the name of its variable."""

    field: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class VariableWrite:
    """Variables of one message for the channel of one leg."""

    call: str
    """Our id of the call."""
    trunk: str
    call_id: str
    """SIP Call-ID of the leg to the PBX."""
    on: On
    variables: tuple[Variable, ...] = field(repr=False)


def variables_of(fields: Iterable[Field], values: Mapping[str, str]) -> tuple[Variable, ...]:
    """The values that belong into a variable of the PBX, in the fields' order."""
    return tuple(
        Variable(one.name, one.pbx.name, values[one.name])
        for one in fields
        if one.name in values and one.pbx is not None and one.pbx.kind is Kind.VAR
    )
