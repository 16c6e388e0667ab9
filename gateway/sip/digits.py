"""DTMF (RFC 4733) on its way from one leg to the other. Voice is relayed by PJMEDIA's own threads, out of Python."""

from __future__ import annotations

from collections.abc import Iterator

import pjsua2 as pj

EVENT_GOES_ON, EVENT_ENDS = 1, 2
"""Flags of a digit (pjmedia/stream.h, PJMEDIA_STREAM_DTMF_IS_UPDATE and _IS_END), for which pjsua2 has no names."""

END_LOST_SECONDS = 0.3
"""Six packets of a digit, one every 50 ms (RFC 4733, section 2.5.1.2), did not arrive."""


class DigitRelay:
    """Turns the events of one leg's digits into digits to send, each once and as long as it was pressed.

    A digit goes on when its end arrives. Should the three packets that mark the end be lost (RFC 4733, section
    2.5.1.4), the next digit shows that it is over, or the silence that follows. Times are given, in seconds.
    """

    def __init__(self) -> None:
        self._pressed: pj.CallSendDtmfParam | None = None
        self._heard = 0.0

    @property
    def pressed(self) -> bool:
        """Whether a digit goes on."""
        return self._pressed is not None

    def overdue(self, now: float) -> Iterator[pj.CallSendDtmfParam]:
        """The digit that goes on without a sign of it for too long."""
        if now - self._heard > END_LOST_SECONDS:
            yield from self._release()

    def take(self, event: pj.OnDtmfEventParam, now: float) -> Iterator[pj.CallSendDtmfParam]:
        """The digits that this event completes."""
        self._heard = now
        is_update = event.flags & EVENT_GOES_ON
        if not is_update:
            yield from self._release()
        if self._pressed is not None or not is_update:
            self._pressed = _digit(event)
        if event.flags & EVENT_ENDS:
            yield from self._release()

    def _release(self) -> Iterator[pj.CallSendDtmfParam]:
        if self._pressed is not None:
            yield self._pressed
            self._pressed = None


def _digit(event: pj.OnDtmfEventParam) -> pj.CallSendDtmfParam:
    prm = pj.CallSendDtmfParam()
    prm.method = pj.PJSUA_DTMF_METHOD_RFC2833
    prm.digits = event.digit
    prm.duration = event.duration
    return prm
