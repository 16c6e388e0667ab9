"""Trunks as PJSIP accounts: the settings of each, and the INVITEs that arrive on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pjsua2 as pj

from gateway.bridge.health import ProbeEnded, RegistrationEnded
from gateway.bridge.ports import Report
from gateway.core.plan import Credentials, Listener, Plan, Registration, Srtp, Transport, Trunk
from gateway.core.terms import On
from gateway.core.uri import escape_user, parse_uri
from gateway.sip.convert import address_of, uri_transport
from gateway.sip.guard import guarded

ANY_HOST = ("0.0.0.0", "::")

SRTP_USE = {
    Srtp.OFF: pj.PJMEDIA_SRTP_DISABLED,
    Srtp.OPTIONAL: pj.PJMEDIA_SRTP_OPTIONAL,
    Srtp.REQUIRED: pj.PJMEDIA_SRTP_MANDATORY,
}

UNREGISTER_MILLISECONDS = 1000
"""How long the end of the process waits for a registrar."""

SRTP_SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")

OnInvite = Callable[["TrunkAccount", int, str, str, float], None]
"""Account, PJSIP's call id, message, source address, monotonic time."""


class TrunkAccount(pj.Trunk):
    """One trunk over one transport."""

    def __init__(self, trunk_name: str, on_invite: OnInvite, tell: Callable[[Report], None]) -> None:
        super().__init__()
        self.trunk_name = trunk_name
        self.reads: frozenset[On] = frozenset()
        """The messages that carry context now; a leg keeps what it started with."""
        self.follows: list[str] = []
        """The networks, as `network_words` has them, in which audio is followed that comes not from where SDP says."""
        self._on_invite = on_invite
        self._tell = tell

    def callback_failed(self) -> None:
        """PJSIP answers 500 by itself to an INVITE that nobody made a leg for."""

    @guarded
    def onInvite(self, call_id: int, message: str, source: str) -> None:
        self._on_invite(self, call_id, message, address_of(source), time.monotonic())

    @guarded
    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        is_active = prm.code // 100 == 2 and prm.expiration > 0
        self._tell(RegistrationEnded(self.trunk_name, int(prm.code), is_active))

    @guarded
    def onProbed(self, token: int, code: int) -> None:
        self._tell(ProbeEnded(token, code))


def trunk_config(trunk: Trunk, plan: Plan, identity: str, listener: Listener) -> pj.AccountConfig:
    """How PJSIP treats a trunk over the transport of `listener`. `identity` is the URI that names us on it."""
    config = plain_config(identity)
    register = registration_over(trunk, listener.transport)
    if register and trunk.auth:
        _set_registration(config, register, trunk.auth.username)
    user = trunk.auth.username if register and trunk.auth else ""
    config.sipConfig.contactForced = own_contact(listener, plan.public_address, user)
    if trunk.auth:
        config.sipConfig.authCreds.append(_digest(trunk.auth))
    transport = config.mediaConfig.transportConfig
    transport.port = plan.media.first_port
    transport.portRange = plan.media.last_port - plan.media.first_port
    mark(transport.qosParams, trunk.rtp_dscp)
    transport.randomizePort = True  # where each account begins: in step they would find each other's ports in use
    if plan.public_address:
        transport.publicAddress = plan.public_address
    host = plan.listeners[0].host
    if host not in ANY_HOST:  # RTP goes where SIP goes
        transport.boundAddress = host
    config.callConfig.timerSessExpiresSec = trunk.session_expires_seconds
    config.mediaConfig.srtpUse = SRTP_USE[trunk.srtp]
    config.mediaConfig.srtpOpt = _srtp_options()
    config.mediaConfig.srtpSecureSignaling = 0  # the trunk's setting decides, not its transport
    return config


def mark(params: pj.pj_qos_params, dscp: int) -> None:
    """What a socket writes into the IP header of each packet (RFC 2474)."""
    params.flags = pj.PJ_QOS_PARAM_HAS_DSCP if dscp else 0  # 0 is what a socket has
    params.dscp_val = dscp


def registration_over(trunk: Trunk, transport: Transport) -> Registration | None:
    """What a trunk registers over this transport."""
    register = trunk.register
    return register if register and uri_transport(register.registrar) is transport else None


def _set_registration(config: pj.AccountConfig, register: Registration, username: str) -> None:
    """PJSIP refreshes what the registrar took; what it did not, the engine tries again."""
    config.idUri = f"sip:{escape_user(username)}@{parse_uri(register.registrar).host}"
    registration = config.regConfig
    registration.registrarUri = register.registrar
    registration.registerOnAdd = True
    registration.timeoutSec = register.expires_seconds
    registration.retryIntervalSec = registration.firstRetryIntervalSec = 0
    registration.unregWaitMsec = UNREGISTER_MILLISECONDS


def own_contact(listener: Listener, public_address: str | None, user: str = "") -> str:
    """The Contact that brings requests back to a listener (RFC 3261, section 8.1.1.8).

    Left to itself PJSIP publishes what is configured for UDP only, and for TCP and TLS the interface towards the peer:
    behind NAT an address that nobody reaches. `user` is whom a registrar calls there. Empty when nothing is configured:
    then the interface is what is right.
    """
    host = public_address or ("" if listener.host in ANY_HOST else listener.host)
    if not host:
        return ""
    bracketed = f"[{host}]" if ":" in host else host
    transport = "" if listener.transport is Transport.UDP else f";transport={listener.transport.value}"
    named = f"{escape_user(user)}@" if user else ""
    return f"<sip:{named}{bracketed}:{listener.port}{transport}>"


def plain_config(identity: str) -> pj.AccountConfig:
    """What all accounts have in common."""
    config = pj.AccountConfig()
    config.idUri = identity
    config.regConfig.registerOnAdd = False
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    config.mwiConfig.enabled = False
    config.presConfig.publishEnabled = False
    config.sipConfig.autoRespondSipMessage = False
    config.mediaConfig.lockCodecEnabled = False
    config.mediaConfig.streamKaEnabled = False
    nat = config.natConfig
    nat.sipStunUse = nat.mediaStunUse = pj.PJSUA_STUN_USE_DISABLED
    nat.sipOutboundUse = 0
    # Behind NAT the operator says `public_address`; guessing from Via and Contact of peers would let them move us.
    nat.contactRewriteUse = nat.viaRewriteUse = nat.sdpNatRewriteUse = 0
    return config


def _srtp_options() -> pj.SrtpOpt:
    """Keys in the SDP (RFC 4568) and the two suites that Twilio knows, its own choice first."""
    options = pj.SrtpOpt()
    options.keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    for name in SRTP_SUITES:
        suite = pj.SrtpCrypto()
        suite.name = name
        options.cryptos.append(suite)
    return options


def _digest(auth: Credentials) -> pj.AuthCredInfo:
    """Answers any realm: the trunk's peers are named by its URIs and `allow`, and Twilio's realm is its own affair."""
    return pj.AuthCredInfo("digest", "*", auth.username, 0, auth.password)


TRANSPORT_TYPE = {
    Transport.UDP: pj.PJSIP_TRANSPORT_UDP,
    Transport.TCP: pj.PJSIP_TRANSPORT_TCP,
    Transport.TLS: pj.PJSIP_TRANSPORT_TLS,
}
