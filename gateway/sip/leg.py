"""One leg of a call: a `pj.Call` whose callbacks become reports.

The shell's registry is the only owner of a leg. It is dropped when the stack says DISCONNECTED, which `hangup` does at
once: PJSIP itself sees CANCEL, BYE and a 200 that crosses them through. No reference cycle goes through a leg.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pjsua2 as pj

from gateway.bridge.commands import Role
from gateway.bridge.events import (
    Event,
    Faulted,
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    ReferReceived,
)
from gateway.bridge.ports import LegId, LegReport, MediaReport, Report
from gateway.bridge.record import LegMedia
from gateway.core.terms import On
from gateway.sip.convert import MICROSECONDS, received_message
from gateway.sip.digits import DigitRelay
from gateway.sip.guard import guarded

log = logging.getLogger(__name__)

Emit = Callable[[Report], None]


class SipLeg(pj.Leg):
    """A leg under the id that the engine knows it by."""

    def __init__(self, account: pj.Account, leg_id: LegId, role: Role, emit: Emit, call_id: int | None = None) -> None:
        super().__init__(account, pj.PJSUA_INVALID_ID if call_id is None else call_id)
        self.leg_id = leg_id
        self.role = role
        self.trunk = account.trunk_name
        self.ended = False
        self.peer: SipLeg | None = None
        self._reads: frozenset[On] = account.reads
        self._answered = False
        self._emit = emit
        self._digits = DigitRelay()

    def join_media(self) -> None:
        """Connect both ways with the peer leg once both have audio; harmless to repeat."""
        if self.peer is not None and not self.ended and not self.peer.ended:
            self.join(self.peer)

    def part(self) -> None:
        """Nobody is the peer leg any more."""
        if self.peer is not None:
            self.peer.peer = None
            self.peer = None

    # -- callbacks of the stack ----------------------------------------------------------------------------------

    def callback_failed(self) -> None:
        """What `guarded` tells us."""
        self.report(Faulted())

    @guarded
    def onProgress(self, code: int, message: str) -> None:
        self.report(OutboundProgress(code, received_message(message)))

    @guarded
    def onAnswer(self, message: str) -> None:
        self._answered = True
        self.report(OutboundAnswered(received_message(message) if On.ANSWER in self._reads else None))

    @guarded
    def onAck(self) -> None:
        self.report(InboundConfirmed())

    @guarded
    def onEnd(self, code: int, method: str, message: str) -> None:
        """Of an inbound leg PJSIP says 487 after CANCEL and also after an ACK that never came."""
        no_ack = code == pj.PJSIP_SC_REQUEST_TERMINATED and self.role is Role.INBOUND and method != "INVITE"
        self._end(int(pj.PJSIP_SC_REQUEST_TIMEOUT) if no_ack else code, message)

    @guarded
    def onAudio(self) -> None:
        self.join_media()

    @guarded
    def onStreamEnd(self, received: int, sent: int, lost: int, jitter_us: int, round_trip_us: int, codec: str) -> None:
        times = (jitter_us * MICROSECONDS, round_trip_us * MICROSECONDS)
        self._emit(MediaReport(self.leg_id, LegMedia(self.role, self.trunk, received, sent, lost, *times, codec)))

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:
        """No redirection is followed: trunks say where calls go. With STOP the leg would end as 487, not as its 3xx."""
        return int(pj.PJSIP_REDIRECT_REJECT)

    @guarded
    def onRefer(self, message: str) -> None:
        self.report(ReferReceived(self.role, received_message(message)))

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        for digit in self._digits.take(prm):
            if self.peer is not None and not self.peer.ended:
                self.peer.press(digit)

    def press(self, digit: pj.CallSendDtmfParam) -> None:
        """Send a digit (RFC 4733); a peer that did not agree to that gets none."""
        try:
            self.sendDtmf(digit)
        except pj.Error as error:
            log.debug("a digit is not passed on", extra={"trunk": self.trunk, "problem": error.reason})

    # -- reports -------------------------------------------------------------------------------------------------

    def report(self, event: Event) -> None:
        """Tell the engine; nothing follows the leg's end."""
        if not self.ended:
            self._emit(LegReport(self.leg_id, event))

    def lost(self, code: int) -> None:
        """The stack refused an operation on this leg: for the engine, it is gone."""
        self._end(code, "")

    def _end(self, code: int, text: str) -> None:
        by_peer = self._is_decision(text)
        message = received_message(text) if by_peer and On.END in self._reads else None
        ended = InboundEnded if self.role is Role.INBOUND else OutboundEnded
        self.report(ended(code, by_peer, message))
        self.ended = True
        self.part()

    def _is_decision(self, text: str) -> bool:
        """Whether this ended the leg: BYE, CANCEL, a refusal; not a response to what we ended it with ourselves."""
        is_response = text[:4].upper() == "SIP/"
        return bool(text) and (not is_response or (self.role is Role.OUTBOUND and not self._answered))
