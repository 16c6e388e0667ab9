"""Stories of transfers: whom they call, with what context, and the races of three legs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import (
    AnswerRefer,
    Finish,
    Hangup,
    NoteContext,
    NoteMiss,
    NoteTransfer,
    NotifyRefer,
    Place,
    Preview,
    RefuseReplacement,
    Role,
    TakeLeg,
)
from gateway.bridge.events import (
    Consultation,
    InboundEnded,
    OutboundEnded,
    ReferReceived,
    ReplacementArrived,
    TargetEnded,
    TargetProgress,
    Timer,
    TimerFired,
)
from gateway.bridge.machine import CallMachine
from gateway.bridge.record import TransferRecord
from gateway.bridge.redirects import MOST_REDIRECTS
from gateway.bridge.referring import KEPT_TRANSFERS
from gateway.bridge.terms import TransferResult
from gateway.core.identity import Introduction, Party
from gateway.core.message import SipMessage
from gateway.core.patterns import parse_pattern
from gateway.core.plan import Identity, IdentityHeader, Plan, Redirect, TransferMode
from gateway.core.receipt import Outcome as FieldOutcome
from gateway.core.routing import Route
from gateway.core.terms import On, Side
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    CUSTOMER,
    ELSEWHERE,
    FIRST,
    REFER,
    REPLACING,
    SECOND,
    feed,
    field,
    invite,
    machine_for,
    message,
    plan,
    refer,
    response,
)
from tests.bridge.transfers import QUEUE, REPLACES, TARGET, TARGET_ANSWERED, placed, refusal, talk, told

PLAN = plan()
TWO_URIS = plan(uris=(FIRST, SECOND))
REFUSED = TargetEnded(486, True, response(486))
NOTE = field("note", "header:X-Note", "header:X-Note", on=frozenset({On.END}))


# ---- Whom it calls ----


def test_who_stays_is_who_calls_the_target() -> None:
    assert placed(feed(talk(PLAN), REFER)).caller.user == "1001"
    assert placed(feed(talk(PLAN), refer(Role.INBOUND))).caller.user == "+15550100"


def test_a_target_is_of_the_other_side() -> None:
    order = placed(feed(talk(PLAN), refer(Role.INBOUND, "tel:+15550177")))
    assert (order.trunk, order.request_uri) == ("twilio", "sip:+15550177@one.twilio.example")


@pytest.mark.parametrize(
    ("event", "code", "result"),
    [
        (refer(to="sip:elsewhere.example"), 603, TransferResult.NO_ROUTE),
        (refer(to="sip:2000@elsewhere.example;method=BYE"), 400, TransferResult.BAD_REQUEST),
        (refer(to="mailto:2000@elsewhere.example"), 400, TransferResult.BAD_REQUEST),
        (ReferReceived(Role.OUTBOUND, None), 400, TransferResult.BAD_REQUEST),
        (refer(admitted=False), 503, TransferResult.LIMITED),
        (refer(to=f"{ELSEWHERE}?Replaces=a"), 400, TransferResult.BAD_REQUEST),
    ],
)
def test_what_is_refused_changes_nothing(event: ReferReceived, code: int, result: TransferResult) -> None:
    machine = talk(PLAN)
    assert refusal(feed(machine, event)) == (code, result)
    assert (machine.state, machine.transfers) == (State.TALKING, [])


def test_a_trunk_that_takes_no_transfers() -> None:
    pbx, twilio = PLAN.trunks
    machine = talk(plan(trunks=(pbx, replace(twilio, transfer=TransferMode.REJECT))))
    assert refusal(feed(machine, REFER)) == (603, TransferResult.REJECTED)
    assert placed(feed(machine, refer(Role.INBOUND))).trunk == "twilio"


def test_the_next_uri_of_the_target() -> None:
    machine = talk(TWO_URIS)
    first = placed(feed(machine, refer(Role.INBOUND)))
    commands = feed(machine, TargetEnded(503, False, None))
    assert commands[-1] == NoteMiss("twilio", FIRST, 0)
    second = placed(commands)
    assert [order.request_uri.partition("@")[2] for order in (first, second)] == [
        "one.twilio.example",
        "two.twilio.example",
    ]
    assert (machine.state, machine.attempts) == (State.TRANSFERRING, 1)
    assert not any(isinstance(command, NoteMiss) for command in feed(machine, TargetEnded(503, True, None)))
    assert machine.state is State.TALKING


def test_the_next_uri_of_a_silent_target() -> None:
    machine = talk(TWO_URIS)
    feed(machine, refer(Role.INBOUND))
    commands = feed(machine, TimerFired(Timer.RESPONSE))
    assert commands[0] == TARGET
    assert placed(commands).request_uri.endswith("@two.twilio.example")


# ---- Races ----


def test_the_leg_that_was_sent_away_ends_nothing() -> None:
    machine = talk(PLAN)
    feed(machine, REFER, TARGET_ANSWERED)
    assert feed(machine, TargetEnded(200, False, None)) == []
    assert feed(machine, InboundEnded(200, True, None)) == [Hangup(Role.OUTBOUND)]
    assert feed(machine, OutboundEnded(200, False, None)) == [Finish(outcomes.COMPLETED)]


def test_a_call_ends_when_the_leg_that_was_sent_away_is_gone_too() -> None:
    machine = talk(PLAN)
    feed(machine, REFER, TARGET_ANSWERED, InboundEnded(200, True, None))
    assert feed(machine, OutboundEnded(200, False, None)) == []
    assert feed(machine, TargetEnded(200, False, None)) == [Finish(outcomes.COMPLETED)]


def test_the_callee_can_be_who_leaves_while_the_target_rings() -> None:
    machine = talk(PLAN)
    feed(machine, refer(Role.INBOUND))
    commands = feed(machine, OutboundEnded(200, True, None))
    assert commands[-2:] == [TARGET, Hangup(Role.INBOUND)]
    assert machine.outcome == outcomes.COMPLETED


def test_the_next_transfer_waits_for_the_leg_of_the_last() -> None:
    machine = talk(PLAN)
    feed(machine, REFER, TimerFired(Timer.RING))
    assert refusal(feed(machine, REFER)) == (491, TransferResult.PENDING)
    feed(machine, TargetEnded(487, True, None))
    assert placed(feed(machine, REFER)).role is Role.TARGET


def test_a_target_that_answered_can_transfer_in_its_turn() -> None:
    machine = talk(PLAN)
    feed(machine, REFER, TARGET_ANSWERED, TargetEnded(200, False, None))
    order = placed(feed(machine, refer(Role.OUTBOUND, "sip:3000@elsewhere.example")))
    assert (order.trunk, order.caller.user) == ("twilio", "1001")
    feed(machine, TARGET_ANSWERED)
    assert [(one.to_trunk, one.result) for one in machine.transfers] == [
        ("pbx", TransferResult.COMPLETED),
        ("twilio", TransferResult.COMPLETED),
    ]


def test_who_was_transferred_is_called_by_whom_it_talks_to() -> None:
    """After a transfer the user of the other leg is the one that was called last."""
    machine = talk(PLAN)
    feed(machine, REFER, TARGET_ANSWERED, TargetEnded(200, False, None))
    assert placed(feed(machine, refer(Role.INBOUND, "sip:3000@elsewhere.example"))).caller.user == "2000"


def test_a_peer_that_tries_again_and_again_fills_no_memory() -> None:
    machine = talk(PLAN)
    for _ in range(3 * KEPT_TRANSFERS):
        feed(machine, REFER, REFUSED)
    assert (
        machine.transfers
        == [TransferRecord(Role.OUTBOUND, TransferMode.LOCAL, "pbx", TransferResult.FAILED, 486)] * KEPT_TRANSFERS
    )


def test_who_rings_twice_is_told_of_twice() -> None:
    machine = talk(PLAN)
    feed(machine, REFER, TargetProgress(180, response(180)))
    assert told(183, last=False) in feed(machine, TargetProgress(183, response(183)))


def test_who_is_left_hears_what_the_next_uri_plays() -> None:
    machine = talk(TWO_URIS)
    left = feed(machine, refer(Role.INBOUND), InboundEnded(200, True, None))
    assert left == [Preview(Role.OUTBOUND)]
    assert feed(machine, TargetEnded(503, True, None))[-1] == Preview(Role.OUTBOUND)
    assert machine.state is State.FORWARDING


# ---- Where a target sends us ----

FOLLOWING = plan(uris=(FIRST, SECOND), redirect=Redirect.FOLLOW)


def moved(contact: str) -> TargetEnded:
    return TargetEnded(302, True, response(302, f"Contact: {contact}"))


def test_a_target_that_is_elsewhere_on_its_trunk_is_called_there() -> None:
    machine = talk(FOLLOWING)
    feed(machine, refer(Role.INBOUND))
    order = placed(feed(machine, moved("<sip:2002@two.twilio.example>")))
    assert (order.role, order.request_uri) == (Role.TARGET, "sip:2002@two.twilio.example")
    assert machine.state is State.TRANSFERRING


@pytest.mark.parametrize(
    ("followed", "contact"),
    [
        pytest.param(FOLLOWING, "<sip:2002@192.0.2.66>", id="elsewhere"),
        pytest.param(TWO_URIS, "<sip:2002@two.twilio.example>", id="the trunk follows nobody"),
    ],
)
def test_a_target_leads_nowhere_else(followed: Plan, contact: str) -> None:
    machine = talk(followed)
    feed(machine, refer(Role.INBOUND))
    commands = feed(machine, moved(contact))
    assert NotifyRefer(Role.INBOUND, 502, True) in commands
    assert not any(isinstance(command, Place) for command in commands)


def test_each_transfer_may_be_sent_on_as_often_as_a_call() -> None:
    machine = talk(FOLLOWING)
    for _ in range(2):
        feed(machine, refer(Role.INBOUND))
        for _ in range(MOST_REDIRECTS):
            placed(feed(machine, moved("<sip:2002@one.twilio.example>")))
        feed(machine, moved("<sip:2002@one.twilio.example>"))
        assert machine.state is State.TALKING


# ---- Context ----


def headers_for(machine: CallMachine, event: ReferReceived) -> dict[str, str]:
    return dict(placed(feed(machine, event)).headers)


def test_what_the_call_began_with_goes_on_to_the_target() -> None:
    """Back to the side it came from as well, under the names of that side."""
    contract = plan(CUSTOMER, QUEUE)
    given = ("X-PBX-CUSTOMER-ID: C-1", "X-Queue: sales")
    assert headers_for(talk(contract, *given), refer(Role.INBOUND)) == {"X-CustomerID": "C-1", "X-Queue": "sales"}
    assert headers_for(talk(contract, *given), REFER) == {"X-PBX-CUSTOMER-ID": "C-1", "X-Queue": "sales"}


def test_what_refer_says_comes_first_where_a_field_is_on_it() -> None:
    machine = talk(plan(CUSTOMER, QUEUE), "X-PBX-CUSTOMER-ID: C-1", "X-Queue: sales")
    event = refer(Role.OUTBOUND, f"{ELSEWHERE}?X-Queue=repairs&X-CustomerID=C-2", "X-Queue: none", "X-Else: 1")
    commands = feed(machine, event)
    assert dict(placed(commands).headers) == {"X-PBX-CUSTOMER-ID": "C-1", "X-Queue": "repairs"}
    note = commands[0]
    assert isinstance(note, NoteContext) and note.on is On.REFER
    assert [(entry.field, entry.on, entry.outcome) for entry in machine.receipt if entry.on is On.REFER] == [
        ("customer_id", On.REFER, FieldOutcome.SENT),
        ("queue", On.REFER, FieldOutcome.SENT),
    ]


def test_the_next_target_knows_what_the_last_was_told() -> None:
    machine = talk(plan(QUEUE), "X-Queue: sales")
    feed(machine, refer(Role.OUTBOUND, f"{ELSEWHERE}?X-Queue=repairs"), TARGET_ANSWERED, TargetEnded(200, False, None))
    assert headers_for(machine, refer(Role.OUTBOUND)) == {"X-Queue": "repairs"}


def test_a_contract_that_refuses_keeps_the_call_as_it_was() -> None:
    needed = field("ticket", "header:X-Ticket", "header:X-Ticket", on=frozenset({On.REFER}), required=True)
    machine = talk(plan(needed, reject=True))
    commands = feed(machine, REFER)
    assert isinstance(commands[0], NoteContext)
    assert refusal(commands) == (400, TransferResult.CONTEXT_REFUSED)
    assert headers_for(machine, refer(Role.OUTBOUND, f"{ELSEWHERE}?X-Ticket=1")) == {"X-Ticket": "1"}


def test_two_of_one_side_send_each_other_no_context() -> None:
    machine = talk(plan(NOTE))
    feed(machine, REFER, TARGET_ANSWERED, TargetEnded(200, False, None))
    bye: SipMessage = message("BYE sip:gw.example SIP/2.0", "X-Note: 1")
    assert feed(machine, InboundEnded(200, True, bye)) == [Hangup(Role.OUTBOUND)]


def test_where_a_transfer_comes_from_is_known_to_the_fields() -> None:
    trunk = field("trunk", "header:X-Trunk", "call:trunk", on=frozenset({On.REFER}))
    assert headers_for(talk(plan(trunk)), REFER) == {"X-Trunk": "twilio"}


# ---- Attended ----


def test_a_dialog_that_is_not_ours_is_replaced_on_the_side_that_it_is_of() -> None:
    """The route is that of who stays: who asks can be made to call nobody that the other could not."""
    machine = talk(plan(CUSTOMER, QUEUE), "X-PBX-CUSTOMER-ID: C-1", "X-Queue: sales")
    order = placed(feed(machine, refer(Role.OUTBOUND, f"{ELSEWHERE}?{REPLACES}&X-Queue=none")))
    assert (order.trunk, order.request_uri, order.caller.user) == ("twilio", "sip:2000@one.twilio.example", "1001")
    context = (("X-CustomerID", "C-1"), ("X-Queue", "sales"))
    assert order.headers == (*context, ("Replaces", "a;to-tag=b;from-tag=c"), ("Require", "replaces"))
    feed(machine, TARGET_ANSWERED, TargetEnded(200, False, None))
    assert "Replaces" not in dict(machine.told[Side.TWILIO])


@pytest.mark.parametrize("match", ["^3", "^2"])
def test_a_dialog_that_no_route_leads_to_is_not_replaced(match: str) -> None:
    pbx, twilio = PLAN.trunks
    routes = (Route("pbx", parse_pattern("^.1555"), "twilio"), Route("pbx", parse_pattern(match), "other"))
    machine = talk(plan(trunks=(pbx, twilio, replace(twilio, name="other")), routes=routes))
    assert refusal(feed(machine, refer(Role.OUTBOUND, f"{ELSEWHERE}?{REPLACES}"))) == (603, TransferResult.NO_ROUTE)


def test_the_target_of_a_consultation_transfers_in_its_turn() -> None:
    machine = talk(PLAN)
    joined = replace(REFER, consultation=Consultation("call-2", Role.OUTBOUND, PLAN.trunks[0], Party("2000")))
    commands = feed(machine, joined)
    assert commands[:2] == [AnswerRefer(Role.OUTBOUND, 202), TakeLeg("call-2", Role.OUTBOUND)]
    feed(machine, TargetEnded(200, False, None))
    assert placed(feed(machine, refer(Role.INBOUND))).caller.user == "2000"


def test_a_trunk_that_takes_no_transfers_gives_no_place_away() -> None:
    pbx, twilio = PLAN.trunks
    machine = talk(plan(trunks=(pbx, replace(twilio, transfer=TransferMode.REJECT))))
    assert feed(machine, ReplacementArrived(Role.OUTBOUND, REPLACING)) == [
        RefuseReplacement(603, ()),
        NoteTransfer(TransferMode.REJECT, TransferResult.REJECTED),
    ]


def test_a_place_is_given_away_once_at_a_time() -> None:
    machine = talk(PLAN)
    feed(machine, ReplacementArrived(Role.OUTBOUND, REPLACING))
    again = feed(machine, ReplacementArrived(Role.INBOUND, REPLACING))
    assert again == [RefuseReplacement(491, ()), NoteTransfer(TransferMode.LOCAL, TransferResult.PENDING)]
    feed(machine, TargetEnded(200, False, None))
    assert placed(feed(machine, refer(Role.INBOUND))).caller.user == "2000"


# ---- Who calls ----


def test_a_caller_who_hides_is_hidden_from_the_target_of_a_transfer_too() -> None:
    untrusted = replace(PLAN, trunks=tuple(replace(one, identity=Identity(trusted=False)) for one in PLAN.trunks))
    machine = machine_for(untrusted)
    feed(machine, invite(untrusted, "Privacy: id", "Diversion: <sip:9@a>"), ANSWERED, CONFIRMED)
    assert placed(feed(machine, REFER)).caller == Introduction(is_hidden=True)


def test_a_diversion_is_of_the_call_that_was_diverted_and_of_no_transfer() -> None:
    told = replace(
        PLAN, trunks=tuple(replace(one, identity=Identity(send=tuple(IdentityHeader))) for one in PLAN.trunks)
    )
    machine = machine_for(told)
    feed(machine, invite(told, "Diversion: <sip:9@a>", "P-Asserted-Identity: <sip:7@a>"), ANSWERED, CONFIRMED)
    named = [one.header for one in placed(feed(machine, REFER)).caller.names]
    assert named == ["P-Asserted-Identity", "Remote-Party-ID"]
