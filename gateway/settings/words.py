"""Values with a grammar of their own: locators, patterns, tokens, user names, paths."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, PlainValidator

from gateway.core.headers import is_token
from gateway.core.locators import Locator, parse_locator
from gateway.core.patterns import Pattern, parse_pattern
from gateway.core.refusal import Refusal
from gateway.core.values import FieldType, check_for
from gateway.settings.document import Unquoted
from gateway.settings.scalars import Refused, nearest, parse_text, shown

LONGEST_PATTERN: Final = 512
LONGEST_LOCATOR: Final = 256
LONGEST_WORD: Final = 256

_TRUNK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.ASCII)
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_OCTET: Final = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)
_LOCATORS: Final = ("header", "var", "sip", "const", "call", "uui")
_TYPED: Final = {FieldType.INTEGER: "a number", FieldType.BOOLEAN: "a boolean"}


def parse_word(value: object) -> str:
    """Text of a length that is meant."""
    text = parse_text(value)
    if len(text) > LONGEST_WORD:
        raise Refused(f"has {len(text)} characters; it can have {LONGEST_WORD} at most")
    return text


def trunk_name_problem(name: str) -> str | None:
    """Why a trunk cannot have this name; it is a label of metrics and a word of `call:trunk`."""
    if _TRUNK_NAME.fullmatch(name):
        return None
    return "is not a trunk name (letters, digits, - and _, 32 at most, a letter or digit first)"


def field_name_problem(name: str) -> str | None:
    """Why a field cannot have this name; it is a label of metrics and a key of JSON."""
    if _FIELD_NAME.fullmatch(name):
        return None
    return "is not a field name (letters, digits, - and _, 64 at most, a letter first)"


def parse_pattern_text(value: object) -> Pattern:
    """A regular expression in the syntax of RE2."""
    text = parse_text(value)
    if len(text) > LONGEST_PATTERN:
        raise Refused(f"has {len(text)} characters; a regular expression can have {LONGEST_PATTERN} at most")
    try:
        return parse_pattern(text)
    except ValueError as error:
        raise Refused(f"{shown(text)} is not a regular expression: {error}") from None


def parse_token(value: object) -> str:
    """A token (RFC 3261, section 25.1)."""
    text = parse_word(value)
    if not is_token(text):
        raise Refused(f"{shown(text)} is not a token (letters, digits and -.!%*_+`'~ only)")
    return text


def parse_username(value: object) -> str:
    """A digest user name. It goes out inside quotes, so it holds none itself."""
    text = parse_word(value)
    if '"' in text or "\\" in text:
        raise Refused('must not hold " or \\')
    return text


def parse_discriminator(value: object) -> int | None:
    """`none`, or an octet as two hexadecimal digits (RFC 7434, section 3.1)."""
    text = parse_text(value)
    if text == "none":
        return None
    if not _OCTET.fullmatch(text):
        raise Refused(f'must be none or one octet as two hexadecimal digits in quotes, such as "00", not {shown(text)}')
    return int(text, 16)


def build_discriminator(octet: int | None) -> str:
    """The twin of `parse_discriminator`."""
    return "none" if octet is None else f"{octet:02x}"


def parse_locator_text(value: object) -> Locator:
    """Where a value lives in a message."""
    text = parse_text(value)
    if len(text) > LONGEST_LOCATOR:
        raise Refused(f"has {len(text)} characters; a locator can have {LONGEST_LOCATOR} at most")
    try:
        return parse_locator(text)
    except ValueError as error:
        raise Refused(str(error).removesuffix(".") + _meant(text)) from None


def _meant(text: str) -> str:
    word, colon, rest = text.partition(":")
    meant = nearest(word, _LOCATORS)
    return f"; did you mean {shown(f'{meant}:{rest}')}?" if colon and meant and word not in _LOCATORS else ""


def parse_default(value: object, kind: FieldType, values: tuple[str, ...]) -> str:
    """The text of a field's default; a number or boolean may go without quotes where the type is one."""
    text = value if isinstance(value, Unquoted) and value.reads_as == _TYPED.get(kind) else parse_text(value)
    if kind is FieldType.ENUM and not values:
        return text
    checked = check_for(kind, values)(text)
    if isinstance(checked, Refusal):
        raise Refused(f"does not fit the field's type {kind}: {shown(text)} is {checked.reason}")
    return checked


def parse_header_pattern(value: object) -> str:
    """A header's name, or the start of one followed by `*`."""
    text = parse_word(value)
    if text != "*" and not is_token(text.removesuffix("*")):
        raise Refused(f"{shown(text)} is neither a header's name nor the start of one followed by *, such as X-*")
    return text


def parse_header_values(value: object) -> tuple[str, ...]:
    """One text, or a list of them for a header that is there several times; long ones are meant."""
    return tuple(map(parse_text, value)) if isinstance(value, list) else (parse_text(value),)


HeaderValues = Annotated[tuple[str, ...], PlainValidator(parse_header_values), PlainSerializer(list)]
HeaderPattern = Annotated[str, BeforeValidator(parse_header_pattern)]
Name = Annotated[str, BeforeValidator(parse_word)]
FilePath = Annotated[str, BeforeValidator(parse_text)]
Token = Annotated[str, BeforeValidator(parse_token)]
Username = Annotated[str, BeforeValidator(parse_username)]
PatternText = Annotated[Pattern, BeforeValidator(parse_pattern_text), PlainSerializer(lambda pattern: pattern.pattern)]
LocatorText = Annotated[Locator, BeforeValidator(parse_locator_text), PlainSerializer(lambda locator: locator.text)]
Discriminator = Annotated[int | None, BeforeValidator(parse_discriminator), PlainSerializer(build_discriminator)]
