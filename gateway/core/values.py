"""What a value must be: the types of fields, each with one canonical text; knows neither fields nor messages."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable

from gateway.core.refusal import Refusal

Check = Callable[[str], str | Refusal]
"""From a text to its canonical form, or why it is none; the canonical form of a canonical text is itself."""


class FieldType(enum.StrEnum):
    """What a value must be."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    E164 = "e164"
    UUID = "uuid"
    ENUM = "enum"
    JSON = "json"


LONGEST_LIST = 80
"""Characters of an enum's values that a reason shows."""

_INTEGER = re.compile(r"([+-]?)([0-9]++)")
_E164 = re.compile(r"\+[1-9][0-9]{0,14}")
# Visual separators of RFC 3966, section 3, and the blank that people write.
_SEPARATORS = str.maketrans("", "", "-.() ")
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_JSON_BLANKS = re.compile(r'("(?:[^"\\]++|\\.)*+")|[ \t\r\n]++', re.DOTALL)

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1", "t", "y"), "true"),
    **dict.fromkeys(("false", "no", "off", "0", "f", "n"), "false"),
}


def check_for(type_: FieldType, values: tuple[str, ...] = ()) -> Check:
    """The check of a type; `values` are those of an enum."""
    return check_enum(values) if type_ is FieldType.ENUM else _CHECKS[type_]


def check_text(text: str) -> str | Refusal:
    """Any text is one."""
    return text


def check_integer(text: str) -> str | Refusal:
    """Decimal digits with an optional sign, to the shortest spelling: `+007` is `7`; any size."""
    found = _INTEGER.fullmatch(text.strip())
    if found is None:
        return Refusal("not an integer")
    digits = found[2].lstrip("0") or "0"
    return "-" + digits if found[1] == "-" and digits != "0" else digits


def check_boolean(text: str) -> str | Refusal:
    """`true` or `false`, from the usual words in any case."""
    return _BOOLEANS.get(text.strip().lower(), Refusal("not a boolean (true or false)"))


def check_e164(text: str) -> str | Refusal:
    """`+` and at most 15 digits, the first not 0 (ITU-T E.164, section 6); visual separators are taken out."""
    number = text.translate(_SEPARATORS)
    return number if _E164.fullmatch(number) else Refusal("not an E.164 number (+ and at most 15 digits)")


def check_uuid(text: str) -> str | Refusal:
    """A UUID as RFC 9562, section 4, writes it: lower case, five groups; hyphens may be missing on the way in."""
    found = _UUID.fullmatch(text.strip(" {}").lower())
    return "-".join(found.groups()) if found else Refusal("not a UUID")


def check_enum(values: tuple[str, ...]) -> Check:
    """The check for one of `values`, to the letter."""
    known = frozenset(values)
    text = ", ".join(values)
    shown = text if len(text) <= LONGEST_LIST else f"{text[:LONGEST_LIST]}…"
    refusal = Refusal(f"not one of {shown}")
    return lambda text: text if text in known else refusal


def check_json(text: str) -> str | Refusal:
    """JSON (RFC 8259) without blanks between its parts; numbers, order and escapes stay as spelled."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except RecursionError:
        return Refusal("JSON that is nested too deeply")
    except ValueError:
        return Refusal("not JSON")
    return _JSON_BLANKS.sub(r"\1", text)


def _no_constant(name: str) -> None:
    """`NaN` and `Infinity`, which Python reads, are no JSON."""
    raise ValueError(name)


_CHECKS: dict[FieldType, Check] = {
    FieldType.TEXT: check_text,
    FieldType.INTEGER: check_integer,
    FieldType.BOOLEAN: check_boolean,
    FieldType.E164: check_e164,
    FieldType.UUID: check_uuid,
    FieldType.JSON: check_json,
}
