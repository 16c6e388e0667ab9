"""What an operator can do about what the log warns of: a sentence for each word that says why."""

from __future__ import annotations

from gateway.bridge.session import HEADER as SESSION_ID
from gateway.core.identity import TWILIOS_OWN

_FIREWALL = "config/nftables/gateway.nft keeps such addresses away"

REJECTION: dict[str, str] = {
    "unknown-source": f"put the address into allow of a trunk if it is a peer of yours; else {_FIREWALL}",
    "unknown-source-silenced": f"these addresses ask more often than they get answers; {_FIREWALL}",
    "wrong-account": "add its X-Twilio-AccountSid to account_sids of the trunk if the account is yours",
    "limit-calls": "raise limits.calls if the machine can carry more, or run another gateway",
    "limit-rate": "raise calls_per_second of limits or of the trunk, or source_calls_per_second, if so many are right",
    "draining": "let the peer try another gateway, or again when this one has started",
    "loop": "a call came back here: look at the routes of both sides",
    "too-many-hops": "Max-Forwards is used up: look for a loop between the peers, or have them send 70",
    "no-common-codec": "compare the offer's codecs with media.codecs, and its encryption with srtp of the trunk",
    "no-dialog": "Replaces names no call that is up here: the transfer came too late, or is for another gateway",
    "malformed": "the peer sends what cannot be read: see it with --log-level DEBUG or tcpdump, and mend it there",
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

UNBELIEVED: dict[str, str] = {
    TWILIOS_OWN: "only Twilio sends these; let the PBX remove them, or find out who sends them through it",
    SESSION_ID: "it must be one UUID, 32 hexadecimal digits, with remote= behind it (RFC 7989); another was made",
}
OTHER_UNBELIEVED = "set identity.believe of the trunk if it may say who calls"
