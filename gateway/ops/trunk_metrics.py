"""What is counted of trunks: SIP responses, who calls, and the RTP of the legs. Labels are known words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from prometheus_client import CollectorRegistry

from gateway.bridge.health import RegistrationEnded
from gateway.bridge.outcome import PHRASES
from gateway.bridge.record import LegMedia
from gateway.bridge.session import HEADER as SESSION_ID
from gateway.core.identity import UNBELIEVED
from gateway.ops.quality import leg_mos
from gateway.ops.series import OTHER, CounterSeries, HistogramSeries

JITTER_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
"""20 ms is one packet of G.711; above 50 ms playout buffers of the usual size begin to lose packets."""
MOS_BUCKETS = (2.58, 3.1, 3.6, 4.03, 4.34, 4.5)
"""The borders of user satisfaction (ITU-T G.107, table B.1): from 4.03 on satisfied, below 3.1 many are not."""

SENT, RECEIVED = "sent", "received"
ACCEPTED, REFUSED = "accepted", "refused"
SUCCESS_CLASS = 2
CODE_LABELS = {code: f"{code // 100}xx" for code in range(100, 700)} | {code: str(code) for code in PHRASES}
"""A response code that RFC 3261 does not know counts by its class."""


class TrunkMetrics:
    """Signalling and media by trunk."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_trunk, by_way = ["trunk"], ["trunk", "direction"]
        responses = "Responses to INVITE of calls and would-be calls, but 100, and those sent to REFER."
        self._responses = CounterSeries(registry, "gateway_sip_responses_total", responses, [*by_way, "code"])
        self._packets = CounterSeries(registry, "gateway_rtp_packets_total", "RTP packets.", by_way)
        lost = "RTP packets that did not arrive here."
        self._lost = CounterSeries(registry, "gateway_rtp_lost_total", lost, by_trunk)
        refused = "RTP packets not taken: from elsewhere than the peer's address and port, or without its key."
        self._refused = CounterSeries(registry, "gateway_rtp_refused_total", refused, by_trunk)
        jitter = "Jitter of a received stream at its end."
        self._jitter = HistogramSeries(registry, "gateway_rtp_jitter_seconds", jitter, by_trunk, JITTER_BUCKETS)
        mos = "Estimated MOS of a received stream (ITU-T G.107)."
        self._mos = HistogramSeries(registry, "gateway_rtp_mos", mos, by_trunk, MOS_BUCKETS)
        registrations = "Answers to REGISTER, and its silences."
        self._registrations = CounterSeries(
            registry, "gateway_registrations_total", registrations, [*by_trunk, "result"]
        )
        unbelieved = "Headers left out, as the trunk cannot vouch for them or they make no sense."
        self._unbelieved = CounterSeries(
            registry, "gateway_unbelieved_headers_total", unbelieved, [*by_trunk, "header"]
        )
        hidden = "INVITEs sent without saying who calls, as the caller asked for privacy."
        self._hidden = CounterSeries(registry, "gateway_hidden_callers_total", hidden, by_trunk)

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
        self._responses.count(trunk, way, CODE_LABELS.get(code, OTHER))

    def registration_ended(self, ended: RegistrationEnded) -> None:
        """One REGISTER was answered, or was not."""
        self._registrations.count(ended.trunk, ACCEPTED if ended.code // 100 == SUCCESS_CLASS else REFUSED)

    def header_unbelieved(self, trunk: str, header: str) -> None:
        """One header was left out."""
        self._unbelieved.count(trunk, header)

    def caller_hidden(self, trunk: str) -> None:
        """One INVITE left without saying who calls."""
        self._hidden.count(trunk)

    def media(self, media: LegMedia) -> None:
        """A leg's stream ended. A count below zero, as duplicates make it, is none."""
        trunk = media.trunk
        self._packets.count_many(media.sent, trunk, SENT)
        self._packets.count_many(media.received, trunk, RECEIVED)
        self._lost.count_many(media.lost, trunk)
        self._refused.count_many(media.refused, trunk)
        if media.received > 0:
            self._jitter.observe(media.jitter, trunk)
            self._mos.observe(leg_mos(media), trunk)
