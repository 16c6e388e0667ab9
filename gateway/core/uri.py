"""SIP and tel URIs and name-addr values as data (RFC 3261, sections 19.1, 20.10 and 25.1; RFC 3966).

`parse_x` and `build_x` undo each other. Reading takes time linear in the text and raises nothing but `UriError`.
Passwords in URIs are read over and never kept.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote, unquote

from gateway.core.frozen import frozen
from gateway.core.headers import is_token
from gateway.core.octets import build_octets
from gateway.errors import UriError

Params = tuple[tuple[str, str | None], ...]

_SCHEMES = ("sip", "sips", "tel")
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?")
# A URI as nearly all are, in which every part stands for itself.
_PLAIN = re.compile(r"(sips?):([A-Za-z0-9+._~-]+)@([A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
# What no URI holds unescaped: it would end the URI, the value or the header it stands in.
_NEVER = re.compile(r'[\x00-\x20\x7f<>"]')

# unreserved and what each part adds to it (RFC 3261, section 25.1)
_MARK = "-_.!~*'()"
_USER_SAFE = _MARK + "&=+$,;?/"
_PARAM_SAFE = _MARK + "[]/:&+$"
_HEADER_SAFE = _MARK + "[]/?:+$"
_SAFE_USER = re.compile(f"[A-Za-z0-9{re.escape(_USER_SAFE)}]*")

_QUOTED = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')
# Pieces of a list; an unfinished quote or bracket runs to the end. One of the pieces matches at every position.
_PIECE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|<[^>]*+>?|[^",;<]++|\\|[,;]', re.DOTALL)


@frozen
class SipUri:
    """One URI, unescaped. `host` has no brackets around an IPv6 address; of `tel:` it is empty, `user` the number."""

    scheme: str
    user: str
    host: str
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()

    def param(self, name: str) -> str | None:
        """The value of a parameter (any case); empty for one without a value, None without the parameter."""
        return find_param(self.params, name)


@frozen
class NameAddr:
    """A From, To, P-Asserted-Identity ... value: display name (unquoted), URI, and the parameters after it."""

    display: str
    uri: SipUri
    params: Params = ()

    def param(self, name: str) -> str | None:
        """The value of a header parameter (any case); empty for one without a value, None without the parameter."""
        return find_param(self.params, name)


def find_param(params: Params, name: str) -> str | None:
    """The first parameter of that name in any case: its value, empty without one, None when it is not there."""
    wanted = name.lower()
    return next((value or "" for key, value in params if key.lower() == wanted), None)


def parse_uri(text: str) -> SipUri:
    """Read a `sip:`, `sips:` or `tel:` URI; the user part ends at the first `@`.

    Raises:
        UriError: it is none, or a part of it is malformed.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        scheme, user, host, port = plain.groups()
        return SipUri(scheme, user, host, _parse_port(port))
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in _SCHEMES or _NEVER.search(rest):
        raise UriError("not a sip, sips or tel URI")
    if scheme == "tel":
        return _parse_tel(rest)
    userinfo, at, place = rest.partition("@")
    if not at:
        userinfo, place = "", rest
    place, _, headers = place.partition("?")
    host_port, _, params = place.partition(";")
    host, port = _parse_host_port(host_port)
    user = _unescape(userinfo.partition(":")[0])
    return SipUri(scheme, user, host, port, _parse_uri_params(params), _parse_uri_headers(headers))


def build_uri(uri: SipUri) -> str:
    """Write a URI, each part escaped as its place in the grammar asks."""
    params = "".join(f";{_build_pair(name, value, _PARAM_SAFE)}" for name, value in uri.params)
    if uri.scheme == "tel":
        return f"tel:{_escape(uri.user, _USER_SAFE.replace(';', ''))}{params}"
    user = f"{escape_user(uri.user)}@" if uri.user else ""
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    port = "" if uri.port is None else f":{uri.port}"
    headers = "&".join(_build_pair(name, value, _HEADER_SAFE) for name, value in uri.headers)
    return f"{uri.scheme}:{user}{host}{port}{params}{'?' if headers else ''}{headers}"


def escape_user(user: str) -> str:
    """A user part with everything escaped that may not stand there as it is."""
    return user if _SAFE_USER.fullmatch(user) else _escape(user, _USER_SAFE)


def parse_name_addr(text: str) -> NameAddr:
    """Read `"Display" <uri>;params`, `Display <uri>` or a bare `uri;params` (there the parameters are the header's).

    Raises:
        UriError: it has no URI of ours, or the display name is malformed.
    """
    display, uri, params = _split_name_addr(text)
    return NameAddr(display, parse_uri(uri), parse_params(params))


def parse_addr(text: str) -> SipUri:
    """Read the URI alone of what `parse_name_addr` reads.

    Raises:
        UriError: as there.
    """
    return parse_uri(_split_name_addr(text)[1])


def build_name_addr(value: NameAddr) -> str:
    """Write the value with its URI in angle brackets; a display name is quoted always."""
    display = f"{quote_string(value.display)} " if value.display else ""
    params = "".join(f";{_build_header_param(name, param)}" for name, param in value.params)
    return f"{display}<{build_uri(value.uri)}>{params}"


def parse_params(text: str) -> Params:
    """Read `;name=value;name` as it follows a header's value; quoted values are unquoted, malformed names left out."""
    params: list[tuple[str, str | None]] = []
    for piece in split_at(text, ";"):
        name, equals, value = piece.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if is_token(name):
            params.append((name, unquote_string(value) if equals else None))
    return tuple(params)


def split_list(value: str) -> list[str]:
    """The members of a comma list (RFC 3261, section 7.3.1), blanks around them taken off, empty ones left out.

    Commas inside quotes or angle brackets are part of a member.
    """
    return [member for member in split_at(value, ",") if member]


def split_at(value: str, separator: str) -> list[str]:
    """The parts of `value` between separators (`,` or `;`) that stand outside quotes and angle brackets, trimmed."""
    if '"' not in value and "<" not in value:
        return [part.strip(" \t") for part in value.split(separator)]
    if separator not in value:
        return [value.strip(" \t")]
    parts: list[list[str]] = [[]]
    for piece in _PIECE.findall(value):
        if piece == separator:
            parts.append([])
        else:
            parts[-1].append(piece)
    return ["".join(part).strip(" \t") for part in parts]


def quote_string(text: str) -> str:
    """`text` as a quoted-string."""
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'


def unquote_string(text: str) -> str:
    """What a quoted-string says; anything else as it is."""
    quoted = _QUOTED.fullmatch(text)
    return text if quoted is None else _unquote(quoted[1])


def _split_name_addr(text: str) -> tuple[str, str, str]:
    """The display name, and the URI and the parameters as they are written."""
    display, rest = _parse_display(text.strip(" \t"))
    if rest.startswith("<"):
        uri, closed, params = rest[1:].partition(">")
        if not closed:
            raise UriError("the '<' before the URI has no '>' after it")
        return display, uri.strip(" \t"), params
    uri, semicolon, params = rest.partition(";")
    return display, uri.rstrip(" \t"), semicolon + params


def _parse_display(text: str) -> tuple[str, str]:
    """The display name and what follows it; an empty name when the text starts with the URI."""
    quoted = _QUOTED.match(text)
    if quoted is not None:
        return _unquote(quoted[1]), text[quoted.end() :].lstrip(" \t")
    words, bracket, rest = text.partition("<")
    if not bracket:
        return "", text
    return words.strip(" \t"), bracket + rest


def _unquote(inside: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", inside) if "\\" in inside else inside


def _parse_tel(rest: str) -> SipUri:
    number, _, params = rest.partition(";")
    if not number:
        raise UriError("a tel URI needs a number")
    return SipUri("tel", _unescape(number), "", None, _parse_uri_params(params))


def _parse_host_port(text: str) -> tuple[str, int | None]:
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        raise UriError("the host of the URI is malformed")
    host, port = found[1], _parse_port(found[2])
    if host.startswith("["):
        return _parse_ipv6(host[1:-1]), port
    if _HOST.fullmatch(host) is None:
        raise UriError("the host of the URI is malformed")
    return host, port


def _parse_port(digits: str | None) -> int | None:
    if digits is None:
        return None
    port = int(digits)
    if not 0 < port < 65536:
        raise UriError("the port of the URI is not between 1 and 65535")
    return port


def _parse_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise UriError("the host of the URI is not an IPv6 address")
    return text


def _parse_uri_params(text: str) -> Params:
    params: list[tuple[str, str | None]] = []
    for piece in text.split(";"):
        name, equals, value = piece.partition("=")
        if name:
            params.append((_unescape(name), _unescape(value) if equals else None))
    return tuple(params)


def _parse_uri_headers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (piece.partition("=") for piece in text.split("&"))
    return tuple((_unescape(name), _unescape(value)) for name, _, value in pairs if name)


def _build_pair(name: str, value: str | None, safe: str) -> str:
    return _escape(name, safe) if value is None else f"{_escape(name, safe)}={_escape(value, safe)}"


def _build_header_param(name: str, value: str | None) -> str:
    if value is None:
        return name
    return f"{name}={value if is_token(value) else quote_string(value)}"


def _escape(text: str, safe: str) -> str:
    return quote(build_octets(text), safe=safe)


def _unescape(text: str) -> str:
    """Escapes resolved; one that is none (`%zz`) stays as it is."""
    return unquote(text, errors="surrogateescape") if "%" in text else text
