"""The kinds of single value that settings are made of, and what is said when a value is of another kind."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Final

from pydantic import BeforeValidator

from gateway.settings.document import Unquoted

LONGEST_SHOWN: Final = 60

_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,6})?", re.ASCII)


class Refused(ValueError):
    """A value that a setting does not take; the text is a sentence whose subject is the setting."""


def shown(value: str) -> str:
    """A value of the file inside a sentence: quoted, escaped, not too long."""
    return repr(str(value)) if len(value) <= LONGEST_SHOWN else f"{str(value)[:LONGEST_SHOWN]!r}…"


def named(value: object) -> str:
    """A value inside a sentence whatever it is: a list or a mapping is named, not shown."""
    if isinstance(value, str):
        return shown(value)
    return "a mapping" if isinstance(value, dict) else "a list"


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    *rest, end = words
    return f"{', '.join(rest)} {last} {end}" if rest else end


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, if any is near."""
    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def parse_text(value: object) -> str:
    """Text, as the file has it."""
    if isinstance(value, Unquoted):
        raise Refused(f'is read as {value.reads_as} by YAML; put it in quotes: "{value}"')
    if not isinstance(value, str):
        raise Refused(f"must be text, not {named(value)}")
    return value


def parse_flag(value: object) -> bool:
    """`true` or `false`. The other words of YAML 1.1 (`yes`, `on` …) are not ours."""
    if isinstance(value, Unquoted) and value in ("true", "false"):
        return value == "true"
    raise Refused(f"must be true or false (without quotes), not {named(value)}")


def whole(least: int, most: int, unit: str) -> BeforeValidator:
    """A whole number of `unit` (empty: of nothing in particular) within bounds, both included."""
    what = f"a whole number of {unit}" if unit else "a whole number"

    def parse(value: object) -> int:
        if isinstance(value, Unquoted) and _WHOLE.fullmatch(value) and least <= int(value) <= most:
            return int(value)
        raise Refused(f"must be {what} from {least} to {most}{_instead(value)}")

    return BeforeValidator(parse)


class Lifted(enum.StrEnum):
    """The word that stands for no limit."""

    NONE = "none"


def limit(least: int, most: int, unit: str) -> BeforeValidator:
    """A whole number of `unit` within bounds, both included, or `none`."""

    def parse(value: object) -> int | Lifted:
        if isinstance(value, Unquoted) and _WHOLE.fullmatch(value) and least <= int(value) <= most:
            return int(value)
        if value == Lifted.NONE:
            return Lifted.NONE
        raise Refused(f"must be a whole number of {unit} from {least} to {most}, or none{_instead(value)}")

    return BeforeValidator(parse)


def seconds(least: float, most: float) -> BeforeValidator:
    """A time in seconds within bounds, both included; decimals are allowed."""

    def parse(value: object) -> float:
        if isinstance(value, Unquoted) and _NUMBER.fullmatch(value) and least <= float(value) <= most:
            return float(value)
        raise Refused(f"must be a number of seconds from {least:g} to {most:g}{_instead(value)}")

    return BeforeValidator(parse)


def _instead(value: object) -> str:
    if isinstance(value, str) and not isinstance(value, Unquoted) and _NUMBER.fullmatch(value):
        return f", without quotes: {value}"
    return f", not {named(value)}"


def word(now: Iterable[str], later: Iterable[str] = ()) -> BeforeValidator:
    """One word of a list. `later` are words of the contract that this version cannot act on yet."""
    known, planned = tuple(now), tuple(later)

    def parse(value: object) -> str:
        if isinstance(value, str) and value in known:
            return str(value)
        if isinstance(value, str) and value in planned:
            raise Refused(f"{shown(value)} is not available in this version; it can be {listed(known)}")
        raise Refused(f"must be {listed(known)}, not {named(value)}")

    return BeforeValidator(parse)


Text = Annotated[str, BeforeValidator(parse_text)]
Flag = Annotated[bool, BeforeValidator(parse_flag)]
