"""PJSIP as a process-wide thing: whether the build is ours, its settings, its listeners, its log.

One Endpoint a process, one thread that owns it (`mainThreadOnly`); PJMEDIA's own threads never enter Python.
"""

from __future__ import annotations

import importlib.metadata
import logging
import re
from collections.abc import Callable

import pjsua2 as pj

from gateway.core.plan import Listener, Media, Plan, Transport
from gateway.errors import StartError
from gateway.sip.account import ANY_HOST, TRANSPORT_TYPE, mark
from gateway.sip.guard import guarded
from gateway.sip.places import places_for
from gateway.sip.tls import set_tls

log = logging.getLogger("gateway.pjsip")

KEPT_BYTES = 4 * 1024 * 1024
"""What some hundred calls give back in a second."""
KNOWN_CODECS = {"PCMU": "PCMU/8000", "PCMA": "PCMA/8000"}
CODEC_PRIORITY = 200
DROPPED_PACKET = re.compile(r"(?:Error processing packet|Dropping \d+ bytes packet) from (?:\S+ )?(\S+):\d+[: ]")
"""What PJSIP says on level 1 and 2 of a packet it could not read (sip_endpoint.c and sip_transport.c)."""
NO_PORT = "Unable to create RTP/RTCP socket"
"""How it begins to say that a leg gets none of media.rtp_ports (pjsua_media.c, create_udp_media_transport)."""
ERRORS, EVERYTHING = 2, 5
"""Levels of PJSIP's log."""


def require_our_build() -> None:
    """Refuse a pjsua2 that a gateway cannot use.

    Raises:
        StartError: it was not built by this project; those of package indexes allow four calls.
    """
    try:
        importlib.metadata.version("gateway-pjsip")
    except importlib.metadata.PackageNotFoundError:
        raise StartError("the installed pjsua2 is not this project's build: run `make setup`") from None


class StackLog(pj.LogWriter):
    """PJSIP's log: into ours for debugging only, as it quotes what peers sent.

    It is also the one place that tells of packets which never became a message; `on_dropped` gets their source address.
    And the one that tells why a leg has no media: `lacks_ports` is set then, for the shell to take back.
    """

    def __init__(self, on_dropped: Callable[[str], None]) -> None:
        super().__init__()
        self._on_dropped = on_dropped
        self.lacks_ports = False

    def callback_failed(self) -> None:
        """Nothing belongs to the log."""

    @guarded
    def write(self, entry: pj.LogEntry) -> None:
        dropped = DROPPED_PACKET.match(entry.msg)
        if dropped:
            self._on_dropped(dropped[1].strip("[]"))
        if entry.msg.startswith(NO_PORT):
            self.lacks_ports = True
        log.debug("%s", entry.msg.rstrip())


def start(endpoint: pj.Stack, plan: Plan, writer: StackLog, agent: str) -> None:
    """Bring the endpoint up with the listeners and codecs of `plan`.

    Raises:
        StartError: a listener's address cannot be had, or a file cannot be read.
    """
    pj.sipSetLogLevel(0)  # until libInit gives it our log, PJSIP writes to stdout
    pj.sipSwitchLargeRequestsToTcp(False)  # the trunk's URI says the transport
    endpoint.libCreate()
    try:
        endpoint.libInit(_endpoint_config(plan, writer, agent))
        pj.sipAnswerStrays()
        pj.sipAnswerInsideCalls()
        pj.sipTakeTransfers()
        pj.sipTellSessions()
        pj.sipDropMediaEvents()
        pj.sipKeepMemory(KEPT_BYTES)
        endpoint.resolveNames()
        for listener in plan.listeners:
            _listen(endpoint, listener, plan)
        _set_codecs(endpoint, plan.media)
        endpoint.audDevManager().setNullDev()
        endpoint.libStart()
    except pj.Error as error:
        endpoint.libDestroy()
        raise StartError(f"PJSIP does not start: {error.reason}") from None
    except StartError:
        endpoint.libDestroy()
        raise


def _endpoint_config(plan: Plan, writer: StackLog, agent: str) -> pj.EpConfig:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = places_for(plan)
    config.uaConfig.userAgent = agent
    debugging = log.isEnabledFor(logging.DEBUG)
    config.logConfig.level = config.logConfig.consoleLevel = EVERYTHING if debugging else ERRORS
    config.logConfig.msgLogging = 1 if debugging else 0
    config.logConfig.decor = 0
    config.logConfig.writer = writer
    media = config.medConfig
    media.clockRate = media.sndClockRate = 8000
    media.audioFramePtime = media.ptime = 20
    media.maxMediaPorts = config.uaConfig.maxCalls + 1
    media.noVad = True
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1  # the clock stays; stopping and starting it with every first and last call costs more
    return config


def renew_tls(endpoint: pj.Stack, plan: Plan) -> None:
    """Have the TLS listeners, and connections from now on, use the files of `plan` as they are now.

    Raises:
        StartError: PJSIP cannot use them.
    """
    for number, listener in enumerate(plan.listeners):
        if listener.transport is Transport.TLS:
            try:
                endpoint.useTls(number, _transport_config(listener, plan))
            except pj.Error as error:
                raise StartError(f"sip.tls: PJSIP cannot use the files: {error.reason}") from None


def _listen(endpoint: pj.Stack, listener: Listener, plan: Plan) -> None:
    try:
        endpoint.transportCreate(TRANSPORT_TYPE[listener.transport], _transport_config(listener, plan))
    except pj.Error as error:
        place = f"{listener.transport.value}://{listener.host}:{listener.port}"
        raise StartError(f"cannot listen on {place}: {error.reason}") from None


def _transport_config(listener: Listener, plan: Plan) -> pj.TransportConfig:
    config = pj.TransportConfig()
    config.port = listener.port
    if listener.host not in ANY_HOST:
        config.boundAddress = listener.host
    if plan.public_address:
        config.publicAddress = plan.public_address
    mark(config.qosParams, plan.sip_dscp)
    if plan.tls:
        set_tls(config.tlsConfig, plan.tls)
        mark(config.tlsConfig.qosParams, plan.sip_dscp)
    return config


def _set_codecs(endpoint: pj.Endpoint, media: Media) -> None:
    """Only the configured codecs, in their order; telephone-event (RFC 4733) comes with them."""
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 0)
    for place, name in enumerate(media.codecs):
        endpoint.codecSetPriority(KNOWN_CODECS[name], CODEC_PRIORITY - place)
