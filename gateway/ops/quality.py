"""Speech quality of one RTP stream, estimated from what its receiver counted; pure arithmetic, no audio.

A simplified E-model (ITU-T G.107) with its defaults for everything that RTP cannot tell (echo, noise, loudness), for
G.711 with concealment of lost packets, which is what PJMEDIA plays:

- default rating R = 93.2 (G.107, table 2, all defaults);
- delay: Id = 0.024 d + 0.11 (d - 177.3) H(d - 177.3) for d ms one way, the fit of G.107's curve by Cole and Rosenbluth
  ("Voice over IP Performance Monitoring", ACM SIGCOMM CCR 31(2), 2001);
- loss: Ie,eff = Ie + (95 - Ie) Ppl / (Ppl / BurstR + Bpl) (G.107, section 7.5) with Ie = 0 and Bpl = 25.1 for G.711
  with concealment (G.113, appendix I), BurstR = 1: loss is taken as random;
- MOS from R: G.107, annex B.

It is an estimate to compare trunks and hours with, not a measurement of anybody's audio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.bridge.record import LegMedia

DEFAULT_RATING = 93.2
LOSS_ROBUSTNESS = 25.1
MAX_LOSS_IMPAIRMENT = 95.0
KNEE_MS = 177.3
PLAYOUT_JITTERS = 2.0
"""A playout buffer holds about twice the mean jitter (RFC 3550, section 6.4.1), and that is delay to the listener."""

MIN_MOS = 1.0


def estimate_mos(loss_ratio: float, jitter_seconds: float, round_trip_seconds: float) -> float:
    """Mean opinion score of a G.711 stream, 1.0 to 4.41: the scale ends at 4.5, G.711 on the telephone before.

    `loss_ratio` is lost packets of expected ones (0 to 1). Figures outside their range, as a lying RTCP peer can cause,
    count as the nearest possible ones.
    """
    delay_ms = 1000 * (max(0.0, round_trip_seconds) / 2 + PLAYOUT_JITTERS * max(0.0, jitter_seconds))
    loss_percent = 100 * min(1.0, max(0.0, loss_ratio))
    return _mos_from_rating(DEFAULT_RATING - _delay_impairment(delay_ms) - _loss_impairment(loss_percent))


def leg_mos(media: LegMedia) -> float | None:
    """MOS of what a leg sent us; None when nothing arrived, which no score describes."""
    if media.received <= 0:
        return None
    lost = max(0, media.lost)  # duplicates make RTCP's count of lost packets negative (RFC 3550, section 6.4.1)
    return estimate_mos(lost / (media.received + lost), media.jitter, media.round_trip)


def _delay_impairment(delay_ms: float) -> float:
    return 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - KNEE_MS)


def _loss_impairment(loss_percent: float) -> float:
    return MAX_LOSS_IMPAIRMENT * loss_percent / (loss_percent + LOSS_ROBUSTNESS)


def _mos_from_rating(rating: float) -> float:
    """G.107, annex B. Between 0 and 6.5 the cubic dips below 1, the end of the scale."""
    if rating <= 0:
        return MIN_MOS
    return max(MIN_MOS, 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating))
