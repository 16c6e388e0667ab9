"""What a configuration without problems may still fail at: warnings for `gateway check`, which refuse nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from gateway.core.plan import Listener, Plan, Srtp, Transport, Trunk
from gateway.core.terms import Side
from gateway.settings.certificates import certificate_problems
from gateway.settings.endpoints import build_listener, uri_place

_EVERY_ADDRESS: Final = "0.0.0.0"
_LOOPBACK: Final = "127.0.0.1"


def doubts(plan: Plan, now: datetime) -> Iterator[str]:
    """Each with its place in the file."""
    for problem in certificate_problems(plan.tls, now) if plan.tls else ():
        yield f"{problem.place}: {problem.text}; {problem.advice}"
    for trunk in plan.trunks:
        yield from _loops(plan, trunk)
        for index, uri in enumerate(trunk.uris if trunk.side is Side.TWILIO else ()):
            yield from (f"trunks.{trunk.name}.uris[{index}]: {text}" for text in _twilio_doubts(trunk, uri))


def _loops(plan: Plan, trunk: Trunk) -> Iterator[str]:
    called = [(f"uris[{index}]", uri) for index, uri in enumerate(trunk.uris)]
    if trunk.register:
        called.append(("register.registrar", trunk.register.registrar))
    for place, uri in called:
        own = next((listener for listener in plan.listeners if _is_ours(uri, listener, plan.public_address)), None)
        if own:
            told = f"{uri} is the gateway itself ({build_listener(own)} in sip.listen); what is sent there comes back"
            yield f"trunks.{trunk.name}.{place}: {told}"


def _is_ours(uri: str, listener: Listener, public_address: str | None) -> bool:
    """As far as the file tells: names, and which other addresses this machine has, are not looked up."""
    transport, host, port = uri_place(uri)
    ours = {listener.host, public_address, _LOOPBACK if listener.host == _EVERY_ADDRESS else None}
    return (transport, port) == (listener.transport, listener.port) and host in ours


def _twilio_doubts(trunk: Trunk, uri: str) -> Iterator[str]:
    """What Twilio itself refuses, and a stand-in for it, or a proxy on the way, may take."""
    transport, host, _ = uri_place(uri)
    if _is_public_address(host):
        yield f"{host} is an address, and Twilio refuses calls that do not name a domain (403); write its name"
    if trunk.srtp is Srtp.REQUIRED and transport is not Transport.TLS:
        yield (
            f"srtp is required and goes out over {transport}, and Twilio takes it over TLS only (488, twilio_error "
            "32209 or 32207); write transport=tls, or srtp: off"
        )


def _is_public_address(host: str) -> bool:
    try:
        return IPv4Address(host).is_global
    except AddressValueError:
        return False
