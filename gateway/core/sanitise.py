"""The gate every outgoing header passes: grammar, characters and size, or a reason why not.

Header values go to the wire with a plain copy, so a CR or LF that came through here would be a header of the peer's
choosing. Never raises, whatever the text.
"""

from __future__ import annotations

import re

from gateway.core.octets import byte_length, is_utf8
from gateway.core.profile import Characters, Profile
from gateway.core.refusal import Oversize, Refusal
from gateway.core.uui import UuiSetup

# C0, DEL and C1: no part of TEXT-UTF8char (RFC 3261, section 25.1) and harmful to terminals and parsers alike.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def sanitise(name: str, value: str, profile: Profile) -> str | Refusal:
    """The value as it may be sent under `name` to a far end of this profile, or why it may not."""
    problem = profile.name_problem(name)
    return Refusal(problem) if problem else sanitise_value(value, profile)


def sanitise_value(value: str, profile: Profile) -> str | Refusal:
    """The value as it may be sent under a name already checked, blanks at its ends taken off."""
    value = value.strip(" ")
    if not value:
        return Refusal("nothing but blanks, a header without a value says nothing")
    problem = character_problem(value, profile)
    if problem is not None:
        return problem
    if profile.value_bytes is not None:
        return limit_bytes(value, profile.value_bytes, f"profile {profile.name}")
    return value


def character_problem(text: str, profile: Profile) -> Refusal | None:
    """Why the characters of `text` cannot be in a header; None when they can."""
    control = find_control(text)
    if control is not None:
        return Refusal(f"control character U+{ord(control):04X} is not allowed in a header")
    if not is_utf8(text):
        return Refusal("octets that are not UTF-8 are not allowed in a header")
    if profile.characters is Characters.ASCII and not text.isascii():
        return Refusal(f"only ASCII characters are allowed (profile {profile.name})")
    return None


def find_control(text: str) -> str | None:
    """The first control character in `text`, None without one."""
    if text.isascii() and text.isprintable():
        return None
    found = _CONTROL.search(text)
    return None if found is None else found[0]


def is_plain(value: str) -> bool:
    """Whether `sanitise_value` has nothing to change or to refuse, but for sizes: printable ASCII, trimmed."""
    return value.isascii() and value.isprintable() and value != "" and value.strip(" ") == value


def is_clean(text: str) -> bool:
    """Whether `text` is UTF-8 without control characters."""
    return (text.isascii() and text.isprintable()) or (_CONTROL.search(text) is None and is_utf8(text))


def limit_bytes(value: str, allowed: int, rule: str) -> str | Refusal:
    """The value if it takes at most `allowed` octets; the refusal names both sizes and the rule."""
    size = byte_length(value)
    return value if size <= allowed else Oversize(f"{size} bytes, {allowed} allowed ({rule})", size - allowed)


def octet_limit(setup: UuiSetup, profile: Profile) -> tuple[int, str] | None:
    """How many octets a payload of User-to-User may have, and the rule that says so; None without one.

    What a profile says goes before RFC 7434, for a far end that takes more or less than ISDN does.
    """
    if profile.uui_octets is not None:
        return profile.uui_octets, f"User-to-User, profile {profile.name}"
    if setup.max_octets is None:
        return None
    purpose = "of purpose isdn-uui" if setup.purpose else "without a purpose, which means isdn-uui"
    return setup.max_octets, f"User-to-User {purpose}"
