"""Transforms: what is done to a value before its type is checked; steps are data, compiled once into a function."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.octets import byte_length
from gateway.core.patterns import Pattern, Template
from gateway.core.refusal import Oversize, Refusal

MAX_REPLACED_BYTES = 4096
"""Longest value that `replace` works on: finding every match takes time quadratic in the length at worst."""

Transform = Callable[[str], str | Refusal]


class Word(enum.StrEnum):
    """The steps that need nothing else."""

    TRIM = "trim"
    LOWER = "lower"
    UPPER = "upper"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class Replace:
    """Every match of `pattern` becomes `template`."""

    pattern: Pattern
    template: Template


@dataclass(frozen=True, slots=True)
class Lookup:
    """A value becomes the one beside it in `table`; one that is not there becomes `otherwise`, or is refused."""

    table: tuple[tuple[str, str], ...]
    otherwise: str | None = None


Step = Word | Replace | Lookup

_NO_DIGITS = re.compile(r"[^0-9]++")

_WORDS: dict[Word, Callable[[str], str]] = {
    Word.TRIM: str.strip,
    Word.LOWER: str.lower,
    Word.UPPER: str.upper,
    Word.DIGITS: lambda value: _NO_DIGITS.sub("", value),
}


def compile_steps(steps: tuple[Step, ...]) -> Transform | None:
    """One function that takes a value through all steps, up to the first that refuses it; None without steps."""
    functions = [_compile_step(step) for step in steps]
    if not functions:
        return None

    def transform(value: str) -> str | Refusal:
        for function in functions:
            changed = function(value)
            if isinstance(changed, Refusal):
                return changed
            value = changed
        return value

    return transform


def _compile_step(step: Step) -> Transform:
    if isinstance(step, Replace):
        return lambda value: _replace(value, step)
    if isinstance(step, Lookup):
        return _lookup(step)
    return _WORDS[step]


def _replace(value: str, step: Replace) -> str | Refusal:
    size = byte_length(value)
    if size > MAX_REPLACED_BYTES:
        return Oversize(f"{size} bytes, {MAX_REPLACED_BYTES} allowed (transform replace)")
    return step.pattern.replace(value, step.template)


def _lookup(step: Lookup) -> Transform:
    table = dict(step.table)
    missing = Refusal("not in the table of transform lookup") if step.otherwise is None else step.otherwise
    return lambda value: table.get(value, missing)
