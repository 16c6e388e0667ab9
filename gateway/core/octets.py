"""How octets of a SIP message are text here: UTF-8, with each octet that is not UTF-8 as a lone surrogate.

That is Python's `surrogateescape` (PEP 383), which pjsua2 uses as well, so whatever a peer sends survives reading.
Nothing here raises on any text.
"""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPAIRED = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def parse_octets(data: bytes) -> str:
    """Octets as text; octets that are not UTF-8 become U+DC80 to U+DCFF."""
    return data.decode("utf-8", "surrogateescape")


def build_octets(text: str) -> bytes:
    """The octets of `text`: what `parse_octets` read, exactly.

    Surrogates that no octet stands for cannot come from a peer; they are written as three octets rather than raised.
    """
    return text.encode("utf-8", "surrogatepass" if _UNPAIRED.search(text) else "surrogateescape")


def byte_length(text: str) -> int:
    """How many octets `text` takes on the wire."""
    return len(text) if text.isascii() else len(build_octets(text))


def is_utf8(text: str) -> bool:
    """Whether the octets of `text` are UTF-8 throughout."""
    return text.isascii() or _SURROGATE.search(text) is None
