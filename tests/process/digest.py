"""Digest by hand: challenges as Twilio's, and whether an answer is the one that only the password gives."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from gateway.bridge.outcome import PHRASES
from tests.process.wire import WirePeer

USERNAME, PASSWORD = "gw-user", "correct horse; battery"
REALM = "sip.twilio.com"
CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


def challenge(peer: WirePeer, invite: str, code: int, nonce: str, *others: str) -> str:
    """As Twilio does it: qop, opaque, and no algorithm, which means MD5; behind other challenges."""
    name, _ = CHALLENGES[code]
    value = f'Digest realm="{REALM}",qop="auth",nonce="{nonce}",opaque="{nonce[::-1]}"'
    return peer.reply(invite, f"{code} {PHRASES[code]}", *(f"{name}: {one}" for one in (*others, value)))


def is_right(credentials: str, method: str) -> bool:
    """Whether the response is the one that only the password gives (RFC 2617, section 3.2.2.1)."""
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^",]+))', credentials)
    given = {name: quoted or bare for name, quoted, bare in found}
    return (given["username"], given["realm"], given["response"]) == (USERNAME, REALM, response(given, method))


def response(given: Mapping[str, str], method: str) -> str:
    """What only the password gives for these parameters."""
    secret = _digest(USERNAME, REALM, PASSWORD)
    request = _digest(method, given["uri"])
    return _digest(secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], request)


def credentials(method: str, uri: str) -> str:
    """The right ones of somebody who knows the password and whom nobody asked for it."""
    given = {"uri": uri, "nonce": "0f1e2d", "nc": "00000001", "cnonce": "c0ffee", "qop": "auth"}
    named = {"username": USERNAME, "realm": REALM, **given, "response": response(given, method)}
    told = "Digest " + ", ".join(f'{name}="{value}"' for name, value in named.items())
    assert is_right(told, method)
    return told


def _digest(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode()).hexdigest()
