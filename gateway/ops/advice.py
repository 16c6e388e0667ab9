"""What an operator can do about what the log warns of: a sentence for each word that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.bridge.session import HEADER as SESSION_ID
from gateway.core.identity import TWILIOS_OWN

if TYPE_CHECKING:
    from gateway.bridge.record import CallRecord

_FIREWALL = "config/nftables/gateway.nft keeps such addresses away"

REJECTION: dict[str, str] = {
    "unknown-source": f"put the address into allow of a trunk if it is a peer of yours; else {_FIREWALL}",
    "unknown-source-silenced": f"these addresses ask more often than they get answers; {_FIREWALL}",
    "wrong-account": "add its X-Twilio-AccountSid to account_sids of the trunk if the account is yours",
    "limit-calls": "raise limits.calls if the machine can carry more, or run another gateway",
    "limit-legs": (
        "calls go to uris that say nothing, and each keeps a place for 32 s: mend these uris; options_interval_seconds "
        "has calls try them last; after a reload that raised calls_per_second, a restart makes places for it"
    ),
    "limit-rate": "raise calls_per_second of limits or of the trunk, or source_calls_per_second, if so many are right",
    "draining": "let the peer try another gateway, or again when this one has started",
    "loop": "a call came back here: look at the routes of both sides",
    "too-many-hops": "Max-Forwards is used up: look for a loop between the peers, or have them send 70",
    "no-common-codec": (
        "compare the offer's codecs with media.codecs, and its encryption with srtp of the trunk; "
        "its addresses must be IPv4, and no names"
    ),
    "no-rtp-ports": "another process has those of media.rtp_ports, or there are too few: see ss -lunp, and widen it",
    "no-dialog": "it is about a call that is not up here: it came too late, or is for another gateway",
    "malformed": "the peer sends what cannot be read: see it with --log-level DEBUG or tcpdump, and mend it there",
    "refused-by-stack": "the log says why with --log-level DEBUG, where PJSIP's own words are",
    "unsupported": "the gateway takes calls and no such request: switch it off at the peer, as for REGISTER",
}
OTHER_REJECTION = "see the request with --log-level DEBUG"

_WRONG_CREDENTIALS = "compare auth of the trunk with what the registrar knows"
_UNREACHABLE = "nobody answers at register.registrar: look at its address, the network and the registrar"
REGISTRATION: dict[int, str] = {
    **dict.fromkeys((401, 403, 404, 407), _WRONG_CREDENTIALS),
    **dict.fromkeys((408, 502, 503, 504), _UNREACHABLE),
}
OTHER_REGISTRATION = "the registrar has its reasons: look into its log"

UNANSWERED = (
    "calls try it last until it answers OPTIONS again: look at its address, the network and the far end; "
    "with TLS, see TLS connection given up"
)

UNBELIEVED: dict[str, str] = {
    TWILIOS_OWN: "only Twilio sends these; let the PBX remove them, or find out who sends them through it",
    SESSION_ID: "it must be one UUID, 32 hexadecimal digits, with remote= behind it (RFC 7989); another was made",
}
OTHER_UNBELIEVED = "set identity.believe of the trunk if it may say who calls"

OUTCOME: dict[str, str] = {
    "unauthorized": "compare auth of the trunk with the credentials at the far end",
    "forbidden": "the far end takes no such call of ours: see its access list, and auth of the trunk",
    "no-response": "none of the trunk's uris answered: see addresses, firewall, transport, and TCP for a large INVITE; "
    "or it was the far end that said 408 or 504: see what is silent behind it",
    "unavailable": "the trunk's uris failed or cannot be reached; with TLS, see TLS connection given up",
    "redirected": "set redirect: follow on the trunk if it may send calls to another of its uris",
    "no-route": "no route of the trunk fits the called number: see routes",
    "no-common-codec": "compare media.codecs, and srtp of the trunk, with what the far end takes",
    "missing-context": "a required field did not come, see lost; context.missing: continue would let the call pass",
    "context-refused": "the context broke a limit, see lost; context.overflow: drop would let the call pass",
    "loop": REJECTION["loop"],
    "ack-missing": "our 200 was not acknowledged: see sip.public_address, and routers that rewrite SIP (ALG)",
    "media-timeout": "one side sent no audio: see media.rtp_ports in the firewall, and sip.public_address",
    "internal-error": "a bug of ours: the log has its traceback",
}
"""Of outcomes that are no business of who talked."""

_RATE = "more calls a second than Twilio takes: lower calls_per_second, or have Twilio raise it"
_CALLER = "Twilio takes calls from numbers of yours only: see identity.caller of the trunk"
TWILIO_ERROR: dict[int, str] = {
    32001: _RATE,
    32012: _RATE,
    32013: _RATE,
    32106: "auth.username of the trunk must be the name in the credential list",
    32200: "give the SIP Domain an access control list or a credential list",
    32201: "put the address that Twilio sees into the access control list of the SIP Domain",
    32202: "compare auth of the trunk with the credential list of the SIP Domain",
    32204: _CALLER,
    32205: "allow the country in Twilio's geographic permissions",
    32206: _CALLER,
    32207: "srtp: off on the trunk, or Secure media on in the SIP Domain",
    32208: "srtp: required and transport=tls on the trunk, or Secure media off in the SIP Domain",
    32209: "transport=tls and srtp: required on the trunk, or Secure media off in the SIP Domain",
}


def advice_on(record: CallRecord) -> str | None:
    """What to do about the end of a call; None where nothing is to be done."""
    if record.twilio_error:
        known = TWILIO_ERROR.get(record.twilio_error)
        return known or f"look it up: https://www.twilio.com/docs/api/errors/{record.twilio_error}"
    return OUTCOME.get(record.outcome.reason) if record.outcome else None
