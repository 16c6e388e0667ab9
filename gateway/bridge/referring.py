"""Who asked for a transfer, and what it is told: the answer to its REFER, and how it goes (RFC 3515)."""

from __future__ import annotations

from dataclasses import replace

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import Call, Step
from gateway.bridge.commands import AnswerRefer, Command, NoteTransfer, NotifyRefer, StopTimer
from gateway.bridge.events import Timer
from gateway.bridge.record import TransferRecord
from gateway.bridge.terms import Role, TransferResult
from gateway.errors import CallRefused

KEPT_TRANSFERS = 10
"""A peer may try without end; of each call the last are kept."""


def refused(call: Call, by: Role, result: TransferResult, code: int, warning: str) -> Step:
    """Nothing comes of it, and nothing changes."""
    note = NoteTransfer(call.trunks[by].transfer, result)
    return [AnswerRefer(by, code, (outcomes.warning_header(warning),)), note], call.state


def context_refused(call: Call, by: Role, refusal: CallRefused) -> Step:
    """The contract does not let it go on."""
    return refused(call, by, TransferResult.CONTEXT_REFUSED, refusal.sip_code, refusal.warning)


def begin(call: Call, transfer: TransferRecord) -> None:
    """It is tried."""
    call.transfers = [*call.transfers, transfer][-KEPT_TRANSFERS:]
    call.accepted = False


def accept(call: Call) -> list[Command]:
    """Say 202, once."""
    if call.accepted:
        return []
    call.accepted = True
    return [AnswerRefer(call.transfers[-1].by, 202)]


def settle(call: Call, result: TransferResult, code: int) -> list[Command]:
    """It is decided, and whoever asked for it is told."""
    noted = end(call, result, code)
    return [StopTimer(Timer.RESPONSE), StopTimer(Timer.RING), *tell(call, code, is_final=True), noted]


def end(call: Call, result: TransferResult, code: int) -> NoteTransfer:
    """It is decided."""
    transfer = call.transfers[-1] = replace(call.transfers[-1], result=result, code=code)
    return NoteTransfer(transfer.mode, result)


def tell(call: Call, code: int, *, is_final: bool) -> list[Command]:
    """How it goes, if who asked was told that it is tried, and is still there."""
    by = call.transfers[-1].by
    return [NotifyRefer(by, code, is_final)] if call.accepted and by in call.live else []
