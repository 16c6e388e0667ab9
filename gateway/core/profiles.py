"""What each kind of far end accepts, as data: names, characters and sizes, each rule with the source that says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.core.profile import PROTECTED_NAMES as PROTECTED_NAMES
from gateway.core.profile import Characters as Characters
from gateway.core.profile import Profile as Profile
from gateway.core.profile import Scope, Sends
from gateway.core.profile import is_protected as is_protected
from gateway.core.profile import is_reserved as is_reserved
from gateway.core.terms import Direction, On, Side

_RESPONSES = "Twilio, Receiving SIP from Twilio: of responses, X- headers only are passed to the application"
_REFER_TO_TWILIO = "Twilio, Inbound SIP REFER: the headers of the Refer-To URI are part of ReferTransferTarget"
_NOT_DOCUMENTED = "Twilio documents headers of the initial INVITE only"
_IN_REFER_TO = "ReferTransferTarget of the referUrl, inside the URI"
_USE_X = "use an X- header there"

_SIP_DOMAIN_SCOPES = (
    Scope(
        Direction.TO_TWILIO,
        On.INVITE,
        read=("X-*", "User-to-User"),
        where="SipHeader_NAME of the voice URL",
        source="Twilio, Sending SIP to Twilio",
    ),
    Scope(Direction.TO_TWILIO, On.END, source=_NOT_DOCUMENTED),
    Scope(Direction.TO_PBX, On.PROGRESS, lost=("User-to-User",), instead=_USE_X, source=_RESPONSES),
    Scope(
        Direction.TO_PBX,
        On.ANSWER,
        read=("X-*",),
        where="SipHeader_NAME of the screening url of <Sip>",
        lost=("User-to-User",),
        instead=_USE_X,
        source=_RESPONSES,
    ),
    Scope(
        Direction.TO_PBX,
        On.END,
        read=("X-*",),
        where="DialSipHeader_NAME of the action of <Dial>; of a failure for certain, of BYE it is not documented",
        lost=("User-to-User",),
        instead=_USE_X,
        source=_RESPONSES,
    ),
    *(
        Scope(direction, On.REFER, read=("X-*", "User-to-User"), where=_IN_REFER_TO, source=_REFER_TO_TWILIO)
        for direction in Direction
    ),
)

_ELASTIC_TRUNK_SCOPES = tuple(
    Scope(
        direction,
        On.REFER,
        lost=("*",),
        instead="carry it on invite, or transfer through a trunk with profile: sip-domain",
        source="Retell AI, Elastic SIP trunking: Twilio does not honor the custom SIP headers of a REFER",
    )
    for direction in Direction
)

_TWILIO_SENDS = Sends(
    names=("X-*", "User-to-User", "Remote-Party-ID", "P-Preferred-Identity", "P-Called-Party-ID"),
    characters=Characters.ASCII,
    itself=(
        "X-Twilio-*",
        "From",
        "To",
        "Via",
        "Record-Route",
        "Contact",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "User-Agent",
        "Allow",
        "Supported",
        "Min-SE",
        "Content-*",
        "P-Asserted-Identity",
        "Diversion",
        "Identity",
        "Reason",
    ),
    uri_characters=255,
    headers_characters=1024,
    refer_to_characters=256,
)

_SIP_DOMAIN = Profile(
    name="sip-domain",
    side=Side.TWILIO,
    allowed=("X-*", "User-to-User"),
    refused=("X-Twilio*",),
    bytes_total=800,
    sends=_TWILIO_SENDS,
    scopes=_SIP_DOMAIN_SCOPES,
    sources=(
        ("allowed", "Twilio, Receiving SIP INVITEs: headers without X- are not read, User-to-User is"),
        ("refused", "Twilio error 32113: an extension header name cannot begin with X-Twilio"),
        ("characters", "RFC 3261, section 25.1 (TEXT-UTF8); Twilio documents no rule for headers it receives"),
        ("bytes_total", "Twilio, How to share information between your applications: not more than 800 bytes combined"),
        ("sends.names", "Twilio TwiML <Sip> and error 13252; the last three since the change log of 2024-06-03"),
        ("sends.characters", "Twilio error 32112: a header with others is left out, the call goes on"),
        ("sends.itself", "Twilio, TwiML <Sip>, and INVITEs and BYEs of Twilio in public traces"),
        ("sends.uri_characters", "Twilio TwiML <Sip>: a SIP URI under 255 characters"),
        ("sends.headers_characters", "Twilio errors 21227 and 13253: the headers portion under 1024 characters"),
        ("sends.refer_to_characters", "Twilio, Inbound SIP REFER: Refer-To of at most 256 characters"),
    ),
)

_ELASTIC_TRUNK = Profile(
    name="elastic-trunk",
    side=Side.TWILIO,
    allowed=("X-*",),
    refused=("X-Twilio*",),
    bytes_total=800,
    scopes=_ELASTIC_TRUNK_SCOPES,
    sources=(
        ("allowed", "Twilio Elastic SIP Trunking documents X- headers only"),
        ("refused", "Twilio error 32113: an extension header name cannot begin with X-Twilio"),
        ("characters", "RFC 3261, section 25.1 (TEXT-UTF8); Twilio documents no rule for headers it receives"),
        ("bytes_total", "Twilio, How to share information between your applications: not more than 800 bytes combined"),
    ),
)

_ANY_HEADER = ("allowed", "a PBX reads whatever header its dialplan names")
_CHARACTERS = ("characters", "RFC 3261, section 25.1 (TEXT-UTF8)")
_ASTERISK_READS = "Asterisk cannot read a header of more than about 4,000 bytes (measured on 16.28 and 22.10)"

_PBX = Profile(
    name="pbx",
    side=Side.PBX,
    allowed=("*",),
    value_bytes=4000,
    scopes=(
        Scope(
            Direction.TO_PBX,
            On.INVITE,
            read=("*",),
            where="its dialplan",
            source="every PBX can read headers of an INVITE",
        ),
    ),
    sources=(_ANY_HEADER, _CHARACTERS, ("value_bytes", _ASTERISK_READS)),
)

_ASTERISK = Profile(
    name="asterisk",
    side=Side.PBX,
    allowed=("*",),
    value_bytes=4000,
    scopes=(
        Scope(Direction.TO_PBX, On.INVITE, read=("*",), where="PJSIP_HEADER(read,NAME)", source="Asterisk 12 or later"),
        Scope(
            Direction.TO_TWILIO,
            On.ANSWER,
            read=("*",),
            where="PJSIP_RESPONSE_HEADER(read,NAME)",
            source="Asterisk 16.28, 18.14, 19.6 and later",
        ),
        Scope(Direction.TO_TWILIO, On.PROGRESS, lost=("*",), source="PJSIP_RESPONSE_HEADER reads the 200 only"),
        *(
            Scope(direction, On.END, lost=("*",), source="no dialplan function reads headers of BYE or of a failure")
            for direction in Direction
        ),
    ),
    sources=(_ANY_HEADER, _CHARACTERS, ("value_bytes", _ASTERISK_READS)),
)

_FREESWITCH_LATER = ("X-*", "P-*", "On*")

_FREESWITCH = Profile(
    name="freeswitch",
    side=Side.PBX,
    allowed=("*",),
    scopes=(
        Scope(
            Direction.TO_PBX,
            On.INVITE,
            read=("X-*", "P-*", "User-to-User", "On*", "K-*", "Accept-Language*", "Diversion*"),
            where="sip_h_NAME; others as sip_i_name with parse-all-invite-headers",
            source="FreeSWITCH sofia.c",
        ),
        *(
            Scope(
                direction,
                on,
                read=_FREESWITCH_LATER,
                where=where,
                lost=("User-to-User",),
                source="FreeSWITCH sofia.c",
            )
            for direction, on, where in (
                (Direction.TO_TWILIO, On.PROGRESS, "sip_ph_NAME"),
                (Direction.TO_TWILIO, On.ANSWER, "sip_rh_NAME"),
                (Direction.TO_TWILIO, On.END, "sip_bye_h_NAME"),
                (Direction.TO_PBX, On.END, "sip_bye_h_NAME"),
            )
        ),
    ),
    sources=(_ANY_HEADER, _CHARACTERS),
)

_CISCO_CUBE = Profile(
    name="cisco-cube",
    side=Side.PBX,
    allowed=("*",),
    header_bytes=300,
    sources=(
        ("allowed", "Cisco CUBE passes on the headers that its SIP profiles and copy lists name"),
        _CHARACTERS,
        ("header_bytes", "Cisco, SIP parameter modification: a header with its name has 300 characters at most"),
    ),
)

_GENESYS = Profile(
    name="genesys",
    side=Side.PBX,
    allowed=("*",),
    uui_octets=128,
    scopes=(
        Scope(
            Direction.TO_PBX,
            On.INVITE,
            read=("User-to-User", "X-User-to-User"),
            where="the call's UUI data",
            source="Genesys Cloud, UUI: User-to-User first, then x-User-to-User",
        ),
        *(
            Scope(
                direction,
                On.REFER,
                read=("User-to-User",),
                where="the Refer-To URI",
                source="Genesys Cloud: of a REFER, User-to-User is read from the Refer-To URI",
            )
            for direction in Direction
        ),
    ),
    sources=(
        _ANY_HEADER,
        _CHARACTERS,
        ("uui_octets", "Genesys Cloud, User to User Information overview: 128 characters advised"),
    ),
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (_SIP_DOMAIN, _ELASTIC_TRUNK, _PBX, _ASTERISK, _FREESWITCH, _CISCO_CUBE, _GENESYS)
    }
)
"""The built-in profiles by name; `pbx` is what a PBX trunk without one gets."""
