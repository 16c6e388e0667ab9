"""One leg of a call: a `pj.Call` whose callbacks become reports.

The shell's registry is the only owner of a leg. It is dropped when the stack says DISCONNECTED, which `hangup` does at
once: PJSIP itself sees CANCEL, BYE and a 200 that crosses them through. No reference cycle goes through a leg.
"""

from __future__ import annotations

from collections.abc import Callable

import pjsua2 as pj

from gateway.bridge.commands import HeaderList, Role
from gateway.bridge.events import (
    Event,
    Faulted,
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    OutboundTrying,
)
from gateway.bridge.ports import LegId, LegReport, MediaReport, Report
from gateway.sip.convert import call_settings, received_message
from gateway.sip.guard import guarded
from gateway.sip.media import DigitRelay, active_audio, stream_figures

Emit = Callable[[Report], None]


class SipLeg(pj.Call):
    """A leg under the id that the engine knows it by."""

    def __init__(self, account: pj.Account, leg_id: LegId, role: Role, emit: Emit, call_id: int | None = None) -> None:
        super().__init__(account, pj.PJSUA_INVALID_ID if call_id is None else call_id)
        self.leg_id = leg_id
        self.role = role
        self.trunk = account.trunk_name
        self.ended = False
        self.peer: SipLeg | None = None
        self._emit = emit
        self._heard = False
        self._digits = DigitRelay()

    # -- what the engine wants -----------------------------------------------------------------------------------

    def end(self, code: int, headers: HeaderList) -> None:
        """Final failure, CANCEL or BYE, as the leg's state demands; reports the leg's end before it returns.

        Raises:
            pj.Error: the stack could not.
        """
        self.hangup(call_settings(headers, code))

    def join_media(self) -> None:
        """Connect both ways with the peer leg once both have audio; harmless to repeat."""
        if self.peer is None or self.ended or self.peer.ended:
            return
        mine, theirs = active_audio(self), active_audio(self.peer)
        if mine and theirs:
            mine.startTransmit(theirs)
            theirs.startTransmit(mine)

    # -- callbacks of pjsua2 -------------------------------------------------------------------------------------

    def callback_failed(self) -> None:
        """What `guarded` tells us."""
        self.report(Faulted())

    @guarded
    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._end(info.lastStatusCode, prm.e)
        elif self.role is Role.INBOUND:
            if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
                self.report(InboundConfirmed())
        elif info.state == pj.PJSIP_INV_STATE_EARLY:
            self.report(OutboundProgress(info.lastStatusCode, received_message(prm.e)))
        elif info.state == pj.PJSIP_INV_STATE_CONNECTING:
            self.report(OutboundAnswered(received_message(prm.e)))

    @guarded
    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        """The stack has no call state for 100: the first response shows only in the transaction."""
        if self._heard or self.role is Role.INBOUND:
            return
        if prm.e.body.tsxState.type == pj.PJSIP_EVENT_RX_MSG:
            self._heard = True
            self.report(OutboundTrying())

    @guarded
    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        self.join_media()

    @guarded
    def onStreamDestroyed(self, prm: pj.OnStreamDestroyedParam) -> None:
        self._emit(MediaReport(self.leg_id, stream_figures(self, prm.streamIdx)))

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        for digit in self._digits.take(prm):
            if self.peer is not None and not self.peer.ended:
                self.peer.sendDtmf(digit)

    # -- reports -------------------------------------------------------------------------------------------------

    def report(self, event: Event) -> None:
        """Tell the engine; nothing follows the leg's end."""
        if not self.ended:
            self._emit(LegReport(self.leg_id, event))

    def lost(self, code: int) -> None:
        """The stack refused an operation on this leg: for the engine, it is gone."""
        self._end(code, None)

    def _end(self, code: int, event: pj.SipEvent | None) -> None:
        message = received_message(event) if event is not None else None
        ended = InboundEnded if self.role is Role.INBOUND else OutboundEnded
        self.report(ended(code, message is not None, message))
        self.ended = True
        if self.peer is not None:
            self.peer.peer = None
            self.peer = None
