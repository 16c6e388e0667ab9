"""Context inside a URI: the headers escaped in Refer-To and Contact (RFC 3261, section 19.1.1; RFC 7433, section 4.1).

`read_escaped` and `write_escaped` undo each other. Reading raises nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from gateway.core.headers import Headers, canonical_name, is_header_name
from gateway.core.identity import VOUCHED
from gateway.core.message import SipMessage
from gateway.core.profile import is_protected
from gateway.core.uri import SipUri, build_uri, parse_addr, split_list
from gateway.errors import UriError

_VOUCHED = frozenset(name.lower() for name in VOUCHED)


def read_escaped(message: SipMessage, header: str) -> SipMessage:
    """The message with the headers escaped in the URI of its `header` as if they were its own.

    They come first and in the place of its own of the same name: Genesys Cloud reads User-to-User of a REFER from
    Refer-To alone, old FreeSWITCH from the REFER alone. What makes a dialog work is never taken from a URI, and nobody
    vouches for who calls by one.
    """
    uri = _first_uri(message.headers.first(header))
    escaped = [] if uri is None else [one for one in uri.headers if _is_context(one[0])]
    if not escaped:
        return message
    names = {canonical_name(name) for name, _ in escaped}
    own = (pair for pair in message.headers if canonical_name(pair[0]) not in names)
    return replace(message, headers=Headers([*escaped, *own]))


def lay_over(message: SipMessage, below: SipMessage, names: Container[str]) -> SipMessage:
    """`below` with the headers of these canonical names that `message` has, in the place of its own."""
    above = [pair for pair in message.headers if canonical_name(pair[0]) in names]
    taken = {canonical_name(name) for name, _ in above}
    kept = (pair for pair in below.headers if canonical_name(pair[0]) not in taken)
    return replace(below, headers=Headers([*above, *kept]))


def write_escaped(uri: SipUri, headers: Iterable[tuple[str, str]]) -> str:
    """The URI with `headers` escaped behind its own."""
    return build_uri(replace(uri, headers=(*uri.headers, *headers)))


def _first_uri(value: str | None) -> SipUri | None:
    for member in split_list(value or ""):
        try:
            return parse_addr(member)
        except UriError:
            continue
    return None


def _is_context(name: str) -> bool:
    return name.lower() not in _VOUCHED and is_header_name(name) and not is_protected(name)
