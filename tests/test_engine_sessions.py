"""The Session-ID of a call through the engine: what each leg is told, when, and whatever becomes of the legs."""

from __future__ import annotations

import pytest

from gateway.bridge.commands import Role
from gateway.bridge.events import Event, OutboundAnswered, OutboundEnded, OutboundProgress
from gateway.bridge.ports import LegId
from gateway.bridge.session import NIL
from gateway.core.referral import DialogId
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    ELSEWHERE,
    FIRST,
    REFER,
    RINGING,
    SDP,
    SECOND,
    plan,
    refer,
    request,
)
from tests.bridge.samples import response as reply
from tests.test_engine import Bench

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


def ringing(uuid: str) -> Event:
    return OutboundProgress(180, reply(180, f"Session-ID: {uuid};remote={A}"))


def answered(uuid: str) -> Event:
    return OutboundAnswered(reply(200, f"Session-ID: {uuid};remote={A}", body=SDP))


def told(bench: Bench, leg: LegId) -> tuple[str, str]:
    """What a leg was told last: of whom, and of itself."""
    local, _, remote = bench.sip.sessions[leg][-1].partition(";remote=")
    return local, remote


def test_what_both_ends_say_goes_to_the_other() -> None:
    bench = Bench()
    inbound, outbound = bench.arrive(f"Session-ID: {A};remote={NIL}")
    assert told(bench, outbound) == (A, NIL)
    bench.report(outbound, ringing(B))
    assert (told(bench, inbound), told(bench, outbound)) == ((B, A), (A, B))
    before = len(bench.sip.sessions[inbound])
    bench.report(outbound, answered(B))
    assert len(bench.sip.sessions[inbound]) == before
    bench.report(outbound, OutboundEnded(200, True, None))
    record = bench.only_record()
    assert (record.inbound_session_id, record.outbound_session_id) == (A, B)


def test_ends_that_say_nothing_have_a_name_all_the_same() -> None:
    """And keep it through every URI that is tried; they are not told it, as it means nothing to them."""
    bench = Bench(plan(uris=(FIRST, SECOND)))
    inbound, outbound = bench.arrive()
    (caller, of_callee), (callee, of_caller) = told(bench, outbound), told(bench, inbound)
    assert of_callee == of_caller == NIL
    assert len({caller, callee, NIL}) == 3
    bench.report(outbound, OutboundEnded(503, True, reply(503)))
    assert told(bench, outbound + 1) == (caller, NIL)
    bench.report(outbound + 1, RINGING, ANSWERED, OutboundEnded(200, True, None))
    assert told(bench, inbound) == (callee, NIL)
    record = bench.only_record()
    assert (record.inbound_session_id, record.outbound_session_id) == (caller, callee)


def test_who_refuses_is_heard_and_forgotten_when_another_is_tried() -> None:
    bench = Bench(plan(uris=(FIRST, SECOND)))
    inbound, outbound = bench.arrive(f"Session-ID: {A};remote={NIL}")
    callee = told(bench, inbound)[0]
    for uuid, leg in ((B, outbound), (C, outbound + 1)):
        before = len(bench.sip.sessions[inbound])
        bench.report(leg, OutboundEnded(503, True, reply(503, f"Session-ID: {uuid};remote={A}")))
        heard = bench.sip.sessions[inbound][before:]
        assert heard == [f"{uuid};remote={A}", f"{callee};remote={A}"][: 1 + (leg == outbound)]
    assert bench.only_record().outbound_session_id == C


def test_no_two_calls_have_the_same_names() -> None:
    bench = Bench()
    names = {told(bench, leg)[0] for leg in (*bench.arrive(), *bench.arrive())}
    assert len(names) == 4


def test_what_makes_no_sense_is_counted_and_another_is_made() -> None:
    bench = Bench()
    _, outbound = bench.arrive("Session-ID: <script>")
    bench.report(outbound, ringing("x"))
    assert bench.observer.unbelieved == [("pbx", "Session-ID"), ("twilio", "Session-ID")]
    assert told(bench, outbound)[0] not in ("<script>", NIL)


@pytest.mark.parametrize("by", [Role.INBOUND, Role.OUTBOUND])
def test_the_two_of_a_transfer_hear_of_each_other(by: Role) -> None:
    bench = Bench()
    inbound, outbound = bench.arrive(f"Session-ID: {A};remote={NIL}")
    bench.report(outbound, answered(B))
    bench.report(inbound, CONFIRMED)
    bench.report(inbound if by is Role.INBOUND else outbound, refer(by))
    target, (stays, its) = outbound + 1, (outbound, B) if by is Role.INBOUND else (inbound, A)
    assert told(bench, target) == (its, NIL)
    bench.report(target, answered(C))
    assert (told(bench, target), told(bench, stays)) == ((its, C), (C, its))


def test_a_target_that_says_nothing_is_not_who_was_there_before() -> None:
    bench = Bench()
    inbound, outbound = bench.talk()
    before = told(bench, inbound)[0]
    bench.report(outbound, REFER)
    bench.report(outbound + 1, ANSWERED)
    assert told(bench, inbound)[0] not in (before, NIL)


def test_a_leg_that_another_call_takes_keeps_its_name() -> None:
    """Of two calls with consultation, A of the first and C of the second become one."""
    bench = Bench()
    dialogs = {}
    for number, (caller, callee) in enumerate(((A, B), (B, C)), 1):
        inbound, outbound = bench.arrive(f"Session-ID: {caller};remote={NIL}")
        bench.report(outbound, answered(callee))
        bench.report(inbound, CONFIRMED)
        dialogs[number] = inbound, outbound
    (first, by), (consulting, target) = dialogs[1], dialogs[2]
    bench.sip.dialogs[DialogId("x", "t", "f")] = consulting
    bench.report(first, refer(Role.INBOUND, f"{ELSEWHERE}?Replaces=x%3Bto-tag%3Dt%3Bfrom-tag%3Df"))
    assert (told(bench, by), told(bench, target)) == ((C, B), (B, C))


def test_who_takes_a_place_by_an_invite_is_heard_too() -> None:
    bench = Bench()
    inbound, outbound = bench.arrive(f"Session-ID: {A};remote={NIL}")
    bench.report(outbound, answered(B))
    bench.report(inbound, CONFIRMED)
    bench.sip.dialogs[DialogId("x", "t", "f")] = inbound
    replacement = bench.sip.arrive(request("Replaces: x;to-tag=t;from-tag=f", f"Session-ID: {C};remote={NIL}"))
    bench.step()
    assert (told(bench, replacement), told(bench, outbound)) == ((B, C), (C, B))
