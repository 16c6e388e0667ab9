"""Transfers: one of two who talk asks us by REFER to call somebody else in its place (RFC 3515, RFC 5589).

Whom it names is a user, never a host: the call goes where one that arrives from its trunk could go. Until the target
answers, nothing changes between the two; then the target takes the place of who asked. If who asked leaves first, the
other one waits for the target alone.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.bridge import outcome as outcomes
from gateway.bridge import talk
from gateway.bridge.call import Call, State, Step
from gateway.bridge.carrying import map_transfer, note
from gateway.bridge.commands import (
    AnswerRefer,
    Command,
    Hangup,
    NoteTransfer,
    NotifyRefer,
    Place,
    Promote,
    StartTimer,
    StopTimer,
)
from gateway.bridge.events import (
    ROLE_OF,
    Event,
    InboundEnded,
    OutboundEnded,
    ReferReceived,
    TargetAnswered,
    TargetEnded,
    TargetProgress,
    TargetTrying,
    Timer,
    TimerFired,
)
from gateway.bridge.reading import forwards_left
from gateway.bridge.record import TransferRecord
from gateway.bridge.terms import Role, TransferResult
from gateway.core.headers import Headers
from gateway.core.mapping import Mapped
from gateway.core.message import SipMessage
from gateway.core.plan import TransferMode, Trunk
from gateway.core.referral import Referral, parse_referral
from gateway.core.routing import Destination, request_uri
from gateway.core.terms import On
from gateway.core.uri import escape_user
from gateway.errors import CallRefused, PeerError

KEPT_TRANSFERS = 10
"""A peer may try without end; of each call the last are kept."""


# -- REFER -----------------------------------------------------------------------------------------------------------


def refer(call: Call, event: ReferReceived) -> Step:
    """One of two who talk asks for a transfer."""
    if Role.TARGET in call.live:  # the last one's leg is not gone yet
        return not_now(call, event)
    if call.trunks[event.by].transfer is TransferMode.REJECT:
        return _refused(call, event.by, TransferResult.REJECTED, 603, "transfers are not allowed on this trunk")
    try:
        if event.message is None:
            raise PeerError("the REFER cannot be read")
        return _set_out(call, event, event.message, parse_referral(event.message))
    except PeerError as error:
        return _refused(call, event.by, TransferResult.BAD_REQUEST, 400, str(error))


def _set_out(call: Call, event: ReferReceived, message: SipMessage, referral: Referral) -> Step:
    if not event.admitted:
        return _refused(call, event.by, TransferResult.LIMITED, 503, "limits.calls_per_second is reached")
    if referral.replaces is not None:
        return _refused(call, event.by, TransferResult.NO_ROUTE, 603, "no dialog is replaced")
    try:
        destination = call.router.route(call.trunks[event.by], referral.uri.user)
    except CallRefused as refusal:
        return _refused(call, event.by, TransferResult.NO_ROUTE, 603, refusal.warning)
    mapped = map_transfer(call, message, event.by, destination.trunk)
    notes = note(call, On.REFER, mapped)
    if mapped.refused:
        code, warning = mapped.refused.sip_code, mapped.refused.warning
        commands, state = _refused(call, event.by, TransferResult.CONTEXT_REFUSED, code, warning)
        return [*notes, *commands], state
    return [*notes, *_call_target(call, event.by, destination, mapped)], State.TRANSFERRING


def _call_target(call: Call, by: Role, destination: Destination, mapped: Mapped) -> list[Command]:
    assert call.request is not None
    call.transfers = [*call.transfers, TransferRecord(by, TransferMode.LOCAL, destination.trunk.name)][-KEPT_TRANSFERS:]
    call.trunks[Role.TARGET] = destination.trunk
    call.parties[Role.TARGET] = escape_user(destination.user)
    call.order = Place(
        trunk=destination.trunk.name,
        request_uri="",
        caller=call.parties[by.other],
        headers=mapped.headers,
        max_forwards=forwards_left(call.request) - 1,
        role=Role.TARGET,
    )
    call.uris = [request_uri(uri, destination.user) for uri in destination.trunk.uris]
    ring = StartTimer(Timer.RING, call.plan.limits.ring_seconds)
    return [AnswerRefer(by, 202), *call.place_next(), ring]


def not_now(call: Call, event: ReferReceived) -> Step:
    """There is no answered call yet, or one transfer is under way: RFC 3261, section 21.4.27."""
    return _refused(call, event.by, TransferResult.PENDING, 491, "the call is not answered, or is being transferred")


def too_late(call: Call, event: ReferReceived) -> Step:
    """The call is as good as over, and nothing is begun any more."""
    return [AnswerRefer(event.by, 481)], call.state


def _refused(call: Call, by: Role, result: TransferResult, code: int, warning: str) -> Step:
    note = NoteTransfer(call.trunks[by].transfer, result)
    return [AnswerRefer(by, code, (outcomes.warning_header(warning),)), note], call.state


# -- the target ------------------------------------------------------------------------------------------------------


def trying(call: Call, event: TargetTrying) -> Step:
    """It is there."""
    return [StopTimer(Timer.RESPONSE)], call.state


def progress(call: Call, event: TargetProgress) -> Step:
    """It rings; who talks goes on to talk, so its early media is heard by nobody."""
    if event.code == 199:  # RFC 6228: about a branch, not about the call
        return [StopTimer(Timer.RESPONSE)], call.state
    return [StopTimer(Timer.RESPONSE), *_tell(call, event.code, is_final=False)], call.state


def answered(call: Call, event: TargetAnswered) -> Step:
    """It answers, and takes the place of who asked for it."""
    by, target = call.transfers[-1].by, call.trunks[Role.TARGET]
    commands = _settle(call, TransferResult.COMPLETED, 200)
    return [*commands, *_promote(call, by, target)], State.TALKING


def _promote(call: Call, role: Role, trunk: Trunk) -> list[Command]:
    assert call.request is not None and call.order is not None
    call.trunks[role] = trunk
    call.told[trunk.side] = replace(call.request, headers=Headers(call.order.headers))
    call.parties[role] = call.parties[Role.TARGET]
    if role in call.live:
        return [Promote(role), Hangup(Role.TARGET)]
    call.live ^= {role, Role.TARGET}
    return [Promote(role)]


def failed(call: Call, event: TargetEnded) -> Step:
    """It refuses or fails: the next URI, or all is as it was."""
    call.live.discard(Role.TARGET)
    if outcomes.tries_next_uri(event.code) and call.uris:
        return call.place_next(), call.state
    failure = event.code if event.code >= 300 else 480  # a BYE instead of an answer: nobody will
    return _given_up(call, outcomes.answer_for_code(failure))


def no_response(call: Call, event: TimerFired) -> Step:
    """It says nothing at all: the next URI, or all is as it was."""
    if call.uris:
        return [Hangup(Role.TARGET), *call.place_next()], call.state
    return _given_up(call, 504)


def no_answer(call: Call, event: TimerFired) -> Step:
    """It rang as long as it may."""
    return _given_up(call, 480)


def _given_up(call: Call, code: int) -> Step:
    commands = _settle(call, TransferResult.FAILED, code)
    if call.state is State.TRANSFERRING:
        target = [Hangup(Role.TARGET)] if Role.TARGET in call.live else []
        return [*target, *commands], State.TALKING
    call.decide(outcomes.COMPLETED)  # it was answered, and one side hung up
    return [*commands, *call.hang_up()], State.ENDING


def target_gone(call: Call, event: TargetEnded) -> Step:
    """The leg that a transfer left over has ended."""
    call.live.discard(Role.TARGET)
    return [], call.state


# -- the two who talked ----------------------------------------------------------------------------------------------


def left(call: Call, event: InboundEnded | OutboundEnded) -> Step:
    """One of them leaves: who asked need not wait, and without the other there is nobody to call the target for."""
    role = ROLE_OF[type(event)]
    if role not in call.live:
        return [], call.state
    if call.state is State.TRANSFERRING and role is call.transfers[-1].by:
        call.live.discard(role)
        return [], State.FORWARDING
    abandoned = _settle(call, TransferResult.ABANDONED, 487)
    if isinstance(event, InboundEnded):
        commands, state = talk.inbound_left(call, event)
    else:
        commands, state = talk.outbound_left(call, event)
    return [*abandoned, Hangup(Role.TARGET), *commands], state


def too_long(call: Call, event: TimerFired) -> Step:
    """The call is as long as it may be."""
    abandoned = _settle(call, TransferResult.ABANDONED, 487)
    commands, state = talk.too_long(call, event)
    return [*abandoned, *commands], state


def cut(call: Call, event: Event) -> Step:
    """The operator ends it, or our own code failed on it."""
    abandoned = _settle(call, TransferResult.ABANDONED, 487)
    commands, state = talk.cut_answered(call, event)
    return [*abandoned, *commands], state


# -- what is told ----------------------------------------------------------------------------------------------------


def _settle(call: Call, result: TransferResult, code: int) -> list[Command]:
    """The transfer is decided, and whoever asked for it is told."""
    transfer = call.transfers[-1] = replace(call.transfers[-1], result=result, code=code)
    timers: list[Command] = [StopTimer(Timer.RESPONSE), StopTimer(Timer.RING)]
    return [*timers, *_tell(call, code, is_final=True), NoteTransfer(transfer.mode, result)]


def _tell(call: Call, code: int, *, is_final: bool) -> list[Command]:
    by = call.transfers[-1].by
    return [NotifyRefer(by, code, is_final)] if by in call.live else []
