"""A call until its answer: from the INVITE that arrived, over the trunk's URIs, to a 200 or a refusal."""

from __future__ import annotations

from gateway.bridge import outcome as outcomes
from gateway.bridge import redirects
from gateway.bridge.call import Call, State, Step
from gateway.bridge.carrying import carry, map_message, note
from gateway.bridge.commands import Answer, Command, Hangup, Place, Progress, Refuse, StartTimer, StopTimer
from gateway.bridge.events import (
    Event,
    Faulted,
    InboundEnded,
    InviteReceived,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    OutboundTrying,
    Timer,
    TimerFired,
)
from gateway.bridge.outcome import Outcome
from gateway.bridge.reading import carries_sdp, forwards_left, twilio_error
from gateway.bridge.terms import INBOUND, OUTBOUND
from gateway.core.identity import Party, introduce, party_of
from gateway.core.mapping import CallFacts
from gateway.core.message import SipMessage
from gateway.core.plan import Trunk
from gateway.core.routing import request_uri
from gateway.core.terms import Direction, On
from gateway.core.uri import escape_user, parse_uri
from gateway.errors import CallRefused, PeerError

REQUEST_TERMINATED = 487
"""What the stack answers a caller who left (RFC 3261, sections 9.2 and 15.1.2): we never refuse with it."""

HEARD = StopTimer(Timer.RESPONSE)
"""Whom we called gave a sign of life."""


# -- the INVITE ------------------------------------------------------------------------------------------------------


def invite(call: Call, event: InviteReceived) -> Step:
    """Find out where it goes, and set out."""
    call.live.add(INBOUND)
    call.request = event.message
    call.from_trunk = event.trunk
    call.trunks[INBOUND] = event.trunk
    call.told[event.trunk.side] = event.message.headers
    call.direction = Direction.from_source(event.trunk.side)
    call.facts = CallFacts(call.id, event.trunk.name, event.source_address)
    try:
        return _set_out(call, event.message, event.trunk)
    except CallRefused as refusal:
        return _refused(call, refusal)
    except PeerError as error:
        return _refused(call, CallRefused(error.sip_code, "bad-request", str(error)))


def _set_out(call: Call, message: SipMessage, trunk: Trunk) -> Step:
    destination = call.router.route(trunk, parse_uri(message.request_uri or "").user)
    call.to_trunk = call.trunks[OUTBOUND] = destination.trunk
    mapped = map_message(call, On.INVITE, message, INBOUND)
    notes = note(call, On.INVITE, mapped)
    if mapped.refused:
        commands, state = _refused(call, mapped.refused)
        return [*notes, *commands], state
    call.parties = {INBOUND: party_of(message), OUTBOUND: Party(escape_user(destination.user))}
    call.order = Place(
        trunk=destination.trunk.name,
        request_uri="",
        caller=introduce(call.parties[INBOUND], destination.trunk),
        headers=mapped.headers,
        max_forwards=forwards_left(message) - 1,
    )
    call.uris = [request_uri(uri, destination.user) for uri in call.router.uris(destination.trunk)]
    call.told[destination.trunk.side] = mapped.headers
    ring = StartTimer(Timer.RING, call.plan.limits.ring_seconds)
    return [*_place_next(call), *notes, ring], State.CALLING  # what is counted need not keep a caller waiting


def _place_next(call: Call) -> list[Command]:
    call.attempts += 1
    return call.place_next()


def _refused(call: Call, refusal: CallRefused) -> Step:
    found = Outcome(outcomes.Result.CLIENT_ERROR, refusal.reason)
    outcome = found if found in outcomes.OUTCOMES else outcomes.BAD_REQUEST
    call.decide(outcome, refusal.sip_code)
    return [Refuse(refusal.sip_code, (outcomes.warning_header(refusal.warning),))], State.ENDING


# -- what the other side says ----------------------------------------------------------------------------------------


def trying(call: Call, event: OutboundTrying) -> Step:
    """It is there."""
    return [HEARD], call.state


def progress(call: Call, event: OutboundProgress) -> Step:
    """It rings, or plays something."""
    commands: list[Command] = [HEARD]
    if event.code == 199:  # RFC 6228: about a branch, not about the call
        return commands, call.state
    headers, notes = carry(call, On.PROGRESS, event.message, OUTBOUND)
    early = carries_sdp(event.message) and carries_sdp(call.request)
    call.early_media = call.early_media or early
    return [*commands, *notes, Progress(183 if early else 180, headers, early)], State.RINGING


def answered(call: Call, event: OutboundAnswered) -> Step:
    """It answers, and so do we."""
    headers, notes = carry(call, On.ANSWER, event.message, OUTBOUND)
    timers: list[Command] = [
        HEARD,
        StopTimer(Timer.RING),
        StartTimer(Timer.DURATION, call.plan.limits.call_seconds),
    ]
    return [*timers, *notes, Answer(headers)], State.ANSWERED


def outbound_failed(call: Call, event: OutboundEnded) -> Step:
    """It refuses, fails or sends us on: the next URI, or the caller is told."""
    call.live.discard(OUTBOUND)
    missed = [call.missed(event.code)] if outcomes.finds_nobody(event.code, event.by_peer) else []
    if outcomes.tries_next_uri(event.code) and call.uris and not call.early_media:
        return [*_place_next(call), *missed], State.CALLING
    if not call.early_media and redirects.follow(call, call.trunks[OUTBOUND], event.code, event.message):
        return _place_next(call), State.CALLING
    failure = event.code if event.code >= 300 else 480  # a BYE instead of an answer: nobody will
    call.decide(outcomes.outcome_for_code(failure), failure)
    call.twilio_error = twilio_error(event.message)
    headers, notes = carry(call, On.END, event.message, OUTBOUND)
    code = outcomes.answer_for_code(failure) if event.by_peer else outcomes.answer_for_cause(failure)
    return [*notes, Refuse(code, (outcomes.reason_header(failure), *headers)), *missed], State.ENDING


def no_response(call: Call, event: TimerFired) -> Step:
    """It says nothing at all: the next URI, or the caller is told."""
    missed = call.missed()
    if call.uris:
        return [Hangup(OUTBOUND), *_place_next(call), missed], State.CALLING
    call.decide(outcomes.NO_RESPONSE, 408)
    return [Hangup(OUTBOUND), Refuse(504, (outcomes.reason_header(408),)), missed], State.ENDING


def no_answer(call: Call, event: TimerFired) -> Step:
    """It rang as long as it may."""
    call.decide(outcomes.NO_ANSWER, 480)
    reason = ("Reason", 'Q.850;cause=19;text="No answer from user"')  # ITU-T Q.850, table 1
    return [Hangup(OUTBOUND), Refuse(480, (reason,))], State.ENDING


# -- what ends it early ----------------------------------------------------------------------------------------------


def caller_left(call: Call, event: InboundEnded) -> Step:
    """CANCEL, or the caller is not there any more."""
    cancelled = event.by_peer or event.code == REQUEST_TERMINATED
    if cancelled:
        call.decide(outcomes.CANCELLED, REQUEST_TERMINATED)  # that is what the INVITE gets, also after a BYE
    else:
        call.decide(outcomes.PEER_VANISHED, event.code)
    return without_inbound(call, event)


def without_inbound(call: Call, event: InboundEnded) -> Step:
    """The inbound leg is gone: the outbound one follows."""
    call.live.discard(INBOUND)
    headers, notes = carry(call, On.END, event.message, INBOUND)
    return [*notes, Hangup(OUTBOUND, headers)], State.ENDING


def cut_unanswered(call: Call, event: Event) -> Step:
    """The operator ends it, or our own code failed on it."""
    faulted = isinstance(event, Faulted)
    code = 500 if faulted else 503
    call.decide(outcomes.INTERNAL_ERROR if faulted else outcomes.STOPPED, code)
    return [Hangup(OUTBOUND), Refuse(code, ())], State.ENDING
