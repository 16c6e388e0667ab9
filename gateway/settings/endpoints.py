"""Addresses as settings write them: listeners, SIP URIs, networks, port ranges; parsing only, no name is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, ip_network
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer

from gateway.core.networks import PUBLISHED_RANGES, parse_networks
from gateway.core.plan import Listener, Network, Transport
from gateway.settings.document import Unquoted
from gateway.settings.scalars import Refused, listed, parse_text, shown

FIRST_UNPRIVILEGED_PORT: Final = 1024
LAST_PORT: Final = 65535

_TRANSPORTS: Final = [transport.value for transport in Transport]
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_RANGE: Final = re.compile(r"([1-9][0-9]{0,4})-([1-9][0-9]{0,4})", re.ASCII)
_LONGEST_NAME: Final = 253
_INTERFACES: Final = ("ami", "http", "https")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where a TCP server listens: `127.0.0.1:9464`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PortRange:
    """UDP ports for media, both ends included: `20000-29999`."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Allowed:
    """Who may send, as written and as networks."""

    text: str
    networks: tuple[Network, ...]

    def __str__(self) -> str:
        return self.text


def parse_address(text: str) -> str:
    """An IPv4 address in its usual form."""
    if ":" in text:
        raise Refused(f"{shown(text)} looks like IPv6, which is not available in this version; use an IPv4 address")
    try:
        return str(IPv4Address(text))
    except AddressValueError:
        raise Refused(f"{shown(text)} is not an IP address, such as 192.0.2.10") from None


def parse_public_address(value: object) -> str:
    """An address that peers can send to."""
    address = parse_address(parse_text(value))
    parsed = IPv4Address(address)
    if parsed.is_unspecified or parsed.is_multicast or address == "255.255.255.255":
        raise Refused(f"{address} is not an address that a peer can send to; use the one it reaches us at")
    return address


def parse_port(text: str) -> int:
    """A port number, 1 to 65535."""
    if _PORT.fullmatch(text) and int(text) <= LAST_PORT:
        return int(text)
    raise Refused(f"{shown(text)} is not a port; a port is a number from 1 to {LAST_PORT}")


def parse_host_port(value: object) -> HostPort:
    """`ADDRESS:PORT` of this machine; 0.0.0.0 stands for all its addresses."""
    text = parse_text(value)
    host, colon, port = text.rpartition(":")
    if not colon or "/" in text:
        raise Refused(f"must be ADDRESS:PORT, such as 127.0.0.1:9464, not {shown(text)}")
    return HostPort(parse_address(host), parse_port(port))


def parse_listener(value: object) -> Listener:
    """`TRANSPORT://ADDRESS:PORT` of this machine."""
    text = parse_text(value)
    transport, mark, place = text.partition("://")
    if not mark or transport not in _TRANSPORTS or ":" not in place:
        raise Refused(
            f"must be TRANSPORT://ADDRESS:PORT with transport {listed(_TRANSPORTS)}, "
            f"such as udp://0.0.0.0:5060, not {shown(text)}"
        )
    at = parse_host_port(place)
    return Listener(Transport(transport), at.host, at.port)


def build_listener(listener: Listener) -> str:
    """The twin of `parse_listener`."""
    return f"{listener.transport}://{listener.host}:{listener.port}"


def parse_port_range(value: object) -> PortRange:
    """`FIRST-LAST`. RTP takes the even port of a pair and RTCP the odd one above it (RFC 3550, section 11)."""
    text = value if isinstance(value, Unquoted) else parse_text(value)  # quotes would not make a number a range
    match = _RANGE.fullmatch(text)
    if not match:
        raise Refused(f"must be FIRST-LAST, such as 20000-29999, not {shown(text)}")
    first, last = parse_port(match[1]), parse_port(match[2])
    if first < FIRST_UNPRIVILEGED_PORT:
        raise Refused(f"must start at port {FIRST_UNPRIVILEGED_PORT} or above, not {first}")
    if last <= first:
        raise Refused(f"must end above its start, and {last} is not above {first}")
    if first % 2:
        raise Refused(f"must start at an even port, as RTP does; use {first + 1}-{last} instead of {first}-{last}")
    return PortRange(first, last)


def parse_uri(value: object) -> str:
    """`sip:HOST[:PORT][;transport=udp|tcp|tls]`: where a trunk's calls go (RFC 3261, section 19.1, without a user)."""
    text = parse_text(value)
    scheme, colon, rest = text.partition(":")
    if scheme.lower() == "sips" and colon:
        raise Refused("uses `sips:`, which Twilio does not take; write sip:HOST;transport=tls")
    if scheme.lower() != "sip" or not colon:
        raise Refused("must be a SIP URI, such as sip:10.0.0.5:5060 or sip:pbx.example.com;transport=tcp")
    if "@" in rest:
        raise Refused("has a user part; leave it out: the call says who is called, and a route can change it")
    if "?" in rest:
        raise Refused("has headers after `?`; leave them out: context.fields say what is sent")
    place, *parameters = rest.split(";")
    _check_place(place)
    _check_parameters(parameters)
    return f"sip:{rest}"


def parse_interface(value: object) -> str:
    """Where variables of a PBX can be set: `http://HOST:PORT/ari`, the same with https, or `ami://HOST:PORT`."""
    text = parse_text(value)
    scheme, mark, rest = text.partition("://")
    place, slash, path = rest.partition("/")
    if "@" in rest:  # and what stands before it must not be shown
        raise Refused("has a user part; leave it out: username and password are settings of their own")
    if not mark or scheme not in _INTERFACES:
        raise Refused(
            f"must be ami://HOST:PORT, or http:// or https:// with the path of ARI, "
            f"such as http://10.0.0.5:8088/ari, not {shown(text)}"
        )
    _check_place(place)
    if scheme == "ami" and (":" not in place or slash):
        raise Refused(f"must be ami://HOST:PORT, such as ami://10.0.0.5:5038, not {shown(text)}")
    if scheme != "ami" and not _PATH.fullmatch(path):
        raise Refused(f"has no path of ARI, such as http://10.0.0.5:8088/ari, but {shown(path)}")
    return text


def uri_transport(uri: str) -> Transport:
    """The transport of a checked URI; UDP unless it says another (RFC 3263, section 4.1, without DNS)."""
    _, mark, transport = uri.lower().partition(";transport=")
    return Transport(transport) if mark else Transport.UDP


def default_port(transport: Transport) -> int:
    """Where SIP is without a port (RFC 3263, section 4.2)."""
    return 5061 if transport is Transport.TLS else 5060


def uri_place(uri: str) -> tuple[Transport, str, int]:
    """Where a checked URI is, however it is written."""
    transport = uri_transport(uri)
    host, _, port = uri.removeprefix("sip:").partition(";")[0].partition(":")
    return transport, host.removesuffix(".").lower(), int(port or default_port(transport))


def parse_allowed(value: object) -> Allowed:
    """Who may send: an address, a network, or the name under which a provider publishes its own."""
    text = parse_text(value)
    if text in PUBLISHED_RANGES:
        return Allowed(text, parse_networks(text))
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        known = listed(PUBLISHED_RANGES)
        raise Refused(
            f"{shown(text)} is no address, network such as 10.0.0.0/24, or name of published ranges ({known})"
        ) from None
    if network.version == 6:
        raise Refused(f"{shown(text)} is IPv6, which is not available in this version; use IPv4")
    address = text.partition("/")[0]
    if str(network.network_address) != address:
        raise Refused(f"{shown(text)} is no network: write {network} for all of it, {address} for the one address")
    return Allowed(text, (network,))


def _check_place(place: str) -> None:
    if place.startswith("["):
        raise Refused("has an IPv6 address, which is not available in this version; use IPv4 or a name")
    host, colon, port = place.partition(":")
    if colon:
        parse_port(port)
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(f"has no host that can be called: {shown(host)} is neither a name nor an IP address")
    if labels[-1].isdigit():
        parse_address(host)


def _check_parameters(parameters: list[str]) -> None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() != "transport":
            raise Refused(f"has the parameter {shown(name)}, and only transport={listed(_TRANSPORTS)} is known")
        if value.lower() not in _TRANSPORTS:
            raise Refused(f"has transport {shown(value)}; it can be {listed(_TRANSPORTS)}")
    if len(parameters) > 1:
        raise Refused("has the parameter 'transport' twice; keep one")


ListenerText = Annotated[Listener, BeforeValidator(parse_listener), PlainSerializer(build_listener)]
HostPortText = Annotated[HostPort, BeforeValidator(parse_host_port), PlainSerializer(str)]
PortRangeText = Annotated[PortRange, BeforeValidator(parse_port_range), PlainSerializer(str)]
PublicAddress = Annotated[str, BeforeValidator(parse_public_address)]
Uri = Annotated[str, BeforeValidator(parse_uri)]
Interface = Annotated[str, BeforeValidator(parse_interface)]
AllowedText = Annotated[Allowed, BeforeValidator(parse_allowed), PlainSerializer(str)]
