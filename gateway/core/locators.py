"""Locators: where a value lives in a message, as text of the configuration, as a reader, and as a header to write.

`parse_locator` checks the text once; `reader_for` turns it into a function for one side's ways, so nothing is decided
again while a call waits. Knows nothing of fields.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from gateway.core.frozen import frozen
from gateway.core.headers import canonical_name, is_header_name
from gateway.core.message import SipMessage
from gateway.core.payload import parse_items, parse_whole
from gateway.core.plan import Dialect
from gateway.core.refusal import Refusal
from gateway.core.sanitise import find_control
from gateway.core.uri import NameAddr, SipUri, parse_name_addr, parse_uri, split_list
from gateway.core.uui import UuiSetup, parse_uui
from gateway.errors import UriError


class Kind(enum.StrEnum):
    """The word before a locator's colon."""

    HEADER = "header"
    VAR = "var"
    SIP = "sip"
    CONST = "const"
    CALL = "call"
    UUI = "uui"


@dataclass(frozen=True, slots=True)
class Locator:
    """A checked locator: `text` as configured, and its two halves; `uui` alone has no name."""

    text: str
    kind: Kind
    name: str = ""

    @property
    def writable(self) -> bool:
        """Whether a value can be put there; otherwise it can only be read."""
        return self.kind in (Kind.HEADER, Kind.VAR, Kind.UUI)

    def shown(self, private: bool) -> str:
        """The locator for others to see; a constant of a private field is its value."""
        return f"{Kind.CONST}:***" if private and self.kind is Kind.CONST else self.text


@frozen
class CallFacts:
    """What the gateway itself knows of a call: our id, the trunk and the address the message came from."""

    id: str
    trunk: str
    source_address: str


@dataclass(slots=True)
class Origin:
    """What a reader reads from. `items` are those of its User-to-User, kept from the first reader that needs them."""

    message: SipMessage
    facts: CallFacts
    direction: str
    items: Mapping[str, Sequence[str]] | Refusal | None = field(default=None, init=False)


@dataclass(frozen=True, slots=True)
class Ways:
    """How one side writes what has no fixed place: its variables and its User-to-User."""

    dialect: Dialect
    uui: UuiSetup


Reader = Callable[[Origin], Sequence[str] | Refusal]
"""Every value found, in order (none: an empty sequence), or why what is there cannot be read."""

UUI_HEADER = "User-to-User"

_VAR_PREFIXES = MappingProxyType({Dialect.ASTERISK: "X-PBX-", Dialect.HEADERS: "X-PBX-", Dialect.FREESWITCH: "X-"})
_UUI_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_VAR_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUEST_PARAM = "request.param."


def parse_locator(text: str) -> Locator:
    """Check a locator's text.

    Raises:
        ValueError: with the complete sentence.
    """
    word, colon, name = text.partition(":")
    if text == Kind.UUI:
        return Locator(text, Kind.UUI)
    check = _NAME_CHECKS.get(word) if colon else None
    if check is None:
        known = " ".join(f"{kind}:" for kind in _NAME_CHECKS)
        raise ValueError(f"{text!r} is not a locator: it is neither uui nor starts with one of {known}.")
    problem = check(name)
    if problem:
        raise ValueError(f"{text!r} is not a locator: {problem}.")
    return Locator(text, Kind(word), name)


def _header_problem(name: str) -> str | None:
    return None if is_header_name(name) else f"{name!r} is not a header name (letters, digits and -.!%*_+`'~ only)"


def _var_problem(name: str) -> str | None:
    return None if _VAR_NAME.fullmatch(name) else f"{name!r} is not a variable name (letters, digits and _ only)"


def _uui_problem(name: str) -> str | None:
    if _UUI_KEY.fullmatch(name):
        return None
    return f"{name!r} is not a key of User-to-User (letters, digits and _.- only, a letter or _ first)"


def _sip_problem(name: str) -> str | None:
    if name in _SIP_READERS or (name.startswith(_REQUEST_PARAM) and is_header_name(name.removeprefix(_REQUEST_PARAM))):
        return None
    return f"sip: knows {', '.join(_SIP_READERS)} and {_REQUEST_PARAM}NAME"


def _const_problem(name: str) -> str | None:
    if not name.strip(" "):
        return "const: needs a text"
    return None if find_control(name) is None else "const: cannot hold control characters"


def _call_problem(name: str) -> str | None:
    return None if name in _CALL_READERS else f"call: knows {', '.join(_CALL_READERS)}"


_NAME_CHECKS: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {
        Kind.HEADER.value: _header_problem,
        Kind.VAR.value: _var_problem,
        Kind.SIP.value: _sip_problem,
        Kind.CONST.value: _const_problem,
        Kind.CALL.value: _call_problem,
        Kind.UUI.value: _uui_problem,
    }
)


def target_header(locator: Locator, dialect: Dialect) -> str:
    """The header a writable locator stands for on the wire."""
    if locator.kind is Kind.UUI:
        return UUI_HEADER
    if locator.kind is Kind.HEADER:
        return locator.name
    name = locator.name if dialect is Dialect.FREESWITCH else locator.name.replace("_", "-")
    return _VAR_PREFIXES[dialect] + name


def reader_for(locator: Locator, ways: Ways) -> Reader:
    """The function that reads what `locator` names on a side with these ways."""
    return _READERS[locator.kind](locator, ways)


def _header_reader(locator: Locator, ways: Ways) -> Reader:
    name = canonical_name(target_header(locator, ways.dialect))
    return lambda origin: origin.message.headers.by_name.get(name, ())


def _uui_reader(locator: Locator, ways: Ways) -> Reader:
    if locator.name:
        return _item_reader(locator.name, ways.uui)

    def read_payload(origin: Origin) -> Sequence[str] | Refusal:
        payload = parse_uui(origin.message.headers.all(UUI_HEADER), ways.uui)
        if payload is None or isinstance(payload, Refusal):
            return payload or ()
        return (parse_whole(payload, ways.uui.format),)

    return read_payload


def _item_reader(key: str, setup: UuiSetup) -> Reader:
    def read_item(origin: Origin) -> Sequence[str] | Refusal:
        if origin.items is None:
            origin.items = _read_items(origin.message, setup)
        return origin.items if isinstance(origin.items, Refusal) else origin.items.get(key, ())

    return read_item


def _read_items(message: SipMessage, setup: UuiSetup) -> Mapping[str, Sequence[str]] | Refusal:
    payload = parse_uui(message.headers.all(UUI_HEADER), setup)
    items = parse_items(payload, setup.format) if isinstance(payload, str) else payload or []
    if isinstance(items, Refusal):
        return items
    by_key: dict[str, list[str]] = {}
    for key, value in items:
        by_key.setdefault(key, []).append(value)
    return by_key


def _const_reader(locator: Locator, _: Ways) -> Reader:
    return lambda _: (locator.name,)


def _call_reader(locator: Locator, _: Ways) -> Reader:
    return _single(_CALL_READERS[locator.name])


def _sip_reader(locator: Locator, _: Ways) -> Reader:
    if locator.name.startswith(_REQUEST_PARAM):
        param = locator.name.removeprefix(_REQUEST_PARAM)
        return _single(lambda origin: _request_param(origin, param))
    return _single(_SIP_READERS[locator.name])


_READERS: Mapping[Kind, Callable[[Locator, Ways], Reader]] = MappingProxyType(
    {
        Kind.HEADER: _header_reader,
        Kind.VAR: _header_reader,
        Kind.SIP: _sip_reader,
        Kind.CONST: _const_reader,
        Kind.CALL: _call_reader,
        Kind.UUI: _uui_reader,
    }
)


def _single(read: Callable[[Origin], str | None]) -> Reader:
    def read_one(origin: Origin) -> Sequence[str]:
        value = read(origin)
        return () if value is None else (value,)

    return read_one


def _request_user(origin: Origin) -> str | None:
    uri = _request_uri(origin)
    return None if uri is None else uri.user


def _request_param(origin: Origin, name: str) -> str | None:
    uri = _request_uri(origin)
    return None if uri is None else uri.param(name)


def _request_uri(origin: Origin) -> SipUri | None:
    text = origin.message.request_uri
    try:
        return None if text is None else parse_uri(text)
    except UriError:
        return None


def _name_addrs(origin: Origin, header: str) -> Iterator[NameAddr]:
    """The readable values of a header that holds name-addr values; what is none is passed over."""
    for line in origin.message.headers.all(header):
        # From and To hold one value (RFC 3261, section 20), and some write a bare comma into its display name.
        for member in [line] if header in _SINGLE else split_list(line):
            try:
                yield parse_name_addr(member)
            except UriError:
                continue


_SINGLE = ("From", "To")


def _user_of(header: str) -> Callable[[Origin], str | None]:
    return lambda origin: next((value.uri.user for value in _name_addrs(origin, header) if value.uri.user), None)


def _display_of(header: str) -> Callable[[Origin], str | None]:
    return lambda origin: next((value.display for value in _name_addrs(origin, header) if value.display), None)


def _param_of(header: str, param: str) -> Callable[[Origin], str | None]:
    return lambda origin: next((value.param(param) for value in _name_addrs(origin, header)), None)


def _session_id(origin: Origin) -> str | None:
    """The local half of `Session-ID: LOCAL;remote=REMOTE` (RFC 7989, section 5)."""
    value = origin.message.headers.first("Session-ID")
    return None if value is None else value.partition(";")[0].rstrip(" \t")


_SIP_READERS: Mapping[str, Callable[[Origin], str | None]] = MappingProxyType(
    {
        "request.user": _request_user,
        "from.user": _user_of("From"),
        "from.display": _display_of("From"),
        "to.user": _user_of("To"),
        "pai.user": _user_of("P-Asserted-Identity"),
        "pai.display": _display_of("P-Asserted-Identity"),
        "rpid.user": _user_of("Remote-Party-ID"),
        "diversion.user": _user_of("Diversion"),
        "diversion.reason": _param_of("Diversion", "reason"),
        "call_id": lambda origin: origin.message.headers.first("Call-ID"),
        "session_id": _session_id,
        "source.address": lambda origin: origin.facts.source_address,
    }
)

_CALL_READERS: Mapping[str, Callable[[Origin], str | None]] = MappingProxyType(
    {
        "id": lambda origin: origin.facts.id,
        "direction": lambda origin: origin.direction,
        "trunk": lambda origin: origin.facts.trunk,
    }
)
