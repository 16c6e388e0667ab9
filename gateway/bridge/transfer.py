"""Transfers: one of two who talk asks us by REFER to call somebody else in its place (RFC 3515, RFC 5589).

Whom it names is a user, never a host: the call goes where one that arrives from its trunk could go. Until the target
answers, nothing changes between the two; then the target takes the place of who asked. If who asked leaves first, the
other one waits for the target alone. Who asked may have a call with the target already (Replaces, RFC 3891): if that is
one of ours, the two are joined at once.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.bridge import holding, redirects, talk
from gateway.bridge import outcome as outcomes
from gateway.bridge.call import Call, State, Step
from gateway.bridge.carrying import map_transfer, note
from gateway.bridge.commands import (
    AnswerRefer,
    AnswerReplacement,
    Command,
    Hangup,
    HeaderList,
    NoteTransfer,
    Place,
    Preview,
    Promote,
    RefuseReplacement,
    StartTimer,
    StopTimer,
    TakeLeg,
)
from gateway.bridge.events import (
    ROLE_OF,
    Consultation,
    Event,
    InboundConfirmed,
    InboundEnded,
    LegTaken,
    OutboundEnded,
    ReferReceived,
    ReplacementArrived,
    TargetAnswered,
    TargetEnded,
    TargetProgress,
    TargetTrying,
    Timer,
    TimerFired,
)
from gateway.bridge.reading import forwards_left
from gateway.bridge.record import TransferRecord
from gateway.bridge.referring import accept, begin, context_refused, end, refused, settle, tell
from gateway.bridge.relaying import relay
from gateway.bridge.terms import Role, TransferResult
from gateway.core.identity import Party, introduce, party_of
from gateway.core.message import SipMessage
from gateway.core.plan import TransferMode, Trunk
from gateway.core.profile import is_protected
from gateway.core.referral import DialogId, Referral, build_replaces, parse_referral
from gateway.core.routing import Destination, request_uri
from gateway.core.terms import On
from gateway.core.uri import escape_user
from gateway.errors import CallRefused, PeerError

# -- REFER -----------------------------------------------------------------------------------------------------------


def refer(call: Call, event: ReferReceived) -> Step:
    """One of two who talk asks for a transfer."""
    if Role.TARGET in call.live:  # the last one's leg is not gone yet
        return not_now(call, event)
    if call.trunks[event.by].transfer is TransferMode.REJECT:
        return refused(call, event.by, TransferResult.REJECTED, 603, "transfers are not allowed on this trunk")
    try:
        if event.message is None:
            raise PeerError("the REFER cannot be read")
        return _set_out(call, event, event.message, parse_referral(event.message))
    except PeerError as error:
        return refused(call, event.by, TransferResult.BAD_REQUEST, 400, str(error))


def refer_unconfirmed(call: Call, event: ReferReceived) -> Step:
    """Who was called asks before the ACK of the caller is here; the caller itself has to send that first."""
    return not_now(call, event) if event.by is Role.INBOUND else refer(call, event)


def confirmed(call: Call, event: InboundConfirmed) -> Step:
    """The caller has our answer by now."""
    commands, _ = talk.confirmed(call, event)
    return commands, call.state


def _set_out(call: Call, event: ReferReceived, message: SipMessage, referral: Referral) -> Step:
    if event.consultation is not None:
        return _join(call, event.by, event.consultation)
    if not event.admitted:
        return refused(call, event.by, TransferResult.LIMITED, 503, "limits.calls_per_second is reached")
    if call.trunks[event.by].transfer is TransferMode.RELAY:
        return relay(call, event.by, message, referral)
    try:
        destination = _route(call, event.by, referral)
    except CallRefused as refusal:
        return refused(call, event.by, TransferResult.NO_ROUTE, 603, refusal.warning)
    if referral.replaces is None:
        mapped = map_transfer(call, message, event.by, destination.trunk)
    else:  # what that side knows of the call, it knows; the other side's knowledge goes to it
        mapped = map_transfer(call, None, event.by.other, destination.trunk)
    notes = note(call, On.REFER, mapped)
    if mapped.refused:
        commands, state = context_refused(call, event.by, mapped.refused)
        return [*notes, *commands], state
    headers = (*mapped.headers, *_replacing(referral.replaces))
    return [*notes, *_call_target(call, event.by, destination, headers)], State.TRANSFERRING


def _route(call: Call, by: Role, referral: Referral) -> Destination:
    """Where the target is called: on the other side; or, to replace a dialog of who asks, on the side that it is of."""
    if referral.replaces is None:
        return call.router.route(call.trunks[by], referral.uri.user)
    destination = call.router.route(call.trunks[by.other], referral.uri.user)
    if destination.trunk.name != call.trunks[by].name:
        raise CallRefused(603, "no-route", "the dialog to replace is not on the trunk that the route leads to")
    return destination


def _replacing(dialog: DialogId | None) -> HeaderList:
    return () if dialog is None else (("Replaces", build_replaces(dialog)), ("Require", "replaces"))


def _join(call: Call, by: Role, consultation: Consultation) -> Step:
    """Who asks has a call with the target here: of the two calls, the two legs that are left become one call."""
    _begin(call, by, consultation.trunk, consultation.party)
    call.live.add(Role.TARGET)
    taken = [*accept(call), TakeLeg(consultation.call_id, consultation.role)]
    commands = settle(call, TransferResult.COMPLETED, 200)
    return [*taken, *commands, *_promote(call, by)], State.TALKING


def leg_taken(call: Call, event: LegTaken) -> Step:
    """The target of a consultation is in the other call now; who consulted is done here."""
    call.live.discard(event.role)
    call.decide(outcomes.COMPLETED)
    return call.hang_up(), State.ENDING


def _begin(call: Call, by: Role, trunk: Trunk, party: Party) -> None:
    begin(call, TransferRecord(by, TransferMode.LOCAL, trunk.name))
    call.trunks[Role.TARGET] = trunk
    call.parties[Role.TARGET] = party


def _call_target(call: Call, by: Role, destination: Destination, headers: HeaderList) -> list[Command]:
    assert call.request is not None
    _begin(call, by, destination.trunk, Party(escape_user(destination.user)))
    call.order = Place(
        trunk=destination.trunk.name,
        request_uri="",
        caller=introduce(replace(call.parties[by.other], diversions=()), destination.trunk),
        headers=headers,
        max_forwards=forwards_left(call.request) - 1,
        role=Role.TARGET,
    )
    call.uris = [request_uri(uri, destination.user) for uri in call.router.uris(destination.trunk)]
    call.redirects = 0
    ring = StartTimer(Timer.RING, call.plan.limits.ring_seconds)
    return [*accept(call), *call.place_next(), ring]


def not_now(call: Call, event: ReferReceived) -> Step:
    """There is no answered call yet, or one transfer is under way: RFC 3261, section 21.4.27."""
    return refused(call, event.by, TransferResult.PENDING, 491, "the call is not answered, or is being transferred")


def too_late(call: Call, event: ReferReceived) -> Step:
    """The call is as good as over, and nothing is begun any more."""
    return [AnswerRefer(event.by, 481)], call.state


# -- INVITE with Replaces --------------------------------------------------------------------------------------------


def replaced(call: Call, event: ReplacementArrived) -> Step:
    """Who has one of the two legs hands it to another of its trunk, as a PBX does that transfers by itself."""
    if Role.TARGET in call.live:
        return not_replaced_now(call, event)
    trunk = call.trunks[event.role]
    if trunk.transfer is TransferMode.REJECT:
        return _not_replaced(call, event, TransferResult.REJECTED, 603)
    _begin(call, event.role, trunk, party_of(event.message))
    call.live.add(Role.TARGET)
    noted = end(call, TransferResult.COMPLETED, 200)
    return [AnswerReplacement(), noted, *_promote(call, event.role)], State.TALKING


def not_replaced_now(call: Call, event: ReplacementArrived) -> Step:
    """The call is not answered, or is being transferred."""
    return _not_replaced(call, event, TransferResult.PENDING, 491)


def replaced_too_late(call: Call, event: ReplacementArrived) -> Step:
    """The call is as good as over."""
    return [RefuseReplacement(481, ())], call.state


def _not_replaced(call: Call, event: ReplacementArrived, result: TransferResult, code: int) -> Step:
    return [RefuseReplacement(code, ()), NoteTransfer(call.trunks[event.role].transfer, result)], call.state


# -- the target ------------------------------------------------------------------------------------------------------


def trying(call: Call, event: TargetTrying) -> Step:
    """It is there."""
    return [StopTimer(Timer.RESPONSE)], call.state


def progress(call: Call, event: TargetProgress) -> Step:
    """It rings. While two talk, nobody hears what it plays; who is left for it does (`left`)."""
    if event.code == 199:  # RFC 6228: about a branch, not about the call
        return [StopTimer(Timer.RESPONSE)], call.state
    return [StopTimer(Timer.RESPONSE), *tell(call, event.code, is_final=False)], call.state


def answered(call: Call, event: TargetAnswered) -> Step:
    """It answers, and takes the place of who asked for it."""
    assert call.order is not None
    context = tuple(header for header in call.order.headers if not is_protected(header[0]))
    call.told[call.trunks[Role.TARGET].side] = context
    commands = settle(call, TransferResult.COMPLETED, 200)
    return [*commands, *_promote(call, call.transfers[-1].by)], State.TALKING


def _promote(call: Call, role: Role) -> list[Command]:
    call.trunks[role] = call.trunks[Role.TARGET]
    call.parties[role] = call.parties[Role.TARGET]
    offers = holding.replaced(call, role)
    if role in call.live:
        return [Promote(role), Hangup(Role.TARGET), *offers]
    call.live ^= {role, Role.TARGET}
    return [Promote(role), *offers]


def failed(call: Call, event: TargetEnded) -> Step:
    """It refuses, fails or sends us on: the next URI, or all is as it was."""
    call.live.discard(Role.TARGET)
    missed = [call.missed(event.code)] if outcomes.finds_nobody(event.code, event.by_peer) else []
    if outcomes.tries_next_uri(event.code) and call.uris:
        return [*_place_next(call), *missed], call.state
    if redirects.follow(call, call.trunks[Role.TARGET], event.code, event.message):
        return _place_next(call), call.state
    failure = event.code if event.code >= 300 else 480  # a BYE instead of an answer: nobody will
    commands, state = _given_up(call, outcomes.answer_for_code(failure))
    return [*commands, *missed], state


def no_response(call: Call, event: TimerFired) -> Step:
    """It says nothing at all: the next URI, or all is as it was."""
    missed = call.missed()
    if call.uris:
        return [Hangup(Role.TARGET), *_place_next(call), missed], call.state
    commands, state = _given_up(call, 504)
    return [*commands, missed], state


def no_answer(call: Call, event: TimerFired) -> Step:
    """It rang as long as it may."""
    return _given_up(call, 480)


def _place_next(call: Call) -> list[Command]:
    commands = call.place_next()
    return [*commands, _preview(call)] if call.state is State.FORWARDING else commands


def _preview(call: Call) -> Preview:
    """Who is left for the target hears what it plays before it answers."""
    return Preview(call.transfers[-1].by.other)


def _given_up(call: Call, code: int) -> Step:
    commands = settle(call, TransferResult.FAILED, code)
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
        return [_preview(call)], State.FORWARDING
    abandoned = settle(call, TransferResult.ABANDONED, 487)
    if isinstance(event, InboundEnded):
        commands, state = talk.inbound_left(call, event)
    else:
        commands, state = talk.outbound_left(call, event)
    return [*abandoned, Hangup(Role.TARGET), *commands], state


def too_long(call: Call, event: TimerFired) -> Step:
    """The call is as long as it may be."""
    abandoned = settle(call, TransferResult.ABANDONED, 487)
    commands, state = talk.too_long(call, event)
    return [*abandoned, *commands], state


def not_silent(call: Call, event: TimerFired) -> Step:
    """Who waits for a transfer may be silent: it has an end of its own."""
    return talk.watch_audio(call), call.state


def cut(call: Call, event: Event) -> Step:
    """The operator ends it, or our own code failed on it."""
    abandoned = settle(call, TransferResult.ABANDONED, 487)
    commands, state = talk.cut_answered(call, event)
    return [*abandoned, *commands], state
