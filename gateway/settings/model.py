"""What can be set, section by section: names, kinds, bounds and defaults. How settings fit together is in `checks`.

The description of a field completes the sentence "KEY is missing: …", so it says what to write.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gateway.core.fields import DEFAULT_PRIORITY, Duplicates, FieldType, Sensitivity
from gateway.core.mapping import MissingPolicy, Overflow
from gateway.core.plan import (
    SYSTEM_AUTHORITIES,
    CallerSource,
    Dialect,
    Hold,
    IdentityHeader,
    MediaMode,
    Redirect,
    Srtp,
    TransferMode,
)
from gateway.core.plan import Limits as PlannedLimits
from gateway.core.profiles import PROFILES, Characters
from gateway.core.terms import Direction, On, Side
from gateway.core.uui import DiscriminatorPlace, UuiEncoding, UuiFormat
from gateway.settings.endpoints import (
    AllowedText,
    HostPort,
    HostPortText,
    Interface,
    ListenerText,
    PortRange,
    PortRangeText,
    PublicAddress,
    Uri,
)
from gateway.settings.scalars import Flag, Lifted, Text, limit, seconds, whole, word
from gateway.settings.secret import AdminToken, Secret
from gateway.settings.steps import StepText
from gateway.settings.web import AccountSid, BareWebUrl, Identity, SipTarget, StreamUrl, WebUrl
from gateway.settings.words import (
    Discriminator,
    FilePath,
    HeaderPattern,
    HeaderValues,
    LocatorText,
    Name,
    PatternText,
    Token,
    Username,
    parse_default,
)

MOST_CALLS = 1000
"""Bridged calls of one process; the PJSIP build reserves two legs for each (config/pjsip/config_site.h)."""

LEAST_SESSION_SECONDS = 90
"""The shortest session interval there is (RFC 4028, section 5)."""

_LIMITS = PlannedLimits()

Dscp = Annotated[int, whole(0, 63, "")]


class Section(BaseModel):
    """A mapping of the file: unknown keys are refused, nothing is coerced.

    `essential` are keys that other settings are checked against: when one is bad, those checks would mislead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)
    essential: ClassVar[tuple[str, ...]] = ()


class Tls(Section):
    """PEM files for TLS."""

    certificate: FilePath = Field(description="the file with our certificate and its chain, PEM")
    private_key: FilePath = Field(description="the file with the certificate's private key, PEM")
    ca_list: FilePath = SYSTEM_AUTHORITIES


class Sip(Section):
    """Our own SIP sockets."""

    essential: ClassVar[tuple[str, ...]] = ("tls",)

    listen: tuple[ListenerText, ...] = Field(description='where to listen, such as ["udp://0.0.0.0:5060"]')
    public_address: PublicAddress | None = None
    dscp: Dscp = 0
    tls: Tls | None = None


class Media(Section):
    """Audio."""

    essential: ClassVar[tuple[str, ...]] = ("rtp_ports",)

    mode: Annotated[MediaMode, word([MediaMode.RELAY], later=[MediaMode.DIRECT, MediaMode.RTPENGINE])] = MediaMode.RELAY
    rtp_ports: PortRangeText = PortRange(20000, 29999)
    codecs: tuple[Annotated[str, word(["PCMU", "PCMA"])], ...] = ("PCMU", "PCMA")
    timeout_seconds: Annotated[float, seconds(0, 86400)] = 300


class Admin(Section):
    """The admin HTTP server."""

    essential: ClassVar[tuple[str, ...]] = ("listen",)

    listen: HostPortText = HostPort("127.0.0.1", 9464)
    token: AdminToken | None = None


class Limits(Section):
    """What one process takes on."""

    essential: ClassVar[tuple[str, ...]] = ("calls",)

    calls: Annotated[int, whole(1, MOST_CALLS, "calls")] = _LIMITS.calls
    calls_per_second: Annotated[int, whole(1, 1000, "calls")] = _LIMITS.calls_per_second
    ring_seconds: Annotated[float, seconds(0.1, 600)] = _LIMITS.ring_seconds
    call_seconds: Annotated[float, seconds(0.1, 86400)] = _LIMITS.call_seconds
    response_seconds: Annotated[float, seconds(0.1, 32)] = _LIMITS.response_seconds
    stranger_answers_per_second: Annotated[int, whole(1, 1000, "answers")] = _LIMITS.stranger_answers_per_second
    drain_seconds: Annotated[float, seconds(0, 86400)] = _LIMITS.drain_seconds


class Auth(Section):
    """Digest credentials."""

    username: Username = Field(description="the user name of the credentials")
    password: Secret = Field(description='the password, best as "${VARIABLE}" or "${file:/path}"')


class WriteBack(Section):
    """Where channel variables of a PBX can be set."""

    url: Interface = Field(description="the PBX's interface, such as ami://10.0.0.5:5038 or http://10.0.0.5:8088/ari")
    username: Username = Field(description="the user name at that interface")
    password: Secret = Field(description='the password, best as "${VARIABLE}" or "${file:/path}"')
    timeout_seconds: Annotated[float, seconds(0.1, 30)] = 2
    queue: Annotated[int, whole(1, 100000, "writes")] = 1000


class CallerIdentity(Section):
    """Who calls, as a trunk says and is told."""

    believe: Flag = True
    trusted: Flag | None = None
    send: tuple[Annotated[IdentityHeader, word(IdentityHeader)], ...] = ()
    caller: Annotated[CallerSource, word(CallerSource)] = CallerSource.FROM


class Register(Section):
    """Where we register."""

    registrar: Uri = Field(description='whom to register with, such as "sip:acme.sip.twilio.com;transport=tls"')
    expires_seconds: Annotated[int, whole(60, 3600, "seconds")] = 600


class Trunk(Section):
    """One peer."""

    essential: ClassVar[tuple[str, ...]] = ("profile", "variables")

    side: Annotated[Side, word(Side)] = Field(description="pbx or twilio")
    uris: tuple[Uri, ...] = Field(description='where its calls go, such as ["sip:10.0.0.5:5060"], tried in order')
    allow: tuple[AllowedText, ...] = ()
    profile: Name | None = None
    variables: Annotated[Dialect, word(Dialect)] | None = None
    srtp: Annotated[Srtp, word(Srtp)] = Srtp.OFF
    transfer: Annotated[TransferMode, word(TransferMode)] = TransferMode.LOCAL
    auth: Auth | None = None
    hold: Annotated[Hold, word(Hold)] = Hold.LOCAL
    redirect: Annotated[Redirect, word(Redirect)] = Redirect.REFUSE
    session_expires_seconds: Annotated[int, whole(LEAST_SESSION_SECONDS, 86400, "seconds")] = 1800
    write_back: WriteBack | None = None
    options_interval_seconds: Annotated[float, seconds(1, 3600)] | None = None
    # "register" is a method of pydantic's models
    registration: Register | None = Field(None, alias="register")
    identity: CallerIdentity = CallerIdentity()
    account_sids: tuple[AccountSid, ...] = ()
    calls_per_second: Annotated[int, whole(1, 1000, "calls")] | None = None
    source_calls_per_second: Annotated[int, whole(1, 1000, "calls")] | None = None
    symmetric_rtp: Flag = False
    rtp_dscp: Dscp = 0


_Bytes = Annotated[int | Lifted, limit(1, 65535, "bytes")]
_Octets = Annotated[int | Lifted, limit(1, 65535, "octets")]


class Sources(Section):
    """Where each changed rule of a profile comes from."""

    allowed: Text | None = None
    refused: Text | None = None
    characters: Text | None = None
    value_bytes: Text | None = None
    header_bytes: Text | None = None
    uui_octets: Text | None = None
    bytes_total: Text | None = None
    sends: Text | None = None


class Profile(Section):
    """What a far end takes, where it is not what a built-in profile says."""

    essential: ClassVar[tuple[str, ...]] = ("base",)

    base: Annotated[str, word(PROFILES)] = Field(description=f"the profile it starts from: {', '.join(PROFILES)}")
    allowed: tuple[HeaderPattern, ...] | None = None
    refused: tuple[HeaderPattern, ...] | None = None
    characters: Annotated[Characters, word(Characters)] | None = None
    value_bytes: _Bytes | None = None
    header_bytes: _Bytes | None = None
    uui_octets: _Octets | None = None
    bytes_total: _Bytes | None = None
    sends: tuple[HeaderPattern, ...] | None = None
    sources: Sources = Sources()


class Route(Section):
    """Where calls of one trunk go."""

    essential: ClassVar[tuple[str, ...]] = ("match",)

    from_trunk: Name = Field(alias="from", description="the trunk that the call comes from")
    match: PatternText | None = None
    to_trunk: Name = Field(alias="to", description="the trunk that the call goes to")
    user: Name | None = None


class Uui(Section):
    """How one side uses User-to-User."""

    format: Annotated[UuiFormat, word(UuiFormat)] = UuiFormat.TEXT
    encoding: Annotated[UuiEncoding, word(UuiEncoding)] = UuiEncoding.HEX
    discriminator: Discriminator = None
    discriminator_in: Annotated[DiscriminatorPlace, word(DiscriminatorPlace)] = DiscriminatorPlace.DATA
    purpose: Token | None = None
    content: Token | None = None


class UuiSides(Section):
    """User-to-User on each side."""

    pbx: Uui = Uui()
    twilio: Uui = Uui()


class ContextField(Section):
    """One line of the contract."""

    essential: ClassVar[tuple[str, ...]] = ("pbx", "twilio", "direction", "on", "type", "values")

    pbx: LocatorText | None = None
    twilio: LocatorText | None = None
    direction: Annotated[str, word(["both", *Direction])] = "both"
    on: tuple[Annotated[On, word(On)], ...] = (On.INVITE,)
    type: Annotated[FieldType, word(FieldType)] = FieldType.TEXT
    values: tuple[Name, ...] = ()
    transform: tuple[StepText, ...] = ()
    required: Flag = False
    default: str | None = None
    max_bytes: Annotated[int, whole(1, 65535, "bytes")] | None = None
    sensitivity: Annotated[Sensitivity, word(Sensitivity)] = Field(Sensitivity.PUBLIC, alias="class")
    duplicates: Annotated[Duplicates, word(Duplicates)] = Duplicates.FIRST
    priority: Annotated[int, whole(0, 100, "")] = DEFAULT_PRIORITY

    @field_validator("default", mode="before")
    @classmethod
    def _default_of_the_type(cls, value: object, info: ValidationInfo) -> str:
        return parse_default(value, info.data.get("type", FieldType.TEXT), info.data.get("values", ()))


class Example(Section):
    """A message and what must leave of it, run by `gateway check`."""

    direction: Annotated[Direction, word(Direction)] = Field(description="of the call: to_twilio or to_pbx")
    on: Annotated[On, word(On)] = On.INVITE
    sender: Annotated[Side, word(Side)] | None = Field(None, alias="from")
    uri: Text = "sip:+15550100@gateway.example.com"
    headers: dict[str, HeaderValues] = {}
    expect: dict[str, Text] = {}


class Context(Section):
    """What calls carry."""

    uui: UuiSides = UuiSides()
    missing: Annotated[MissingPolicy, word(MissingPolicy)] = MissingPolicy.CONTINUE
    overflow: Annotated[Overflow, word(Overflow)] = Overflow.DROP
    fields: dict[str, ContextField] = {}
    examples: dict[str, Example] = {}


class Forward(Section):
    """Where a call goes on at Twilio."""

    client: Identity | None = None
    sip: SipTarget | None = None
    stream: StreamUrl | None = None


class Webhook(Section):
    """Answers to Twilio's voice webhook."""

    listen: HostPortText = HostPort("127.0.0.1", 8080)
    url: BareWebUrl = Field(description="the URL that Twilio posts to, as configured there")
    forward: Forward = Field(description="where the call goes on: {client: NAME}, {sip: URI} or {stream: URL}")


class Calling(Section):
    """What holds for calls that do not say otherwise."""

    caller: Name | None = Field(None, alias="from")
    url: WebUrl | None = None


class TwilioAccount(Section):
    """What we do at Twilio besides SIP."""

    account_sid: AccountSid = Field(description="the account's SID, AC and 32 hexadecimal digits")
    auth_token: Secret = Field(description='the account\'s auth token, best as "${VARIABLE}" or "${file:/path}"')
    api_url: BareWebUrl = "https://api.twilio.com"
    webhook: Webhook | None = None
    call: Calling | None = None


class Configuration(Section):
    """The whole file."""

    sip: Sip = Field(description="our own SIP sockets, at least `listen`")
    media: Media = Media()
    admin: Admin = Admin()
    limits: Limits = Limits()
    trunks: dict[str, Trunk] = Field(description="the peers, at least one with side: pbx and one with side: twilio")
    profiles: dict[str, Profile] = {}
    routes: tuple[Route, ...] = ()
    context: Context = Context()
    twilio: TwilioAccount | None = None
