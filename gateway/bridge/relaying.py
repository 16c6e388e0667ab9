"""Transfers that the other side does: it gets the REFER, and what it tells of it goes back to who asked.

Whom it calls then is its own affair. When it says that the target has answered, this call is over. Of Refer-To it gets
the user, at a host of its own: where the target is in the network of who asks, is not for it to know.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.bridge import outcome as outcomes
from gateway.bridge import talk
from gateway.bridge.call import Call, State, Step
from gateway.bridge.carrying import map_refer, note
from gateway.bridge.commands import AnswerRefer, SendRefer, StartTimer, StopTimer
from gateway.bridge.events import InboundEnded, OutboundEnded, ReferAnswered, ReferStatus, Timer, TimerFired
from gateway.bridge.record import TransferRecord
from gateway.bridge.referring import accept, begin, context_refused, end, refused, settle, tell
from gateway.bridge.terms import Role, TransferResult
from gateway.core.message import SipMessage
from gateway.core.plan import TransferMode, Trunk
from gateway.core.referral import Referral, at_home, build_replaces
from gateway.core.routing import trunk_uri
from gateway.core.terms import On, Side
from gateway.core.uri import SipUri, build_uri, parse_uri

UNSAID = 503
"""The status of a target of which the other side tells nothing that can be read."""


def relay(call: Call, by: Role, message: SipMessage, referral: Referral) -> Step:
    """Ask the other side for the transfer that one side asks for."""
    receiver = call.trunks[by.other]
    if not referral.uri.user:
        return refused(call, by, TransferResult.BAD_REQUEST, 400, "Refer-To names no user")
    dialog = referral.replaces
    if dialog is not None and receiver.side is Side.TWILIO:  # it knows no Replaces, and would see a Call-ID of the PBX
        return refused(call, by, TransferResult.NO_ROUTE, 603, "Twilio cannot replace a dialog")
    headers = () if dialog is None else (("Replaces", build_replaces(dialog)),)
    uri = replace(at_home(referral.uri, _home(call, receiver)), headers=headers)
    limit = receiver.profile.sends.refer_to_characters - len("<>") if receiver.profile.sends else None
    if limit is not None and len(build_uri(uri)) > limit:
        return refused(call, by, TransferResult.BAD_REQUEST, 400, "Refer-To is longer than the other side takes")
    mapped, target = map_refer(call, message, by, uri, limit)
    notes = note(call, On.REFER, mapped) if mapped else []
    if mapped and mapped.refused:
        commands, state = context_refused(call, by, mapped.refused)
        return [*notes, *commands], state
    begin(call, TransferRecord(by, TransferMode.RELAY, receiver.name))
    wait = StartTimer(Timer.RING, call.plan.limits.ring_seconds)
    return [*notes, SendRefer(by.other, f"<{target}>"), wait], State.RELAYING


def _home(call: Call, receiver: Trunk) -> SipUri:
    """Where the other side is: the one of its URIs that took the call, if it was called."""
    if call.order is not None and call.order.trunk == receiver.name:
        return parse_uri(trunk_uri(call.order.request_uri))
    return parse_uri(receiver.uris[0])


def answered(call: Call, event: ReferAnswered) -> Step:
    """The other side takes it on, or not."""
    if event.code < 300:
        return [*accept(call)], call.state
    return _failed(call, outcomes.answer_for_code(event.code))


def status(call: Call, event: ReferStatus) -> Step:
    """The other side tells how its call to the target goes."""
    accepted = accept(call)  # a NOTIFY may be faster than the 202
    code = event.code or (UNSAID if event.is_final else 100)
    if code < 200 and not event.is_final:
        return [*accepted, *tell(call, code, is_final=False)], call.state
    if code >= 300 or code < 200:
        commands, state = _failed(call, code if code >= 300 else UNSAID)
        return [*accepted, *commands], state
    call.decide(outcomes.COMPLETED)
    return [*accepted, *settle(call, TransferResult.COMPLETED, 200), *call.hang_up()], State.ENDING


def no_status(call: Call, event: TimerFired) -> Step:
    """The other side tells nothing."""
    return _failed(call, 504)


def _failed(call: Call, code: int) -> Step:
    if call.accepted:
        return settle(call, TransferResult.FAILED, code), State.TALKING
    noted = end(call, TransferResult.FAILED, code)
    return [StopTimer(Timer.RING), AnswerRefer(call.transfers[-1].by, code), noted], State.TALKING


def left(call: Call, event: InboundEnded | OutboundEnded) -> Step:
    """One of them leaves before it is known what came of it."""
    abandoned = settle(call, TransferResult.ABANDONED, 487)
    if isinstance(event, InboundEnded):
        commands, state = talk.inbound_left(call, event)
    else:
        commands, state = talk.outbound_left(call, event)
    return [*abandoned, *commands], state
