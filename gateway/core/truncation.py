"""Cutting a text short where it still means something: never inside a character, an escape, hex pairs or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

_HEX_PAIRS = re.compile(r"(?:[0-9A-Fa-f]{2})++")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# One to three escapes at the end whose first says that more of its character follows (RFC 3629, section 3).
_HALF_A_CHARACTER = re.compile(
    r"(?:%[C-Fc-f][0-9A-Fa-f]|%[Ee][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]|%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){1,2})\Z"
)


def truncate(value: str, fits: Callable[[str], bool]) -> str | None:
    """The longest start of `value` that fits and means something; None when there is none.

    `fits` must hold for every start of a text that it holds for. Text that is JSON has no start that means anything.
    """
    if _is_json(value):
        return None
    low, high = 0, len(value)
    while low < high:
        middle = (low + high + 1) // 2
        if fits(value[:middle]):
            low = middle
        else:
            high = middle - 1
    return _clean_start(value, low) or None


def _clean_start(value: str, length: int) -> str:
    if _HEX_PAIRS.fullmatch(value):
        return value[: length - length % 2]
    for start in (length - 2, length - 1):
        if start >= 0 and _ESCAPE.match(value, start):
            length = start
            break
    cut = value[:length]
    half = _HALF_A_CHARACTER.search(cut)
    if half and _ESCAPE.match(value, length):
        cut = cut[: half.start()]
    return cut.rstrip(" ")


def _is_json(value: str) -> bool:
    """Whether it is a JSON object, list or string; a lone number or word is cut as text."""
    if not value.lstrip(" \t").startswith(("{", "[", '"')):
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True
