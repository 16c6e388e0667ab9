"""Names a place inside a configuration file: `trunks.pbx.uris[0]`."""

from __future__ import annotations

import re
from typing import Final

Place = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""

Finding = tuple[Place, str]
"""Something wrong, and where: the text is a sentence whose subject is the place."""

SECRETS: Final[tuple[Place, ...]] = (
    ("admin", "token"),
    ("trunks", "*", "auth", "password"),
    ("trunks", "*", "write_back", "password"),
    ("twilio", "auth_token"),
)
"""Where secrets stand; `*` is any name. Their values never print, and only they may be `${...}`."""

_STEP: Final[Place] = ("context", "fields", "*", "transform", "*")

MAY_BE_EMPTY: Final[tuple[Place, ...]] = ((*_STEP, "replace", "*"), (*_STEP, "lookup", "*"), (*_STEP, "else"))
"""Where a quoted text of nothing, or of blanks, means what it says: a transform can take something out of a value."""

_WORD: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


def is_secret(place: Place) -> bool:
    """Whether a secret belongs there."""
    return _is_one_of(place, SECRETS)


def may_be_empty(place: Place) -> bool:
    """Whether an empty text has a meaning there."""
    return _is_one_of(place, MAY_BE_EMPTY)


def _is_one_of(place: Place, patterns: tuple[Place, ...]) -> bool:
    return any(len(place) == len(pattern) and all(map(_fits, place, pattern)) for pattern in patterns)


def _fits(step: str | int, pattern: str | int) -> bool:
    return pattern in ("*", step)


def build_place(place: Place) -> str:
    """The place as a person writes it; empty for the whole file."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{shown_key(step)}" if text else shown_key(step)
    return text


def shown_key(key: str) -> str:
    """A key that is safe to print: cut at the first character that no key of ours has.

    `{password:hunter2}` without a space is the key `password:hunter2`; what follows the colon may be a secret.
    """
    match = _WORD.match(key)
    word = match.group() if match else ""
    return word if word == key else f"{word}…"
