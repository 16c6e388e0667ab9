"""One leg of a call: a `pj.Call` whose callbacks become reports.

The shell's registry is the only owner of a leg. It is dropped when the stack says DISCONNECTED, which `hangup` does at
once: PJSIP itself sees CANCEL, BYE and a 200 that crosses them through. No reference cycle goes through a leg.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator

import pjsua2 as pj

from gateway.bridge.events import (
    Event,
    Faulted,
    Glare,
    HoldChanged,
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    ReferAnswered,
    ReferReceived,
    ReferStatus,
)
from gateway.bridge.ports import LegId, LegReport, MediaReport, Report
from gateway.bridge.record import LegMedia
from gateway.bridge.terms import INBOUND, OUTBOUND, Role
from gateway.core.terms import On
from gateway.sip.convert import MICROSECONDS, has_body, names_error, names_session, received_message
from gateway.sip.digits import DigitRelay
from gateway.sip.guard import guarded

log = logging.getLogger(__name__)

Emit = Callable[[Report], None]
GLARE_SECONDS = {True: (2.1, 4.0), False: (0.0, 2.0)}
"""How long to wait after a 491, by whether the Call-ID is ours (RFC 3261, section 14.1)."""
BUSY_SECONDS = 0.5
"""How long to wait for an offer of the peer's to be settled before ours is made."""


class SipLeg(pj.Leg):
    """A leg under the id that the engine knows it by."""

    def __init__(self, account: pj.Account, leg_id: LegId, role: Role, emit: Emit, call_id: int | None = None) -> None:
        super().__init__(account, pj.PJSUA_INVALID_ID if call_id is None else call_id)
        self.leg_id = leg_id
        self.role = role
        self.trunk = account.trunk_name
        if account.follows:
            self.follow(account.follows)
        self.ended = False
        self.peer: SipLeg | None = None
        self._reads: frozenset[On] = account.reads
        self._answered = False
        self._emit = emit
        self._digits = DigitRelay()
        self._held = False
        self._resumed = float("-inf")
        self.pressing: set[LegId] = set()
        """Where a leg is named while a digit of its peer goes on; the shell's, once it owns the leg."""
        self.over: list[LegId] = []
        """Where a leg is named once it has ended; the shell's as well."""

    def join_media(self) -> None:
        """Connect both ways with the peer leg once both have audio; harmless to repeat."""
        if self.peer is not None and not self.ended and not self.peer.ended:
            self.join(self.peer)

    def part(self) -> None:
        """Nobody is the peer leg any more."""
        if self.peer is not None:
            self.peer.peer = None
            self.peer = None

    def offer_audio(self, hold: bool) -> None:
        """Offer audio anew, now or when what is in the way is settled."""
        if not self.offer(hold):
            self._postpone(BUSY_SECONDS)

    def silence(self) -> float:
        """Seconds without RTP; who holds need not send any, and has the whole time again when that ends."""
        if self._held:
            return 0.0
        return min(float(self.silentSeconds()), time.monotonic() - self._resumed)

    def keeps_its_place(self) -> bool:
        """Whether PJSIP goes on with it for half a minute after it is hung up: its peer has said nothing yet."""
        return self.role is OUTBOUND and not self._answered and not self.isHeard()

    def _postpone(self, seconds: float) -> None:
        self.report(Glare(self.role, seconds))

    # -- callbacks of the stack ----------------------------------------------------------------------------------

    def callback_failed(self) -> None:
        """What `guarded` tells us."""
        self.report(Faulted())

    @guarded
    def onProgress(self, code: int, message: str) -> None:
        matters = On.PROGRESS in self._reads or has_body(message) or names_session(message)
        self.report(OutboundProgress(code, received_message(message) if matters else None))

    @guarded
    def onAnswer(self, message: str) -> None:
        self._answered = True
        matters = On.ANSWER in self._reads or names_session(message)
        self.report(OutboundAnswered(received_message(message) if matters else None))

    @guarded
    def onAck(self) -> None:
        self.report(InboundConfirmed())

    @guarded
    def onEnd(self, code: int, method: str, message: str) -> None:
        """Of an inbound leg PJSIP says 487 after CANCEL and also after an ACK that never came."""
        no_ack = code == pj.PJSIP_SC_REQUEST_TERMINATED and self.role is INBOUND and method != "INVITE"
        self._end(int(pj.PJSIP_SC_REQUEST_TIMEOUT) if no_ack else code, message)

    @guarded
    def onAudio(self) -> None:
        self.join_media()

    @guarded
    def onHold(self, held: bool) -> None:
        self._held = held
        self._resumed = time.monotonic()
        self.report(HoldChanged(self.role, held))

    @guarded
    def onGlare(self, ours: bool) -> None:
        self._postpone(random.uniform(*GLARE_SECONDS[ours]))

    @guarded
    def onStreamEnd(self, codec: str, *figures: int) -> None:
        received, sent, lost, refused, jitter, round_trip = figures
        times = (jitter * MICROSECONDS, round_trip * MICROSECONDS)
        media = LegMedia(self.role, self.trunk, received, sent, lost, *times, codec, refused)
        self._emit(MediaReport(self.leg_id, media))

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:
        """The machine decides where a call goes on. With STOP the leg would end as 487, not as its 3xx."""
        return int(pj.PJSIP_REDIRECT_REJECT)

    @guarded
    def onReferAnswer(self, code: int) -> None:
        self.report(ReferAnswered(code))

    @guarded
    def onReferStatus(self, code: int, last: bool) -> None:
        self.report(ReferStatus(code, last))

    @guarded
    def onRefer(self, message: str) -> None:
        self.report(ReferReceived(self.role, received_message(message)))

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        self._send_digits(self._digits.take(prm, time.monotonic()))
        if self._digits.pressed:
            self.pressing.add(self.leg_id)

    def release_digit(self) -> None:
        """Send on a digit whose end was lost."""
        self._send_digits(self._digits.overdue(time.monotonic()))
        if not self._digits.pressed:
            self.pressing.discard(self.leg_id)

    def _send_digits(self, digits: Iterator[pj.CallSendDtmfParam]) -> None:
        for digit in digits:
            if self.peer is not None and not self.peer.ended:
                self.peer.press(digit)

    def press(self, digit: pj.CallSendDtmfParam) -> None:
        """Send a digit (RFC 4733); a peer that did not agree to that gets none."""
        try:
            self.sendDtmf(digit)
        except pj.Error as error:
            log.warning("a digit is lost", extra={"trunk": self.trunk, "problem": error.reason})

    # -- reports -------------------------------------------------------------------------------------------------

    def report(self, event: Event) -> None:
        """Tell the engine; nothing follows the leg's end."""
        if not self.ended:
            self._emit(LegReport(self.leg_id, event))

    def lost(self, code: int) -> None:
        """The stack refused an operation on this leg: for the engine, it is gone."""
        self._end(code, "")

    def _end(self, code: int, text: str) -> None:
        if self.ended:
            return
        by_peer = self._is_decision(text)
        message = received_message(text) if by_peer and self._matters(code, text) else None
        ended = InboundEnded if self.role is INBOUND else OutboundEnded
        self.report(ended(code, by_peer, message))
        self.ended = True
        self.over.append(self.leg_id)
        self.part()

    def _matters(self, code: int, text: str) -> bool:
        """Whether anybody reads what ended it: context, where a redirection goes on, a name, Twilio's reason."""
        return On.END in self._reads or 300 <= code < 400 or names_session(text) or names_error(text)

    def _is_decision(self, text: str) -> bool:
        """Whether this ended the leg: BYE, CANCEL, a refusal; not a response to what we ended it with ourselves."""
        is_response = text[:4].upper() == "SIP/"
        return bool(text) and (not is_response or (self.role is OUTBOUND and not self._answered))
