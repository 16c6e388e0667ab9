"""The engine with three legs: who is joined with whom, what is told to whom, and what is left when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.commands import Role
from gateway.bridge.events import InboundEnded, OutboundAnswered, OutboundEnded, OutboundProgress
from gateway.bridge.ports import LegId, MediaReport
from gateway.bridge.record import LegMedia, TransferRecord
from gateway.bridge.terms import TransferResult
from gateway.core.plan import Limits, TransferMode
from tests.bridge.samples import ANSWERED, REFER, RINGING, place, refer, request, response
from tests.test_engine import ORDINARY, Bench

COMPLETED = (TransferMode.LOCAL, TransferResult.COMPLETED)


def transferring(bench: Bench, by: Role = Role.OUTBOUND) -> tuple[LegId, LegId, LegId]:
    """A call one side of which has asked for a transfer; its legs."""
    inbound, outbound = bench.talk()
    bench.report(inbound if by is Role.INBOUND else outbound, REFER)
    return inbound, outbound, outbound + 1


def test_a_transfer_from_refer_to_the_end_of_the_call() -> None:
    bench = Bench()
    inbound, outbound, target = transferring(bench)
    before = len(bench.sip.done)
    assert bench.sip.done[-3:] == [
        ("answer_refer", outbound, 202, ()),
        ("place", place("sip:2000@pbx.example", trunk="pbx", role=Role.TARGET)),
        ("call_id", target),
    ]
    bench.report(target, RINGING, ANSWERED)
    assert bench.sip.done[before:] == [
        ("notify_refer", outbound, 180, False),
        ("notify_refer", outbound, 200, True),
        ("join", target, inbound),
        ("hangup", outbound, ()),
    ]
    assert bench.observer.responses[-3:] == [
        ("twilio", "sent", 202),
        ("pbx", "received", 180),
        ("pbx", "received", 200),
    ]
    bench.step()
    bench.report(target, OutboundEnded(200, True, response(200)))
    bench.step()
    assert bench.sip.named("hangup")[-1] == [inbound, ()]
    record = bench.only_record()
    assert record.outcome == outcomes.COMPLETED
    assert (record.to_trunk, record.outbound_call_id) == ("twilio", f"out-{outbound}@gw")
    assert record.transfers == (
        TransferRecord(Role.OUTBOUND, TransferMode.LOCAL, "pbx", TransferResult.COMPLETED, 200),
    )
    assert bench.observer.transfers == [COMPLETED]


def test_the_caller_can_be_who_is_sent_away() -> None:
    bench = Bench()
    inbound, outbound, target = transferring(bench, Role.INBOUND)
    bench.report(target, ANSWERED)
    assert bench.sip.done[-2:] == [("join", target, outbound), ("hangup", inbound, ())]
    bench.step()
    bench.report(outbound, OutboundEnded(200, True, response(200)))
    bench.step()
    assert bench.sip.named("hangup")[-1] == [target, ()]
    assert bench.only_record().outcome == outcomes.COMPLETED


def test_what_a_leg_reports_counts_by_what_it_is_now() -> None:
    """The BYE of who asked is on its way while the target takes its place."""
    bench = Bench()
    inbound, outbound, target = transferring(bench)
    bench.sip.report(target, ANSWERED)
    bench.sip.report(outbound, OutboundEnded(200, True, response(200)))
    bench.step()
    assert bench.observer.ended == []
    bench.report(inbound, InboundEnded(200, True, None))
    bench.step()
    assert bench.only_record().outcome == outcomes.COMPLETED


def test_a_silent_target_is_given_up_and_one_that_said_100_is_not() -> None:
    bench = Bench()
    _, outbound, target = transferring(bench)
    bench.step(4.0)
    assert not bench.sip.named("hangup")
    bench.report(target, OutboundEnded(486, True, None))
    bench.report(outbound, REFER)
    bench.sip.silent.add(target + 1)
    bench.step(4.0)
    assert bench.sip.named("notify_refer")[-1] == [outbound, 504, True]
    assert bench.sip.named("hangup") == [[target + 1, ()]]


def test_our_own_call_to_a_target_that_comes_back_is_a_loop() -> None:
    bench = Bench()
    target = transferring(bench)[2]
    bench.sip.arrive(request(f"Call-ID: out-{target}@gw"))
    bench.step()
    assert bench.observer.rejected == [("loop", "192.0.2.9")]


def test_a_transfer_is_a_call_that_the_rate_allows() -> None:
    bench = Bench(replace(ORDINARY, limits=Limits(calls_per_second=1)))
    _, outbound = bench.talk()
    bench.report(outbound, REFER)
    assert bench.sip.named("answer_refer")[0][:2] == [outbound, 503]
    assert bench.observer.transfers == [(TransferMode.LOCAL, TransferResult.LIMITED)]
    bench.step(1.0)
    bench.report(outbound, REFER)
    assert bench.sip.named("answer_refer")[1][:2] == [outbound, 202]


def test_figures_of_the_leg_that_was_sent_away_are_in_the_record() -> None:
    bench = Bench()
    inbound, outbound, target = transferring(bench)
    media = LegMedia(Role.OUTBOUND, "twilio", 100, 100, 0, 0.001, 0.02, "PCMU")
    bench.sip.report(target, ANSWERED)
    bench.sip.push(MediaReport(outbound, media))
    bench.report(inbound, InboundEnded(200, True, None))
    bench.step()
    assert bench.only_record().media == (media,)


@pytest.mark.parametrize("broken", ["place", "answer_refer", "notify_refer", "join", "transfer"])
def test_a_transfer_that_fails_in_our_hands_ends_its_call(broken: str) -> None:
    bench = Bench()
    bench.sip.broken = bench.observer.broken = set()
    inbound, outbound = bench.talk()
    bench.sip.broken = bench.observer.broken = {broken}
    bench.sip.report(outbound, REFER)
    bench.sip.report(outbound + 1, OutboundProgress(180, None))
    bench.sip.report(outbound + 1, OutboundAnswered(None))
    bench.step()
    bench.sip.broken = bench.observer.broken = set()
    bench.step()
    assert bench.only_record().outcome == outcomes.INTERNAL_ERROR
    assert {inbound, outbound} <= {leg for leg, _ in bench.sip.named("hangup")}
    assert not bench.sip._live


def test_two_transfers_in_a_row_leave_nothing_behind() -> None:
    bench = Bench()
    inbound, outbound, first = transferring(bench)
    bench.report(first, ANSWERED)
    bench.step()
    bench.report(first, refer(Role.INBOUND))
    assert bench.sip.named("place")[-1][0].trunk == "twilio"
    bench.report(first + 1, ANSWERED)
    assert bench.sip.done[-2:] == [("join", first + 1, inbound), ("hangup", first, ())]
    bench.step()
    bench.report(inbound, InboundEnded(200, True, None))
    bench.step()
    assert [one.to_trunk for one in bench.only_record().transfers] == ["pbx", "twilio"]
    assert not bench.sip._live
    assert outbound not in bench.sip._live
