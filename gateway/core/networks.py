"""Addresses a trunk may be allowed from: networks as text, and the ranges a provider publishes, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, ip_network
from types import MappingProxyType

from gateway.core.plan import Network

PUBLISHED_RANGES: Mapping[str, tuple[IPv4Network, ...]] = MappingProxyType(
    {
        # Twilio, "SIP IP addresses": signalling of every edge, UDP and TCP 5060, TLS 5061.
        "twilio": (
            IPv4Network("54.172.60.0/30"),  # ashburn, us1
            IPv4Network("54.244.51.0/30"),  # umatilla, us2
            IPv4Network("54.171.127.192/30"),  # dublin, ie1
            IPv4Network("35.156.191.128/30"),  # frankfurt, de1
            IPv4Network("54.65.63.192/30"),  # tokyo, jp1
            IPv4Network("54.169.127.128/30"),  # singapore, sg1
            IPv4Network("54.252.254.64/30"),  # sydney, au1
            IPv4Network("177.71.206.192/30"),  # sao-paulo, br1
        ),
    }
)
"""Signalling ranges by the name that stands for them in `allow`."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks that one entry of `allow` stands for: a published name, an address, or a network.

    Raises:
        ValueError: with the complete sentence.
    """
    if text in PUBLISHED_RANGES:
        return PUBLISHED_RANGES[text]
    try:
        return (ip_network(text),)
    except ValueError:
        known = ", ".join(sorted(PUBLISHED_RANGES))
        raise ValueError(f"{text!r} is neither a network such as '10.0.0.0/24' nor a known name ({known}).") from None
