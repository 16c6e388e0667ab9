"""The digest challenge of a SIP Domain and the check of its answer: MD5 with qop=auth (RFC 2617). Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Container, Mapping

REALM = "sip.twilio.com"
_PARAM = re.compile(r'([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


def build_challenge(nonce: str) -> str:
    """A Proxy-Authenticate as Twilio's: no algorithm, which means MD5."""
    return f'Digest realm="{REALM}",qop="auth",nonce="{nonce}",opaque=""'


def is_answered(authorization: str, method: str, credentials: Mapping[str, str], nonces: Container[str]) -> bool:
    """Whether a Proxy-Authorization answers one of our challenges with a user and password of `credentials`."""
    if not authorization.lower().startswith("digest "):
        return False
    given = {name.lower(): quoted or plain for name, quoted, plain in _PARAM.findall(authorization[len("digest ") :])}
    password = credentials.get(given.get("username", ""))
    if password is None or given.get("nonce") not in nonces or given.get("realm") != REALM:
        return False
    secret = _md5(f"{given['username']}:{REALM}:{password}")
    request = _md5(f"{method}:{given.get('uri', '')}")
    parts = (secret, given["nonce"], given.get("nc", ""), given.get("cnonce", ""), given.get("qop", ""), request)
    return hmac.compare_digest(_md5(":".join(parts)), given.get("response", ""))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
