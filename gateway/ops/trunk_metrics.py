"""What is counted of trunks: SIP responses, who calls, and the RTP of the legs. Labels are known words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Histogram

from gateway.bridge.health import RegistrationEnded
from gateway.bridge.outcome import PHRASES
from gateway.bridge.record import LegMedia
from gateway.bridge.session import HEADER as SESSION_ID
from gateway.core.identity import UNBELIEVED
from gateway.ops.quality import leg_mos
from gateway.ops.series import OTHER, Series, observe

JITTER_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
"""20 ms is one packet of G.711; above 50 ms playout buffers of the usual size begin to lose packets."""
MOS_BUCKETS = (2.58, 3.1, 3.6, 4.03, 4.34, 4.5)
"""The borders of user satisfaction (ITU-T G.107, table B.1): from 4.03 on satisfied, below 3.1 many are not."""

SENT, RECEIVED = "sent", "received"
ACCEPTED, REFUSED = "accepted", "refused"
SUCCESS_CLASS = 2
CODE_LABELS = {code: f"{code // 100}xx" for code in range(100, 700)} | {code: str(code) for code in (100, *PHRASES)}
"""A response code that RFC 3261 does not know counts by its class."""


class TrunkMetrics:
    """Signalling and media by trunk."""

    def __init__(self, registry: CollectorRegistry) -> None:
        responses = Counter("gateway_sip_responses_total", "SIP responses.", _BY_CODE, registry=registry)
        packets = Counter("gateway_rtp_packets_total", "RTP packets.", ["trunk", "direction"], registry=registry)
        lost = Counter("gateway_rtp_lost_total", "RTP packets that did not arrive here.", ["trunk"], registry=registry)
        elsewhere = "RTP packets not taken: from elsewhere than the peer's address and port, or without its key."
        refused = Counter("gateway_rtp_refused_total", elsewhere, ["trunk"], registry=registry)
        jitter = Histogram(
            "gateway_rtp_jitter_seconds",
            "Jitter of a received stream at its end.",
            ["trunk"],
            buckets=JITTER_BUCKETS,
            registry=registry,
        )
        mos = Histogram(
            "gateway_rtp_mos",
            "Estimated MOS of a received stream (ITU-T G.107).",
            ["trunk"],
            buckets=MOS_BUCKETS,
            registry=registry,
        )
        registrations = "Answers to REGISTER, and its silences."
        self._registrations = Series(
            Counter("gateway_registrations_total", registrations, ["trunk", "result"], registry=registry)
        )
        unbelieved = "Headers left out, as the trunk cannot vouch for them or they make no sense."
        hidden = "INVITEs sent without saying who calls, as the caller asked for privacy."
        self._unbelieved = Series(
            Counter("gateway_unbelieved_headers_total", unbelieved, ["trunk", "header"], registry=registry)
        )
        self._hidden = Series(Counter("gateway_hidden_callers_total", hidden, ["trunk"], registry=registry))
        self._responses = Series(responses)
        self._packets = Series(packets)
        self._lost = Series(lost)
        self._refused = Series(refused)
        self._jitter = Series(jitter)
        self._mos = Series(mos)

    def adopt(self, trunks: Iterable[str]) -> None:
        """Create what these trunks can count; those of earlier configurations stay, their calls may go on."""
        for trunk in trunks:
            for way, code in product((SENT, RECEIVED), sorted({*CODE_LABELS.values(), OTHER})):
                self._responses.create(trunk, way, code)
            for way in (SENT, RECEIVED):
                self._packets.create(trunk, way)
            for header in (*UNBELIEVED, SESSION_ID):
                self._unbelieved.create(trunk, header)
            self._hidden.create(trunk)
            for result in (ACCEPTED, REFUSED):
                self._registrations.create(trunk, result)
            for series in (self._lost, self._refused, self._jitter, self._mos):
                series.create(trunk)

    def response(self, trunk: str, way: str, code: int) -> None:
        """One response; `way` is `sent` or `received`."""
        self._responses.of(trunk, way, CODE_LABELS.get(code, OTHER)).inc()

    def registration_ended(self, ended: RegistrationEnded) -> None:
        """One REGISTER was answered, or was not."""
        self._registrations.of(ended.trunk, ACCEPTED if ended.code // 100 == SUCCESS_CLASS else REFUSED).inc()

    def header_unbelieved(self, trunk: str, header: str) -> None:
        """One header was left out."""
        self._unbelieved.of(trunk, header).inc()

    def caller_hidden(self, trunk: str) -> None:
        """One INVITE left without saying who calls."""
        self._hidden.of(trunk).inc()

    def media(self, media: LegMedia) -> None:
        """A leg's stream ended. A count below zero, as duplicates make it, is none."""
        trunk = media.trunk
        self._packets.of(trunk, SENT).inc(max(0, media.sent))
        self._packets.of(trunk, RECEIVED).inc(max(0, media.received))
        self._lost.of(trunk).inc(max(0, media.lost))
        self._refused.of(trunk).inc(media.refused)
        if media.received > 0:
            observe(self._jitter.of(trunk), media.jitter)
            observe(self._mos.of(trunk), leg_mos(media))


_BY_CODE = ["trunk", "direction", "code"]
