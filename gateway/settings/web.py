"""What stands in the `twilio` section: an account, URLs of the web, and where a call goes on; no name is looked up."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from gateway.core.profiles import PROFILES
from gateway.core.uri import parse_uri
from gateway.errors import UriError
from gateway.settings.scalars import Refused, listed, parse_text, shown

_ACCOUNT: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_IDENTITY: Final = re.compile(r"[^\s?&]{1,121}")
_WEB: Final = ("https", "http")
_SENDS: Final = PROFILES["sip-domain"].sends


def parse_account_sid(value: object) -> str:
    """`AC` and 32 hexadecimal digits."""
    text = parse_text(value)
    if not _ACCOUNT.fullmatch(text):
        raise Refused(f"must be AC and 32 hexadecimal digits in lower case, not {shown(text)}")
    return text


def parse_identity(value: object) -> str:
    """The name that a Voice SDK client registered with."""
    text = parse_text(value)
    if not _IDENTITY.fullmatch(text):
        raise Refused(f"must be the identity of a client, without blanks, ? and &, not {shown(text)}")
    return text


def parse_sip_target(value: object) -> str:
    """Whom to call: a SIP URI with a user part, to which headers are added."""
    text = parse_text(value)
    try:
        uri = parse_uri(text)
    except UriError:
        uri = None
    if uri is None or uri.scheme != "sip" or not uri.user or uri.headers:
        raise Refused(f"must be sip:USER@HOST, such as sip:100@pbx.example.com;transport=tls, not {shown(text)}")
    assert _SENDS is not None
    if len(text) >= _SENDS.uri_characters:
        raise Refused(f"has {len(text)} characters; Twilio takes fewer than {_SENDS.uri_characters}")
    return text


def web_url(*schemes: str, query: bool = True) -> BeforeValidator:
    """A URL of one of these schemes; without `query` it has none."""

    def parse(value: object) -> str:
        text = parse_text(value)
        try:
            parts = urlsplit(text)
            sound = bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.scheme not in schemes or not re.fullmatch(r"[!-~]+", text) or parts.fragment:
            raise Refused(f"must be a URL of {listed(schemes)}, such as {schemes[0]}://app.example.com/voice")
        if parts.query and not query:
            raise Refused("has a query after `?`; leave it out")
        return text

    return BeforeValidator(parse)


AccountSid = Annotated[str, BeforeValidator(parse_account_sid)]
Identity = Annotated[str, BeforeValidator(parse_identity)]
SipTarget = Annotated[str, BeforeValidator(parse_sip_target)]
WebUrl = Annotated[str, web_url(*_WEB)]
BareWebUrl = Annotated[str, web_url(*_WEB, query=False)]
StreamUrl = Annotated[str, web_url("wss", query=False)]
