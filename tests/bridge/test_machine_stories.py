"""Stories that a call goes through: races, several URIs, offers, INVITEs of all kinds, context."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import (
    Answer,
    Finish,
    Hangup,
    NoteMiss,
    Place,
    Progress,
    Refuse,
    Role,
    StartTimer,
    StopTimer,
)
from gateway.bridge.events import (
    InboundEnded,
    InviteReceived,
    OutboundEnded,
    OutboundProgress,
    Timer,
    TimerFired,
)
from gateway.bridge.machine import CallMachine
from gateway.bridge.outcome import Outcome
from gateway.core.identity import Introduction
from gateway.core.message import parse_message
from gateway.core.plan import Limits, Trunk
from gateway.core.routing import Destination, Router
from gateway.core.terms import Direction
from gateway.errors import CallRefused
from tests.bridge.samples import (
    ANSWERED,
    CUSTOMER,
    EARLY_MEDIA,
    FIRST,
    RINGING,
    SDP,
    SECOND,
    THIRD,
    call_in,
    feed,
    invite,
    machine_for,
    place,
    plan,
    reason,
    refused,
    response,
)

PLAN = plan()
TWO_URIS = plan(uris=(FIRST, SECOND))
INVITE = invite(PLAN)

UNANSWERED = (State.CALLING, State.RINGING)
OUT, IN = Hangup(Role.OUTBOUND), Hangup(Role.INBOUND)
HEARD = StopTimer(Timer.RESPONSE)


# ---- CANCEL and 200 ----


def test_a_200_that_crosses_our_cancel_is_hung_up_and_the_call_stays_cancelled() -> None:
    machine = call_in(State.RINGING, PLAN)
    assert feed(machine, InboundEnded(487, False, None)) == [OUT]
    assert feed(machine, ANSWERED) == [OUT]
    assert feed(machine, OutboundEnded(200, False, None)) == [Finish(outcomes.CANCELLED)]


def test_a_cancel_that_crosses_our_200_ends_the_answered_leg() -> None:
    machine = call_in(State.RINGING, PLAN)
    assert Answer(()) in feed(machine, ANSWERED)
    assert feed(machine, InboundEnded(487, False, None)) == [OUT]
    assert feed(machine, OutboundEnded(200, False, None)) == [Finish(outcomes.CANCELLED)]
    assert machine.code == 487


# ---- Several URIs ----

NEXT = [place("sip:+15550100@two.twilio.example"), StartTimer(Timer.RESPONSE, 4)]
MISSED = NoteMiss("twilio", FIRST, 4)


@pytest.mark.parametrize("state", UNANSWERED)
@pytest.mark.parametrize(
    "end",
    [
        OutboundEnded(408, False, None),
        OutboundEnded(408, True, response(408)),
        OutboundEnded(500, True, response(500)),
        OutboundEnded(503, False, None),
        OutboundEnded(599, True, response(599)),
    ],
    ids=lambda end: f"{end.code} {'said' if end.by_peer else 'by the stack'}",
)
def test_a_server_that_fails_makes_room_for_the_next(state: State, end: OutboundEnded) -> None:
    machine = call_in(state, TWO_URIS)
    commands = machine.handle(end)
    assert commands == ([*NEXT] if end.by_peer else [*NEXT, replace(MISSED, waited=4 if end.code == 408 else 0)])
    assert (machine.state, machine.attempts, machine.outcome) == (State.CALLING, 2, None)


@pytest.mark.parametrize("code", [302, 401, 403, 404, 480, 486, 488, 600, 603])
def test_a_decision_is_final(code: int) -> None:
    machine = call_in(State.CALLING, TWO_URIS)
    commands = machine.handle(OutboundEnded(code, True, response(code)))
    assert [type(command) for command in commands] == [Refuse]
    assert (machine.state, machine.attempts) == (State.ENDING, 1)


def test_what_twilio_says_of_its_refusal_is_kept() -> None:
    machine = call_in(State.CALLING, PLAN)
    machine.handle(OutboundEnded(403, True, response(403, "X-Twilio-Error: 32202 Authentication failure")))
    assert (machine.outcome, machine.code, machine.twilio_error) == (outcomes.FORBIDDEN, 403, 32202)


def test_a_silent_server_is_hung_up_and_makes_room_for_the_next() -> None:
    machine = call_in(State.CALLING, TWO_URIS)
    assert machine.handle(TimerFired(Timer.RESPONSE)) == [OUT, *NEXT, MISSED]
    assert (machine.state, machine.attempts) == (State.CALLING, 2)


def test_uris_are_tried_in_order_until_the_last() -> None:
    machine = machine_for(plan(uris=(FIRST, SECOND, THIRD)))
    down = OutboundEnded(503, True, response(503))
    tried = [machine.handle(event) for event in (INVITE, down, down)]
    assert [command.request_uri for commands in tried for command in commands if isinstance(command, Place)] == [
        "sip:+15550100@one.twilio.example",
        "sip:+15550100@two.twilio.example",
        "sip:+15550100@three.twilio.example",
    ]
    assert feed(machine, down) == [Refuse(503, (reason(503, "Service Unavailable"),))]
    assert (machine.attempts, machine.outcome) == (3, outcomes.UNAVAILABLE)


def test_what_the_caller_heard_is_not_taken_back() -> None:
    machine = call_in(State.CALLING, TWO_URIS)
    feed(machine, EARLY_MEDIA, RINGING)
    assert feed(machine, OutboundEnded(503, True, response(503))) == [
        Refuse(503, (reason(503, "Service Unavailable"),))
    ]


def test_ringing_starts_again_at_the_next_uri() -> None:
    machine = call_in(State.RINGING, TWO_URIS)
    feed(machine, OutboundEnded(503, True, response(503)))
    assert feed(machine, RINGING) == [HEARD, Progress(180, (), False)]


def test_the_next_uri_gets_the_context_the_caller_and_the_hops_of_the_first() -> None:
    contract = plan(CUSTOMER, uris=(FIRST, SECOND))
    machine = machine_for(contract)
    feed(machine, invite(contract, "X-PBX-CUSTOMER-ID: C-1", "Max-Forwards: 20"))
    again = feed(machine, OutboundEnded(503, True, response(503)))[0]
    assert again == place("sip:+15550100@two.twilio.example", headers=(("X-CustomerID", "C-1"),), max_forwards=19)


# ---- Offers ----


@pytest.mark.parametrize("early", [EARLY_MEDIA, OutboundProgress(180, response(180, body=SDP))])
def test_a_late_offer_gets_no_early_media(early: OutboundProgress) -> None:
    machine = call_in(State.CALLING, PLAN, body="")
    assert feed(machine, early) == [HEARD, Progress(180, (), False)]


def test_a_late_offer_can_fail_over_after_early_media_that_nobody_heard() -> None:
    machine = call_in(State.CALLING, TWO_URIS, body="")
    assert feed(machine, EARLY_MEDIA, OutboundEnded(503, True, response(503))) == NEXT


# ---- Timers ----


def test_the_timers_are_those_of_the_limits() -> None:
    limits = Limits(ring_seconds=20, call_seconds=600, response_seconds=2)
    machine = machine_for(plan(limits=limits))
    started = [one for event in (INVITE, ANSWERED) for one in feed(machine, event) if isinstance(one, StartTimer)]
    assert started == [StartTimer(Timer.RESPONSE, 2), StartTimer(Timer.RING, 20), StartTimer(Timer.DURATION, 600)]


# ---- The INVITE ----


def test_a_call_from_twilio_goes_to_the_pbx() -> None:
    machine = machine_for(PLAN)
    commands = feed(machine, invite(PLAN, trunk="twilio"))
    assert commands[0] == place("sip:+15550100@pbx.example", trunk="pbx")
    assert machine.direction is Direction.TO_PBX
    assert (machine.from_trunk, machine.to_trunk) == (PLAN.trunks[1], PLAN.trunks[0])


@pytest.mark.parametrize(
    ("uri", "code", "outcome"),
    [
        ("mailto:someone@example.com", 416, outcomes.BAD_REQUEST),
        ("sip:", 416, outcomes.BAD_REQUEST),
        ("sip:1@[::1", 416, outcomes.BAD_REQUEST),
        ("sip:1@host:99999", 416, outcomes.BAD_REQUEST),
        ("sip:gw.example", 404, outcomes.NO_ROUTE),
        (f"sip:{'9' * 300}@gw.example", 404, outcomes.NO_ROUTE),
        ("sip:1%0d%0aX-Evil:%201@gw.example", 404, outcomes.NO_ROUTE),
        ("sip:1%ff@gw.example", 404, outcomes.NO_ROUTE),
    ],
)
def test_a_request_uri_that_cannot_be_called_is_refused(uri: str, code: int, outcome: Outcome) -> None:
    machine = machine_for(PLAN)
    commands = feed(machine, invite(PLAN, uri=uri))
    assert refused(commands)[0] == code
    assert len(commands) == 1
    assert (machine.state, machine.outcome, machine.code, machine.attempts) == (State.ENDING, outcome, code, 0)
    assert feed(machine, InboundEnded(code, False, None)) == [Finish(outcome)]


def test_a_response_where_an_invite_should_be_is_refused() -> None:
    machine = machine_for(PLAN)
    commands = feed(machine, InviteReceived(parse_message("SIP/2.0 200 OK\r\n\r\n"), PLAN.trunks[0], "192.0.2.9"))
    assert refused(commands)[0] == 416


class StubbornRouter(Router):
    """Refuses every call for a reason of its own."""

    def route(self, trunk: Trunk, user: str) -> Destination:
        raise CallRefused(403, "too-early", "not before nine")


def test_a_refusal_for_a_reason_that_is_no_outcome_counts_as_a_bad_request() -> None:
    machine = CallMachine("call-1", PLAN, StubbornRouter(PLAN.trunks))
    assert refused(feed(machine, INVITE)) == (403, '399 gateway "not before nine"')
    assert machine.outcome == outcomes.BAD_REQUEST


@pytest.mark.parametrize(
    "caller",
    [
        'From: "=?<>;tag=\x00',
        "From: <sip:1001%0d%0aX-Evil:%201@pbx.example>",
        f"From: <sip:{'9' * 60_000}@pbx.example>",
        "X-From: none",
    ],
    ids=["malformed", "control characters", "long", "none"],
)
def test_a_caller_that_cannot_be_shown_is_left_out(caller: str) -> None:
    message = parse_message(f"INVITE sip:+15550100@gw.example SIP/2.0\r\n{caller}\r\n\r\n")
    commands = feed(machine_for(PLAN), InviteReceived(message, PLAN.trunks[0], "192.0.2.9"))
    assert commands[0] == place(caller=Introduction())
