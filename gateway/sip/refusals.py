"""Why the stack, or the shell before any call, turns requests away: its answers as the words that are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pjsua2 as pj

from gateway.bridge.admission import NOT_ALLOWED, Rejection
from gateway.bridge.outcome import warning_header
from gateway.bridge.ports import Refusal
from gateway.sip.places import NO_PLACE

MALFORMED = Rejection("malformed", 400, (warning_header("this message cannot be read"),))
SILENCED = "unknown-source-silenced"
"""Requests of strangers, of any kind, that got no answer because there were too many."""
NO_RTP_PORTS = "no-rtp-ports"
"""What the stack's log says, and no code."""
OTHER_REFUSAL = "refused-by-stack"

_TURNED_AWAY = {
    pj.SILENCED: SILENCED,
    pj.STRANGER: NOT_ALLOWED.reason,
    pj.UNSUPPORTED: "unsupported",
    pj.UNREADABLE: MALFORMED.reason,
    pj.NO_DIALOG: "no-dialog",
}
_ANSWERS = {
    **dict.fromkeys((400, 415), MALFORMED.reason),
    **dict.fromkeys((420, 421, 422), "unsupported"),
    488: "no-common-codec",
    503: NO_PLACE.reason,
}

REASONS = (
    *_TURNED_AWAY.values(),
    NO_RTP_PORTS,
    OTHER_REFUSAL,
    *sorted({*_ANSWERS.values()} - {*_TURNED_AWAY.values()}),
)
"""Every word that is used here."""


def reason_of(code: int) -> str:
    """What PJSIP's own answer to an INVITE means."""
    return _ANSWERS.get(code, OTHER_REFUSAL)


def turned_away() -> Iterator[Refusal]:
    """Requests that the stack turned away without a word to us, since this was asked last."""
    for kind, reason in _TURNED_AWAY.items():
        if count := pj.sipTakeTurnedAway(kind):
            yield Refusal(reason, pj.sipLastTurnedAway(kind), 0, count)
