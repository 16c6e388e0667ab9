"""What a running gateway is made of, as frozen values.

`settings` builds a `Plan` from the configuration; the shells only read it. A call keeps the plan it started with, a
reload makes a new one. Nothing here does I/O; times are seconds, sizes are bytes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from gateway.core.terms import Side

if TYPE_CHECKING:
    from gateway.core.contract import Contract
    from gateway.core.profiles import Profile
    from gateway.core.routing import Route

Network = IPv4Network | IPv6Network


class Transport(enum.StrEnum):
    """SIP transports (RFC 3261, section 26.2.1 for TLS)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class MediaMode(enum.StrEnum):
    """Who carries RTP: we anchor it (`relay`), the peers talk straight (`direct`), or rtpengine does."""

    RELAY = "relay"
    DIRECT = "direct"
    RTPENGINE = "rtpengine"


class Srtp(enum.StrEnum):
    """SDES SRTP (RFC 4568) on a trunk."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class TransferMode(enum.StrEnum):
    """What becomes of a REFER from a trunk: we call whom it names, the other side is asked to, or nobody."""

    LOCAL = "local"
    RELAY = "relay"
    REJECT = "reject"


class Hold(enum.StrEnum):
    """What becomes of a hold that a peer asks for: we answer it alone, or the other side of the call is held too."""

    LOCAL = "local"
    RELAY = "relay"


class Redirect(enum.StrEnum):
    """What becomes of a 3xx: the call fails, or goes on at the Contact where that is one of the trunk's own URIs."""

    REFUSE = "refuse"
    FOLLOW = "follow"


class IdentityHeader(enum.StrEnum):
    """What a trunk can be told of a caller besides From."""

    ASSERTED = "asserted"
    REMOTE_PARTY = "remote-party"
    DIVERSION = "diversion"


class CallerSource(enum.StrEnum):
    """Which user goes into From of calls on a trunk: the caller's own, or, if there is one, who is asserted."""

    FROM = "from"
    ASSERTED = "asserted"


class Dialect(enum.StrEnum):
    """How a PBX names the headers that its dialplan turns into variables."""

    ASTERISK = "asterisk"
    FREESWITCH = "freeswitch"
    HEADERS = "headers"


@dataclass(frozen=True, slots=True)
class Listener:
    """One SIP socket: `udp://0.0.0.0:5060`."""

    transport: Transport
    host: str
    port: int


SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Those that the system trusts, where Debian keeps them."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files for TLS listeners and verification."""

    certificate: str
    private_key: str
    ca_list: str = SYSTEM_AUTHORITIES


@dataclass(frozen=True, slots=True)
class Media:
    """RTP settings; `first_port` to `last_port` inclusive, codecs in order of preference."""

    mode: MediaMode = MediaMode.RELAY
    first_port: int = 20000
    last_port: int = 29999
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    timeout_seconds: float = 300
    """How long a side may send no RTP before its call is ended; 0 is for ever."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process takes on."""

    calls: int = 500
    calls_per_second: int = 30
    ring_seconds: float = 60
    call_seconds: float = 14400
    response_seconds: float = 4
    """How long a URI may stay without any response before the next is tried (Twilio's own rule is 4 s)."""
    drain_seconds: float = 3600
    """How long a drain lets calls go on before it ends them."""
    stranger_answers_per_second: int = 20
    """How many requests of unknown sources are answered; beyond that there is silence."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Digest credentials (RFC 3261, section 22); the password never prints."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Where channel variables of a PBX can be set: ARI (`http://HOST:PORT/ari`) or AMI (`ami://HOST:PORT`)."""

    url: str
    username: str
    password: str = field(repr=False)
    timeout_seconds: float = 2
    """How long one question may take."""
    queue: int = 1000
    """How many writes may wait."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a trunk makes us known, and for how long at a time (RFC 3261, section 10)."""

    registrar: str
    expires_seconds: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as a trunk says and is told (RFC 3325)."""

    believed: bool = True
    """Whether what it asserts is taken for true."""
    trusted: bool = True
    """Whether it is told what a caller wants kept, and keeps it."""
    send: tuple[IdentityHeader, ...] = ()
    caller: CallerSource = CallerSource.FROM


@dataclass(frozen=True, slots=True)
class Trunk:
    """A peer we exchange calls with. `uris` are tried in order, each `sip:HOST[:PORT][;PARAMS]` without a user."""

    name: str
    side: Side
    profile: Profile
    uris: tuple[str, ...]
    allow: tuple[Network, ...]
    dialect: Dialect = Dialect.HEADERS
    srtp: Srtp = Srtp.OFF
    transfer: TransferMode = TransferMode.LOCAL
    auth: Credentials | None = None
    hold: Hold = Hold.LOCAL
    redirect: Redirect = Redirect.REFUSE
    session_expires_seconds: int = 1800
    """The session interval that we ask for (RFC 4028)."""
    write_back: WriteBack | None = None
    options_interval_seconds: float | None = None
    """How often each of `uris` is asked whether it is there; None: never, they count as being there."""
    register: Registration | None = None
    identity: Identity = Identity()
    account_sids: tuple[str, ...] = ()
    """Twilio accounts whose calls it takes; empty: all."""
    calls_per_second: int | None = None
    source_calls_per_second: int | None = None
    """As `calls_per_second`, of each address in `allow`."""
    symmetric_rtp: bool = False
    """Whether its audio goes to where its own first comes from, if `allow` has that, whatever SDP says."""
    rtp_dscp: int = 0


@dataclass(frozen=True, slots=True)
class Admin:
    """Where the admin HTTP server listens; a token guards whatever changes something."""

    host: str = "127.0.0.1"
    port: int = 9464
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Forward:
    """Where a call goes on at Twilio: one of a Voice SDK client, a SIP URI and a WebSocket."""

    client: str | None = None
    sip: str | None = None
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where we are asked what becomes of a call: where we listen, the URL that Twilio posts to, and the answer."""

    host: str
    port: int
    url: str
    forward: Forward


@dataclass(frozen=True, slots=True)
class Account:
    """A Twilio account: its credentials, and what we do there besides SIP."""

    sid: str
    token: str = field(repr=False)
    api_url: str = "https://api.twilio.com"
    webhook: Webhook | None = None
    caller: str | None = None
    """Who calls, where a call does not say."""
    answer_url: str | None = None
    """What Twilio asks when a call is answered, where the call does not say."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole configuration, checked and compiled. `hash` identifies it in metrics and records."""

    listeners: tuple[Listener, ...]
    trunks: tuple[Trunk, ...]
    routes: tuple[Route, ...]
    contract: Contract
    public_address: str | None = None
    sip_dscp: int = 0
    """How what we send is marked for routers on the way (RFC 2474), as `rtp_dscp` of a trunk."""
    tls: TlsFiles | None = None
    media: Media = Media()
    admin: Admin = Admin()
    limits: Limits = Limits()
    account: Account | None = None
    hash: str = ""
