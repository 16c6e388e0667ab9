"""Whom a REFER asks us to call, and which dialog an INVITE takes the place of (RFC 3515, RFC 3891); decides nothing.

`parse_replaces` and `build_replaces` undo each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gateway.core.headers import canonical_name, is_token
from gateway.core.message import SipMessage
from gateway.core.uri import SipUri, find_param, parse_addr, parse_params, split_list
from gateway.errors import MessageError

_WORD = r"[A-Za-z0-9\-.!%*_+`'~()<>:\\\"/\[\]?{}]+"
_CALL_ID = re.compile(f"{_WORD}(?:@{_WORD})?")


_TARGET_PARAMS = frozenset({"user", "ext", "phone-context"})
"""What a URI may say of a target besides its user; of all else, nobody knows that it names no host."""


@dataclass(frozen=True, slots=True)
class DialogId:
    """A dialog as the one sees it who is sent its Replaces: `to_tag` is his own tag."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False
    """Whether it is meant only as long as it is not answered."""


@dataclass(frozen=True, slots=True)
class Referral:
    """What a REFER asks for: a call to `uri`, in the place of a dialog or as a new one."""

    uri: SipUri
    replaces: DialogId | None = None


def parse_referral(message: SipMessage) -> Referral:
    """Read a REFER.

    Raises:
        MessageError: it names nobody to call, or more than one, or asks for something else than a call.
        UriError: whom it names cannot be read.
    """
    named = [member for value in message.headers.all("Refer-To") for member in split_list(value)]
    if len(named) != 1:
        raise MessageError(f"a REFER has one Refer-To, not {len(named)}")
    uri = parse_addr(named[0])
    if (uri.param("method") or "INVITE") != "INVITE":
        raise MessageError("a REFER asks for a call, for no other method")
    replaces = [value for name, value in uri.headers if canonical_name(name) == "replaces"]
    return Referral(uri, parse_replaces(replaces[0]) if replaces else None)


def at_home(target: SipUri, home: SipUri) -> SipUri:
    """The target as somebody at `home` knows it: its user there, and nothing of the network that it was named in."""
    params = tuple(pair for pair in target.params if _says_no_host(*pair))
    if target.scheme == "tel":
        return replace(target, params=params, headers=())
    return SipUri(home.scheme, target.user, home.host, home.port, params)


def _says_no_host(name: str, value: str | None) -> bool:
    """The context of a local number can be a domain (RFC 3966, section 5.1.5)."""
    lower = name.lower()
    return lower in _TARGET_PARAMS and (lower != "phone-context" or (value or "").startswith("+"))


def parse_replaces(value: str) -> DialogId:
    """Read the value of Replaces.

    Raises:
        MessageError: it names no dialog.
    """
    call_id, _, rest = value.partition(";")
    call_id, params = call_id.strip(" \t"), parse_params(rest)
    to_tag, from_tag = (find_param(params, name) or "" for name in ("to-tag", "from-tag"))
    if _CALL_ID.fullmatch(call_id) is None or not is_token(to_tag) or not is_token(from_tag):
        raise MessageError("Replaces names a Call-ID and both tags")
    return DialogId(call_id, to_tag, from_tag, find_param(params, "early-only") is not None)


def build_replaces(dialog: DialogId) -> str:
    """The value of Replaces."""
    early = ";early-only" if dialog.early_only else ""
    return f"{dialog.call_id};to-tag={dialog.to_tag};from-tag={dialog.from_tag}{early}"
