"""The engine with three legs: who is joined with whom, what is told to whom, and what is left when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import Role
from gateway.bridge.events import (
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
    OutboundProgress,
    ReferAnswered,
    ReferStatus,
)
from gateway.bridge.ports import LegId, MediaReport, Phase
from gateway.bridge.record import LegMedia, TransferRecord
from gateway.bridge.terms import TransferResult
from gateway.core.plan import Limits, TransferMode
from gateway.core.referral import DialogId
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    ELSEWHERE,
    REFER,
    RINGING,
    place,
    plan,
    refer,
    request,
    response,
)
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


def test_who_is_left_is_joined_with_the_target_before_it_answers() -> None:
    bench = Bench()
    inbound, outbound, target = transferring(bench)
    bench.report(outbound, OutboundEnded(200, True, None))
    assert bench.sip.named("join")[-1] == [inbound, target]


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


# ---- With a call that is there already ----

DIALOG = DialogId("c@pbx", "ours", "theirs")
REPLACES = "Replaces=c%40pbx%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs"
ATTENDED = refer(Role.OUTBOUND, f"{ELSEWHERE}?{REPLACES}")


def consulting(bench: Bench, *, answered: bool = True) -> tuple[LegId, ...]:
    """Twilio has a call from the PBX and calls another of the PBX: the legs of both calls. DIALOG is one of its own."""
    first = bench.talk()
    second = bench.sip.arrive(request(uri="sip:2000@gw.example"), trunk="twilio")
    bench.step()
    if answered:
        bench.report(second + 1, ANSWERED)
        bench.report(second, CONFIRMED)
    bench.sip.dialogs[DIALOG] = second
    return *first, second, second + 1


def test_two_calls_of_who_consulted_become_one() -> None:
    bench = Bench()
    inbound, outbound, consulted, target = consulting(bench)
    before = len(bench.sip.done)
    bench.report(outbound, ATTENDED)
    assert bench.sip.done[before:] == [
        ("answer_refer", outbound, 202, ()),
        ("notify_refer", outbound, 200, True),
        ("join", target, inbound),
        ("hangup", outbound, ()),
        ("hangup", consulted, ()),
    ]
    bench.step()
    (consultation,) = bench.observer.ended
    assert (consultation.outcome, consultation.transfers) == (outcomes.COMPLETED, ())
    bench.report(target, OutboundEnded(200, True, None))
    bench.step()
    assert bench.sip.named("hangup")[-1] == [inbound, ()]
    _, call = bench.observer.ended
    assert call.outcome == outcomes.COMPLETED
    assert call.transfers == (TransferRecord(Role.OUTBOUND, TransferMode.LOCAL, "pbx", TransferResult.COMPLETED, 200),)
    bench.assert_nothing_is_left()
    assert not bench.sip._live


def test_the_leg_that_a_call_took_is_not_cut_by_the_one_that_lost_it() -> None:
    """The consultation comes to grief on its way out, and the leg is not its own any more."""
    bench = Bench()
    _, outbound, consulted, target = consulting(bench)
    bench.sip.mute = True
    bench.report(outbound, ATTENDED)
    bench.report(consulted, InboundConfirmed())  # late
    lost = bench.engine._registry.legs[consulted]
    bench.engine._execution.abandon(lost)
    assert [target, ()] not in bench.sip.named("hangup")
    assert bench.engine._registry.legs[target].machine.state is State.TALKING
    bench.sip.arrive(request(f"Call-ID: out-{target}@gw"))
    bench.step()
    assert bench.observer.rejected == [("loop", "192.0.2.9")]


@pytest.mark.parametrize(
    "case", ["not answered", "of another trunk", "the call itself", "being transferred", "unknown", "sent away"]
)
def test_what_is_no_consultation(case: str) -> None:
    """Then Replaces is for the PBX of who asks to understand, and our routes say whether we may ask it."""
    bench = Bench()
    inbound, outbound, consulted, target = consulting(bench, answered=case != "not answered")
    match case:
        case "of another trunk":
            bench.sip.dialogs[DIALOG] = target
        case "the call itself":
            bench.sip.dialogs[DIALOG] = outbound
        case "being transferred":
            bench.report(consulted, refer(Role.INBOUND))
        case "unknown":
            bench.sip.dialogs[DIALOG] = 4711
        case "sent away":
            bench.sip.mute = True
            bench.report(consulted, refer(Role.INBOUND))
            bench.report(target + 1, ANSWERED)
    placed = len(bench.sip.named("place"))
    bench.report(outbound, ATTENDED)
    assert not any([target, inbound] == legs for legs in bench.sip.named("join"))
    (order,) = bench.sip.named("place")[placed]
    assert (order.trunk, order.request_uri) == ("twilio", "sip:2000@one.twilio.example")
    assert order.headers == (("Replaces", "c@pbx;to-tag=ours;from-tag=theirs"), ("Require", "replaces"))


def test_a_pbx_that_joins_by_itself_gets_the_place_of_its_leg() -> None:
    bench = Bench()
    inbound, outbound = bench.talk()
    bench.sip.dialogs[DIALOG] = inbound
    before = len(bench.sip.done)
    newcomer = bench.sip.arrive(request("Replaces: c@pbx;to-tag=ours;from-tag=theirs"))
    bench.step()
    assert bench.sip.done[before:] == [
        ("answer", newcomer, ()),
        ("join", newcomer, outbound),
        ("hangup", inbound, ()),
    ]
    assert bench.observer.responses[-1] == ("pbx", "sent", 200)
    bench.report(newcomer, CONFIRMED)
    bench.report(newcomer, InboundEnded(200, True, None))
    bench.step()
    record = bench.only_record()
    assert record.outcome == outcomes.COMPLETED
    assert record.transfers == (TransferRecord(Role.INBOUND, TransferMode.LOCAL, "pbx", TransferResult.COMPLETED, 200),)
    assert not bench.sip._live


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.DRAINING])
def test_who_takes_a_place_is_no_call_more(phase: Phase) -> None:
    """Neither all calls that there may be nor a drain keep a call that is up from being transferred."""
    bench = Bench(replace(ORDINARY, limits=Limits(calls=1)))
    inbound, _ = bench.talk()
    bench.engine._phase = phase
    bench.sip.dialogs[DIALOG] = inbound
    newcomer = bench.sip.arrive(request("Replaces: c@pbx;to-tag=ours;from-tag=theirs"))
    bench.step()
    assert bench.sip.named("answer")[-1] == [newcomer, ()]
    assert bench.observer.rejected == []


def test_who_takes_a_place_comes_too_late_for_a_stop() -> None:
    bench = Bench()
    inbound, _ = bench.talk()
    bench.engine._phase = Phase.STOPPING
    bench.sip.dialogs[DIALOG] = inbound
    bench.sip.arrive(request("Replaces: c@pbx;to-tag=ours;from-tag=theirs"))
    bench.step()
    assert bench.observer.rejected == [("draining", "192.0.2.9")]


@pytest.mark.parametrize(
    ("header", "trunk", "code"),
    [
        ("c@pbx;to-tag=ours;from-tag=theirs", "twilio", 481),
        ("c@pbx;to-tag=other;from-tag=theirs", "pbx", 481),
        ("c@pbx", "pbx", 481),
        ("c@pbx;to-tag=ours;from-tag=theirs;early-only", "pbx", 486),
    ],
)
def test_who_names_no_dialog_of_its_own_gets_no_place(header: str, trunk: str, code: int) -> None:
    bench = Bench()
    inbound, _ = bench.talk()
    bench.sip.dialogs = {DIALOG: inbound, replace(DIALOG, early_only=True): inbound}
    newcomer = bench.sip.arrive(request(f"Replaces: {header}"), trunk=trunk)
    bench.step()
    assert [(leg, code) for leg, code, _ in bench.sip.named("refuse")] == [(newcomer, code)]
    assert bench.observer.rejected == [("no-dialog", "192.0.2.9")]
    assert not bench.sip.named("hangup")


def test_a_place_in_a_call_that_is_not_answered_is_not_free() -> None:
    bench = Bench()
    inbound, _ = bench.arrive()
    bench.sip.dialogs[DIALOG] = inbound
    newcomer = bench.sip.arrive(request("Replaces: c@pbx;to-tag=ours;from-tag=theirs"))
    bench.step()
    assert [(leg, code) for leg, code, _ in bench.sip.named("refuse")] == [(newcomer, 491)]
    assert bench.observer.transfers == [(TransferMode.LOCAL, TransferResult.PENDING)]


def test_the_place_of_a_leg_that_was_sent_away_is_not_free() -> None:
    bench = Bench()
    bench.sip.mute = True
    _, outbound, target = transferring(bench)
    bench.report(target, ANSWERED)
    bench.sip.dialogs[DIALOG] = outbound
    newcomer = bench.sip.arrive(request("Replaces: c@pbx;to-tag=ours;from-tag=theirs"), trunk="twilio")
    bench.step()
    assert [(leg, code) for leg, code, _ in bench.sip.named("refuse")] == [(newcomer, 481)]


def test_an_invite_for_a_call_that_fails_in_our_hands_is_answered() -> None:
    bench = Bench()
    inbound, outbound = bench.talk()
    bench.sip.dialogs[DIALOG] = inbound
    call = bench.engine._registry.legs[inbound]
    call.machine.state = State.NEW  # where no such INVITE can be
    newcomer = bench.sip.arrive(request("Replaces: c@pbx;to-tag=ours;from-tag=theirs"))
    bench.step()
    assert [(leg, code) for leg, code, _ in bench.sip.named("refuse")] == [(newcomer, 500)]
    assert bench.only_record().outcome == outcomes.INTERNAL_ERROR
    assert not bench.sip._live


# ---- Done by the other side ----


def test_a_transfer_that_the_other_side_does() -> None:
    bench = Bench(plan(transfer=TransferMode.RELAY))
    inbound, outbound = bench.talk()
    before = len(bench.sip.done)
    bench.report(outbound, REFER)
    bench.report(inbound, ReferAnswered(202), ReferStatus(180, False), ReferStatus(200, True))
    assert bench.sip.done[before:] == [
        ("refer", inbound, "<sip:2000@pbx.example>"),
        ("answer_refer", outbound, 202, ()),
        ("notify_refer", outbound, 180, False),
        ("notify_refer", outbound, 200, True),
        ("hangup", inbound, ()),
        ("hangup", outbound, ()),
    ]
    bench.step()
    record = bench.only_record()
    assert record.outcome == outcomes.COMPLETED
    assert record.transfers == (
        TransferRecord(Role.OUTBOUND, TransferMode.RELAY, "pbx", TransferResult.COMPLETED, 200),
    )
    assert bench.observer.transfers == [(TransferMode.RELAY, TransferResult.COMPLETED)]
