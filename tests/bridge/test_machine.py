"""The table of a call's life, cell by cell."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any, get_args

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import Answer, Finish, Hangup, NoteMiss, Progress, Refuse, Role, StartTimer, StopTimer
from gateway.bridge.events import (
    Ending,
    EndRequested,
    Event,
    Faulted,
    InboundEnded,
    LegTaken,
    OutboundEnded,
    OutboundProgress,
    OutboundTrying,
    ReferAnswered,
    ReferStatus,
    ReplacementArrived,
    TargetAnswered,
    TargetEnded,
    TargetProgress,
    TargetTrying,
    Timer,
    TimerFired,
)
from gateway.bridge.machine import CallMachine, ImpossibleEvent, kind_of
from gateway.core.plan import Hold, TransferMode
from tests.bridge.cases import Case
from tests.bridge.inside import INSIDE, INSIDE_EVENTS
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    EARLY_MEDIA,
    FIRST,
    REFER,
    REPLACING,
    RINGING,
    SDP,
    call_in,
    feed,
    invite,
    place,
    plan,
    reason,
    response,
)
from tests.bridge.transfers import TRANSFERS

PLAN = plan(hold=Hold.RELAY)
RELAYS = plan(hold=Hold.RELAY, transfer=TransferMode.RELAY)

INVITE = invite(PLAN)
BOTH_GONE = (OutboundEnded(200, False, None), InboundEnded(200, False, None))

# ---- Every cell ----

EXPECTED = """
                    new     calling ringing answered talking transferring forwarding relaying ending  ended
InviteReceived      act     never   never   never    never   never        never      never    never   never
OutboundTrying      never   act     act     late     late    late         late       late     late    late
OutboundProgress    never   act     act     late     late    late         late       late     late    late
OutboundAnswered    never   act     act     late     late    late         late       late     act     late
OutboundEnded       never   act     act     act      act     act          late       act      act     late
InboundConfirmed    never   never   never   act      act     act          act        act      late    late
InboundEnded        never   act     act     act      act     act          act        act      act     late
ReferReceived       never   act     act     act      act     act          act        act      act     never
ReferAnswered       never   never   never   late     late    late         late       act      late    late
ReferStatus         never   never   never   late     late    late         late       act      late    late
ReplacementArrived  never   act     act     act      act     act          act        act      act     never
LegTaken            never   never   never   never    act     never        never      never    never   never
TargetTrying        never   never   never   late     late    act          act        late     late    late
TargetProgress      never   never   never   late     late    act          act        late     late    late
TargetAnswered      never   never   never   late     late    act          act        late     act     late
TargetEnded         never   never   never   late     late    act          act        late     late    late
HoldChanged         never   act     act     act      act     act          act        act      late    late
Glare               never   never   never   act      act     act          act        act      late    late
AudioHeard          never   never   never   never    act     act          act        act      late    late
silence             never   never   never   never    act     act          act        act      late    late
inbound-offer       never   never   never   act      act     act          act        act      late    late
outbound-offer      never   never   never   act      act     act          act        act      late    late
response            never   act     act     late     late    act          act        late     late    late
ring                never   act     act     late     late    act          act        act      late    late
duration            never   never   never   act      act     act          act        act      late    late
EndRequested        never   act     act     act      act     act          act        act      late    late
Faulted             never   act     act     act      act     act          act        act      act     late
"""

EVENTS: dict[str, Event] = INSIDE_EVENTS | {
    "InviteReceived": INVITE,
    "OutboundTrying": OutboundTrying(),
    "OutboundProgress": RINGING,
    "OutboundAnswered": ANSWERED,
    "OutboundEnded": OutboundEnded(486, True, response(486)),
    "InboundConfirmed": CONFIRMED,
    "InboundEnded": InboundEnded(487, False, None),
    "ReferReceived": REFER,
    "ReferAnswered": ReferAnswered(202),
    "ReferStatus": ReferStatus(180, False),
    "ReplacementArrived": ReplacementArrived(Role.OUTBOUND, REPLACING),
    "LegTaken": LegTaken(Role.OUTBOUND),
    "TargetTrying": TargetTrying(),
    "TargetProgress": TargetProgress(180, response(180)),
    "TargetAnswered": TargetAnswered(response(200, body=SDP)),
    "TargetEnded": TargetEnded(486, True, response(486)),
    "response": TimerFired(Timer.RESPONSE),
    "ring": TimerFired(Timer.RING),
    "duration": TimerFired(Timer.DURATION),
    "EndRequested": EndRequested(Ending.ADMIN),
    "Faulted": Faulted(),
}


def expected_cells() -> dict[tuple[State, str], str]:
    heading, *rows = [line.split() for line in EXPECTED.strip().splitlines()]
    return {(State(state), kind): word for kind, *words in rows for state, word in zip(heading, words, strict=True)}


CELLS = expected_cells()


def reach(state: State) -> CallMachine:
    if state is State.ENDED:
        machine = call_in(State.ENDING, PLAN)
        feed(machine, *BOTH_GONE)
        return machine
    return call_in(state, RELAYS if state is State.RELAYING else PLAN)


def snapshot(machine: CallMachine) -> dict[str, Any]:
    mutable = (list, dict, set)
    return {name: copy(value) if isinstance(value, mutable) else value for name, value in vars(machine).items()}


def name_of(event: Event) -> str:
    kind = kind_of(event)
    return kind.value if isinstance(kind, Timer) else kind.__name__


def test_the_expectation_has_every_state_and_every_event() -> None:
    kinds = {kind.__name__ for kind in get_args(Event)} - {"TimerFired"} | {timer.value for timer in Timer}
    assert set(CELLS) == {(state, kind) for state in State for kind in kinds}
    assert {kind: name_of(event) for kind, event in EVENTS.items()} == {kind: kind for kind in kinds}


@pytest.mark.parametrize(("state", "kind"), CELLS, ids=lambda value: str(value))
def test_every_cell_is_what_was_decided(state: State, kind: str) -> None:
    machine = reach(state)
    before = snapshot(machine)
    word = CELLS[state, kind]
    if word == "never":
        with pytest.raises(ImpossibleEvent, match=f"cannot happen in state {state}"):
            machine.handle(EVENTS[kind])
        assert snapshot(machine) == before
    elif word == "late":
        assert machine.handle(EVENTS[kind]) == []
        assert snapshot(machine) == before
    else:
        commands = machine.handle(EVENTS[kind])
        assert commands or snapshot(machine) != before


# ---- What each acting cell does ----

UNANSWERED = (State.CALLING, State.RINGING)
CONNECTED = (State.ANSWERED, State.TALKING)
OUT, IN = Hangup(Role.OUTBOUND), Hangup(Role.INBOUND)
HEARD = StopTimer(Timer.RESPONSE)
MISSED = NoteMiss("twilio", FIRST, 4)
Q850_NO_ANSWER = ("Reason", 'Q.850;cause=19;text="No answer from user"')


CASES = [
    Case(
        "an INVITE is sent on, and has four seconds for a response and a minute for an answer",
        (State.NEW,),
        INVITE,
        [place(), StartTimer(Timer.RESPONSE, 4), StartTimer(Timer.RING, 60)],
        State.CALLING,
    ),
    # before the answer
    Case("a 100 is a sign of life", UNANSWERED, OutboundTrying(), [HEARD]),
    Case("180 rings", UNANSWERED, RINGING, [HEARD, Progress(180, (), False)], State.RINGING),
    Case(
        "181 rings", UNANSWERED, OutboundProgress(181, response(181)), [HEARD, Progress(180, (), False)], State.RINGING
    ),
    Case(
        "183 without SDP rings",
        UNANSWERED,
        OutboundProgress(183, response(183)),
        [HEARD, Progress(180, (), False)],
        State.RINGING,
    ),
    Case(
        "a provisional response that could not be read rings",
        UNANSWERED,
        OutboundProgress(180, None),
        [HEARD, Progress(180, (), False)],
        State.RINGING,
    ),
    Case("183 with SDP is early media", UNANSWERED, EARLY_MEDIA, [HEARD, Progress(183, (), True)], State.RINGING),
    Case(
        "180 with SDP is early media and goes back as 183",
        UNANSWERED,
        OutboundProgress(180, response(180, body=SDP)),
        [HEARD, Progress(183, (), True)],
        State.RINGING,
    ),
    Case(
        "a body that is no SDP is no early media",
        UNANSWERED,
        OutboundProgress(183, response(183, body="<early/>", kind="application/xml")),
        [HEARD, Progress(180, (), False)],
        State.RINGING,
    ),
    Case("199 tells of a branch and is not passed on", UNANSWERED, OutboundProgress(199, response(199)), [HEARD]),
    Case(
        "an answer is passed on and starts the clock of the call",
        UNANSWERED,
        ANSWERED,
        [HEARD, StopTimer(Timer.RING), StartTimer(Timer.DURATION, 14400), Answer(())],
        State.ANSWERED,
    ),
    Case(
        "a refusal is passed on with its reason",
        UNANSWERED,
        OutboundEnded(486, True, response(486)),
        [Refuse(486, (reason(486, "Busy Here"),))],
        State.ENDING,
        outcomes.BUSY,
        486,
    ),
    Case(
        "a redirection is followed by nobody",
        UNANSWERED,
        OutboundEnded(302, True, response(302)),
        [Refuse(502, (reason(302, "Moved Temporarily"),))],
        State.ENDING,
        outcomes.REDIRECTED,
        302,
    ),
    Case(
        "wrong credentials of ours are not the caller's business",
        UNANSWERED,
        OutboundEnded(407, True, response(407)),
        [Refuse(502, (reason(407, "Proxy Authentication Required"),))],
        State.ENDING,
        outcomes.UNAUTHORIZED,
        407,
    ),
    Case(
        "the last URI fails",
        UNANSWERED,
        OutboundEnded(503, True, response(503)),
        [Refuse(503, (reason(503, "Service Unavailable"),))],
        State.ENDING,
        outcomes.UNAVAILABLE,
        503,
    ),
    Case(
        "the peer says 408",
        UNANSWERED,
        OutboundEnded(408, True, response(408)),
        [Refuse(408, (reason(408, "Request Timeout"),))],
        State.ENDING,
        outcomes.NO_RESPONSE,
        408,
    ),
    Case(
        "the stack gives a silent peer up",
        UNANSWERED,
        OutboundEnded(408, False, None),
        [Refuse(504, (reason(408, "Request Timeout"),)), MISSED],
        State.ENDING,
        outcomes.NO_RESPONSE,
        408,
    ),
    Case(
        "the connection to the last URI fails",
        UNANSWERED,
        OutboundEnded(503, False, None),
        [Refuse(503, (reason(503, "Service Unavailable"),)), replace(MISSED, waited=0)],
        State.ENDING,
        outcomes.UNAVAILABLE,
        503,
    ),
    Case(
        "the stack cannot even send: that is no fault of the URI",
        UNANSWERED,
        OutboundEnded(500, False, None),
        [Refuse(503, (reason(500, "Server Internal Error"),))],
        State.ENDING,
        outcomes.UNAVAILABLE,
        500,
    ),
    Case(
        "a BYE instead of an answer: nobody will answer",
        UNANSWERED,
        OutboundEnded(200, True, None),
        [Refuse(480, (reason(480, "Temporarily Unavailable"),))],
        State.ENDING,
        outcomes.NO_ANSWER,
        480,
    ),
    Case(
        "the caller cancels: the stack answers CANCEL itself and gives 487 as the cause",
        UNANSWERED,
        InboundEnded(487, False, None),
        [OUT],
        State.ENDING,
        outcomes.CANCELLED,
        487,
    ),
    Case(
        "the caller hangs up without waiting for an answer",
        UNANSWERED,
        InboundEnded(200, True, response(200)),
        [OUT],
        State.ENDING,
        outcomes.CANCELLED,
        487,
    ),
    Case(
        "the caller's connection breaks",
        UNANSWERED,
        InboundEnded(503, False, None),
        [OUT],
        State.ENDING,
        outcomes.PEER_VANISHED,
        503,
    ),
    Case(
        "four seconds of silence from the only URI",
        UNANSWERED,
        TimerFired(Timer.RESPONSE),
        [OUT, Refuse(504, (reason(408, "Request Timeout"),)), MISSED],
        State.ENDING,
        outcomes.NO_RESPONSE,
        408,
    ),
    Case(
        "nobody answers",
        UNANSWERED,
        TimerFired(Timer.RING),
        [OUT, Refuse(480, (Q850_NO_ANSWER,))],
        State.ENDING,
        outcomes.NO_ANSWER,
        480,
    ),
    *(
        Case(
            f"{why}: an unanswered call is turned away",
            UNANSWERED,
            EndRequested(why),
            [OUT, Refuse(503, ())],
            State.ENDING,
            outcomes.STOPPED,
            503,
        )
        for why in Ending
    ),
    Case(
        "our fault before the answer",
        UNANSWERED,
        Faulted(),
        [OUT, Refuse(500, ())],
        State.ENDING,
        outcomes.INTERNAL_ERROR,
        500,
    ),
    # after the answer
    Case("the ACK comes", (State.ANSWERED,), CONFIRMED, [StartTimer(Timer.SILENCE, 300)], State.TALKING),
    Case(
        "the callee hangs up",
        CONNECTED,
        OutboundEnded(200, True, response(200)),
        [IN],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    Case("the callee vanishes", CONNECTED, OutboundEnded(408, False, None), [IN], State.ENDING, outcomes.PEER_VANISHED),
    Case(
        "the caller hangs up",
        CONNECTED,
        InboundEnded(200, True, response(200)),
        [OUT],
        State.ENDING,
        outcomes.COMPLETED,
    ),
    *(
        Case(why, (State.ANSWERED,), InboundEnded(code, False, None), [OUT], State.ENDING, outcome)
        for why, code, outcome in (
            ("the caller never acknowledges our 200", 408, outcomes.ACK_MISSING),
            ("our 200 cannot have audio that both could have", 488, outcomes.NO_COMMON_CODEC),
            ("our 200 cannot be sent", 500, outcomes.INTERNAL_ERROR),
            ("the caller's connection breaks before the ACK", 503, outcomes.PEER_VANISHED),
        )
    ),
    Case(
        "CANCEL was there before our 200 could leave: the answered leg is hung up",
        (State.ANSWERED,),
        InboundEnded(487, False, None),
        [OUT],
        State.ENDING,
        outcomes.CANCELLED,
        487,
    ),
    Case(
        "the caller vanishes",
        (State.TALKING,),
        InboundEnded(408, False, None),
        [OUT],
        State.ENDING,
        outcomes.PEER_VANISHED,
    ),
    Case(
        "the call is as long as it may be",
        CONNECTED,
        TimerFired(Timer.DURATION),
        [IN, OUT],
        State.ENDING,
        outcomes.MAX_DURATION,
    ),
    *(
        Case(f"{why}: a call is ended", CONNECTED, EndRequested(why), [IN, OUT], State.ENDING, outcome)
        for why, outcome in (
            (Ending.ADMIN, outcomes.ENDED_BY_ADMIN),
            (Ending.DRAIN, outcomes.DRAINED),
            (Ending.STOP, outcomes.STOPPED),
        )
    ),
    Case("our fault in a call", CONNECTED, Faulted(), [IN, OUT], State.ENDING, outcomes.INTERNAL_ERROR),
    # on the way out
    Case("a 200 that crossed our CANCEL is hung up", (State.ENDING,), ANSWERED, [OUT], outcome=outcomes.MAX_DURATION),
    Case(
        "a fault may have hidden a leg's end, so both are cut again",
        (State.ENDING,),
        Faulted(),
        [IN, OUT],
        outcome=outcomes.MAX_DURATION,
    ),
    Case(
        "the outbound leg is gone, the inbound one not yet",
        (State.ENDING,),
        OutboundEnded(200, False, None),
        [],
        outcome=outcomes.MAX_DURATION,
    ),
    Case(
        "the inbound leg is gone, the outbound one not yet",
        (State.ENDING,),
        InboundEnded(200, False, None),
        [],
        outcome=outcomes.MAX_DURATION,
    ),
    *TRANSFERS,
    *INSIDE,
]

CASE_CELLS = [pytest.param(case, state, id=f"{state}: {case.name}") for case in CASES for state in case.states]


@pytest.mark.parametrize(("case", "state"), CASE_CELLS)
def test_what_an_acting_cell_does(case: Case, state: State) -> None:
    machine = reach(state)
    assert machine.handle(case.event) == case.commands
    assert machine.state is (case.becomes or state)
    assert (machine.outcome, machine.code) == (case.outcome, case.code)


def test_every_acting_cell_has_a_case() -> None:
    covered = {(state, name_of(case.event)) for case in CASES for state in case.states}
    assert covered == {cell for cell, word in CELLS.items() if word == "act"}


# ---- Ends ----


@pytest.mark.parametrize("order", [BOTH_GONE, BOTH_GONE[::-1]], ids=["outbound first", "inbound first"])
def test_a_call_is_over_when_both_legs_are_gone(order: tuple[Event, Event]) -> None:
    machine = call_in(State.ENDING, PLAN)
    assert machine.handle(order[0]) == []
    assert machine.handle(order[1]) == [Finish(outcomes.MAX_DURATION)]
    assert machine.state is State.ENDED


def test_a_call_that_was_refused_is_over_when_the_inbound_leg_is_gone() -> None:
    machine = call_in(State.RINGING, PLAN)
    feed(machine, OutboundEnded(486, True, response(486)))
    assert machine.handle(InboundEnded(486, False, None)) == [Finish(outcomes.BUSY)]


def test_only_legs_that_are_not_gone_are_cut_again() -> None:
    machine = call_in(State.RINGING, PLAN)
    feed(machine, InboundEnded(487, False, None))
    assert machine.handle(Faulted()) == [OUT]


def test_the_first_outcome_stands() -> None:
    machine = call_in(State.TALKING, PLAN)
    feed(machine, InboundEnded(200, True, response(200)), Faulted(), EndRequested(Ending.STOP))
    assert machine.handle(OutboundEnded(408, False, None)) == [Finish(outcomes.COMPLETED)]


@pytest.mark.parametrize("state", State)
def test_a_call_that_is_given_up_is_ended_whatever_its_state(state: State) -> None:
    machine = reach(state)
    settled = machine.outcome
    machine.abandon()
    assert machine.state is State.ENDED
    assert machine.outcome == (settled or outcomes.INTERNAL_ERROR)
    assert machine.code == (500 if state in (State.NEW, *UNANSWERED) else None)
