"""Digest by hand: challenges as Twilio's, and whether an answer is the one that only the password gives."""

from __future__ import annotations

import hashlib
import re

from gateway.bridge.outcome import PHRASES
from tests.process.wire import WirePeer

USERNAME, PASSWORD = "gw-user", "correct horse; battery"
REALM = "sip.twilio.com"
CHALLENGES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


def challenge(peer: WirePeer, invite: str, code: int, nonce: str) -> str:
    """As Twilio does it: qop, opaque, and no algorithm, which means MD5."""
    name, _ = CHALLENGES[code]
    value = f'Digest realm="{REALM}",qop="auth",nonce="{nonce}",opaque="{nonce[::-1]}"'
    return peer.reply(invite, f"{code} {PHRASES[code]}", f"{name}: {value}")


def is_right(credentials: str, method: str) -> bool:
    """Whether the response is the one that only the password gives (RFC 2617, section 3.2.2.1)."""
    given = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^",]+))', credentials)}

    def digest(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    secret = digest(USERNAME, REALM, PASSWORD)
    request = digest(method, given["uri"])
    wanted = digest(secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], request)
    return (given["username"], given["realm"], given["response"]) == (USERNAME, REALM, wanted)
