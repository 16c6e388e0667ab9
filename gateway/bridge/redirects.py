"""Where a call goes on after a 3xx: at a Contact within the trunk's own URIs and nowhere else.

Whoever is called must not be able to send a call to any place of its choice, at our cost and past the routes.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.bridge.call import Call
from gateway.core.message import SipMessage
from gateway.core.plan import Redirect, Trunk
from gateway.core.routing import MAX_USER_CHARACTERS, request_uri
from gateway.core.uri import SipUri, parse_addr, parse_uri, split_list
from gateway.errors import PeerError

MOST_REDIRECTS = 5
"""Of one call, and of each of its transfers; two peers can send it to each other without end."""


def follow(call: Call, trunk: Trunk, code: int, message: SipMessage | None) -> bool:
    """Whether the call goes on: the next URI of the trunk to call is what the first usable Contact of a 3xx says."""
    if not 300 <= code < 400 or message is None or trunk.redirect is Redirect.REFUSE:
        return False
    if call.redirects >= MOST_REDIRECTS:
        return False
    for contact in _contacts(message):
        for uri in trunk.uris:
            if _is_at(contact, parse_uri(uri)):
                call.uris.insert(0, request_uri(uri, contact.user))
                call.redirects += 1
                return True
    return False


def _contacts(message: SipMessage) -> Iterator[SipUri]:
    """What can be called, in the order given; q-values are not weighed."""
    for value in message.headers.all("Contact"):
        for part in split_list(value):
            try:
                contact = parse_addr(part)
            except PeerError:
                continue
            if contact.scheme == "sip" and 0 < len(contact.user) <= MAX_USER_CHARACTERS:
                yield contact


def _is_at(contact: SipUri, ours: SipUri) -> bool:
    """Whether a Contact names the place of a trunk's URI; a transport it does not name is ours to choose."""
    transport = (ours.param("transport") or "udp").lower()
    default = 5061 if transport == "tls" else 5060
    same_place = contact.host.lower() == ours.host.lower() and (contact.port or default) == (ours.port or default)
    return same_place and (contact.param("transport") or transport).lower() == transport
