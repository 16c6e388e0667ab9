"""The engine with a stack, an observer and a clock of the test's own: what it does, when, and what it survives."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, get_args

import pytest

import gateway.engine.loop
import gateway.engine.requests
from gateway.bridge import outcome as outcomes
from gateway.bridge.commands import Command, Role
from gateway.bridge.events import (
    Event,
    Faulted,
    Glare,
    HoldChanged,
    InboundConfirmed,
    InboundEnded,
    OutboundAnswered,
    OutboundEnded,
)
from gateway.bridge.machine import ImpossibleEvent
from gateway.bridge.ports import LegId, MediaReport, Phase, Ports, Refusal
from gateway.bridge.record import CallRecord, LegMedia
from gateway.bridge.timers import MIN_SWEEP
from gateway.core.identity import Introduction
from gateway.core.plan import Hold, Identity, Limits, Media, Plan, WriteBack
from gateway.core.routing import Route
from gateway.core.terms import Direction, On, Side
from gateway.core.variables import Variable, VariableWrite
from gateway.engine import STOP_SECONDS, Engine
from gateway.errors import StoppedError
from tests.bridge.samples import (
    ANSWERED,
    CONFIRMED,
    CUSTOMER,
    EARLY_MEDIA,
    FIRST,
    RINGING,
    SDP,
    SECOND,
    field,
    message,
    place,
    plan,
    request,
    response,
)
from tests.bridge.stand_ins import RecordingObserver, RecordingSip, RecordingVariables, TestClock

ORDINARY = plan()
TWO_URIS = plan(uris=(FIRST, SECOND))
BYE = OutboundEnded(200, True, response(200))


class Bench:
    """An engine among its stand-ins, moved step by step."""

    def __init__(self, plan: Plan = ORDINARY) -> None:
        self.clock = TestClock()
        self.sip = RecordingSip(self.clock)
        self.observer = RecordingObserver()
        self.variables = RecordingVariables()
        self.engine = Engine(plan, Ports(self.sip, self.observer, self.variables), self.clock)
        # What `run` does first; from here on each test says when a step is made.
        self.engine._phase = Phase.RUNNING

    def step(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        self.engine.step()

    def run(self) -> float:
        """Run until the engine is done; the seconds that took."""
        started, self.sip.time_flows = self.clock.now, True
        self.engine.run()
        return self.clock.now - started

    def arrive(self, *headers: str) -> tuple[LegId, LegId]:
        """A call comes in and is sent on; its legs."""
        inbound = self.sip.arrive(request(*headers))
        self.step()
        return inbound, inbound + 1

    def report(self, leg: LegId, *events: Event, seconds: float = 0.0) -> None:
        for event in events:
            self.sip.report(leg, event)
            self.step(seconds)

    def talk(self) -> tuple[LegId, LegId]:
        """A call that was answered; its legs."""
        inbound, outbound = self.arrive()
        self.report(outbound, ANSWERED)
        self.report(inbound, CONFIRMED)
        return inbound, outbound

    def in_progress(self) -> list[CallRecord]:
        return [call.record() for call in self.engine._registry.calls.values()]

    def only_record(self) -> CallRecord:
        """The record of the one call that there was, which must have left nothing behind."""
        self.assert_nothing_is_left()
        (record,) = self.observer.ended
        assert len(self.observer.started) == 1
        assert record.state == "ended"
        return record

    def assert_nothing_is_left(self) -> None:
        left = self.engine._registry
        assert (left.calls, left.legs, left.own_call_ids, len(self.engine._timers)) == ({}, {}, set(), 0)


# ---- Who calls ----


def identified(believed: bool) -> Plan:
    """One whose trunks are believed, or not; the PBX is trusted."""
    trunks = tuple(
        replace(one, identity=Identity(believed=believed, trusted=one.side is Side.PBX)) for one in ORDINARY.trunks
    )
    return replace(plan(*ASSERTIONS), trunks=trunks)


ASSERTIONS = tuple(
    field(f"on_{on}", "sip:pai.user", "header:X-Caller", on=frozenset({on}), direction=frozenset({Direction.TO_TWILIO}))
    for on in (On.INVITE, On.END)
)
PAI = "P-Asserted-Identity: <sip:2@pbx.example>"


@pytest.mark.parametrize("believed", [True, False])
def test_what_a_trunk_asserts_is_read_if_it_is_believed_of_every_message(believed: bool) -> None:
    bench = Bench(identified(believed))
    inbound, outbound = bench.arrive(PAI)
    bench.report(outbound, ANSWERED)
    bench.report(inbound, InboundEnded(200, True, message("BYE sip:1@gw.example SIP/2.0", PAI)))
    bench.report(outbound, BYE)
    read = [entry.outcome.carried for entry in bench.only_record().receipt]
    assert read == [believed, believed]
    assert bench.observer.unbelieved == ([] if believed else [("pbx", "P-Asserted-Identity")] * 2)


def test_a_caller_who_hides_is_told_once_for_each_uri() -> None:
    bench = Bench(
        replace(
            TWO_URIS,
            trunks=identified(True).trunks[:1] + (replace(TWO_URIS.trunks[1], identity=Identity(trusted=False)),),
        )
    )
    _, outbound = bench.arrive("Privacy: id")
    bench.report(outbound, OutboundEnded(503, True, response(503)))
    assert bench.observer.hidden == ["twilio", "twilio"]
    callers = [done[1].caller for done in bench.sip.done if done[0] == "place"]
    assert callers == [Introduction(is_hidden=True)] * 2


# ---- A call ----


def test_a_call_from_invite_to_bye_with_its_times() -> None:
    bench = Bench()
    before = time.time()
    inbound = bench.sip.arrive(request("Call-ID: in-1@pbx"))
    bench.step(0.5)
    outbound = inbound + 1
    bench.report(outbound, RINGING, seconds=1.0)
    bench.report(outbound, RINGING, seconds=2.0)
    bench.report(outbound, ANSWERED, seconds=4.0)
    bench.report(inbound, CONFIRMED, seconds=8.0)
    bench.report(outbound, BYE, seconds=16.0)
    assert bench.sip.done == [
        ("place", place()),
        ("call_id", outbound),
        ("progress", inbound, 180, ()),
        ("progress", inbound, 180, ()),
        ("join", inbound, outbound),
        ("answer", inbound, ()),
        ("hangup", inbound, ()),
    ]
    assert bench.observer.responses == [
        ("twilio", "received", 180),
        ("pbx", "sent", 180),
        ("twilio", "received", 180),
        ("pbx", "sent", 180),
        ("twilio", "received", 200),
        ("pbx", "sent", 200),
    ]
    record = bench.only_record()
    assert (record.inbound_call_id, record.outbound_call_id) == ("in-1@pbx", f"out-{outbound}@gw")
    assert (record.direction, record.from_trunk, record.to_trunk) == (Direction.TO_TWILIO, "pbx", "twilio")
    assert (record.outcome, record.code, record.attempts) == (outcomes.COMPLETED, None, 1)
    assert (record.plan_hash, record.receipt, record.context, record.media) == ("0123", (), {}, ())
    assert (record.setup_seconds, record.post_dial_delay_seconds, record.answer_seconds) == (0.5, 1.5, 7.5)
    assert record.duration_seconds == 24
    assert before - 0.6 <= record.started <= time.time()
    assert record.ended == pytest.approx(record.started + 31.5)


@pytest.mark.parametrize(("code", "by_peer", "counted"), [(486, True, True), (408, False, False)])
def test_a_failure_counts_as_a_response_when_a_peer_sent_it(code: int, by_peer: bool, counted: bool) -> None:
    bench = Bench()
    _inbound, outbound = bench.arrive()
    bench.report(outbound, OutboundEnded(code, by_peer, None))
    assert (("twilio", "received", code) in bench.observer.responses) is counted
    assert bench.observer.responses[-1][:2] == ("pbx", "sent")
    bench.only_record()


def test_a_call_that_fails_at_once_starts_before_it_ends() -> None:
    bench = Bench()
    bench.sip.broken = {"place"}
    told: list[str] = []
    bench.observer.call_started = lambda direction: told.append("started")  # type: ignore[method-assign]
    bench.observer.call_ended = lambda record: told.append("ended")  # type: ignore[method-assign]
    bench.sip.arrive(request())
    bench.step()
    assert told == ["started", "ended"]


def test_a_call_that_begins_is_told_with_what_is_known() -> None:
    bench = Bench(plan(CUSTOMER))
    bench.arrive("X-PBX-CUSTOMER-ID: C-1", "Call-ID: in-1@pbx")
    (record,) = bench.in_progress()
    assert (record.state, record.outcome, record.ended, record.answer_seconds) == ("calling", None, None, None)
    assert record.context == {"customer_id": "C-1"}
    ((direction, on, receipt, size),) = bench.observer.mapped
    assert (direction, on, tuple(receipt), size) == (Direction.TO_TWILIO, On.INVITE, record.receipt, 15)


def test_early_media_is_joined_before_it_is_announced() -> None:
    bench = Bench()
    inbound, outbound = bench.arrive()
    bench.report(outbound, EARLY_MEDIA)
    assert bench.sip.done[-2:] == [("join", inbound, outbound), ("progress", inbound, 183, ())]


def test_figures_of_streams_are_in_the_record() -> None:
    bench = Bench()
    inbound, outbound = bench.talk()
    media = LegMedia(Role.OUTBOUND, "twilio", 100, 100, 0, 0.001, 0.02, "PCMU")
    bench.sip.push(MediaReport(outbound, media))
    bench.report(outbound, BYE)
    assert bench.only_record().media == (media,)


def test_what_the_stack_refused_is_told_and_counts_as_a_response_to_the_trunk() -> None:
    trunks = [replace(trunk, allow=(ip_network("10.0.0.0/24"),)) for trunk in ORDINARY.trunks if trunk.name == "pbx"]
    others = [trunk for trunk in ORDINARY.trunks if trunk.name != "pbx"]
    bench = Bench(replace(ORDINARY, trunks=(*trunks, *others)))
    bench.sip.push(Refusal("malformed", "192.0.2.66", 400))
    bench.sip.push(Refusal("no-common-codec", "10.0.0.5", 488))
    bench.sip.push(Refusal("malformed", "10.0.0.5", 0))
    bench.step()
    of_the_pbx = [("no-common-codec", "10.0.0.5"), ("malformed", "10.0.0.5")]
    assert bench.observer.rejected == [("malformed", "192.0.2.66"), *of_the_pbx]
    assert bench.observer.responses == [("pbx", "sent", 488)]


def test_a_call_that_the_machine_refuses_has_a_record_too() -> None:
    bench = Bench()
    bench.sip.arrive(request(uri="sip:gw.example"))
    bench.step()
    record = bench.only_record()
    assert (record.outcome, record.code, record.attempts, record.setup_seconds) == (outcomes.NO_ROUTE, 404, 0, None)
    assert (record.to_trunk, record.outbound_call_id) == ("", "")


def test_a_call_whose_cancel_overtook_the_answer_was_not_answered() -> None:
    bench = Bench()
    inbound, outbound = bench.arrive()
    bench.sip.report(outbound, ANSWERED)
    bench.sip.report(inbound, InboundEnded(487, False, None))
    bench.step()
    record = bench.only_record()
    assert (record.outcome, record.code) == (outcomes.CANCELLED, 487)
    assert bench.observer.responses[-1] == ("pbx", "sent", 487)
    assert (record.answer_seconds, record.duration_seconds) == (None, None)


# ---- Timers ----


def test_silence_moves_on_to_the_next_uri_and_the_old_leg_is_forgotten() -> None:
    bench = Bench(TWO_URIS)
    inbound, first = bench.arrive()
    bench.sip.silent.add(first)
    bench.step(4.0)
    second = first + 1
    assert bench.sip.named("hangup") == [[first, ()]]
    assert [order.request_uri for (order,) in bench.sip.named("place")][1] == "sip:+15550100@two.twilio.example"
    bench.report(first, ANSWERED)
    assert not bench.sip.named("answer")
    bench.report(second, ANSWERED)
    assert bench.sip.named("answer") == [[inbound, ()]]
    bench.report(second, BYE)
    record = bench.only_record()
    assert (record.attempts, record.outbound_call_id) == (2, f"out-{second}@gw")
    assert (record.setup_seconds, record.answer_seconds) == (0.0, 4.0)


def test_a_uri_that_said_100_is_not_silent() -> None:
    bench = Bench(TWO_URIS)
    bench.arrive()
    bench.step(4.0)
    bench.step(4.0)
    assert not bench.sip.named("hangup")
    assert len(bench.sip.named("place")) == 1


def test_nobody_answers() -> None:
    bench = Bench()
    inbound, outbound = bench.arrive()
    bench.report(outbound, RINGING)
    bench.step(59.0)
    assert not bench.sip.named("hangup")
    bench.step(1.0)
    bench.step()
    assert bench.sip.named("hangup") == [[outbound, ()]]
    assert [(leg, code) for leg, code, _ in bench.sip.named("refuse")] == [(inbound, 480)]
    assert bench.only_record().outcome == outcomes.NO_ANSWER


def test_a_call_ends_when_it_is_as_long_as_it_may_be() -> None:
    bench = Bench(plan(limits=Limits(call_seconds=600)))
    bench.talk()
    bench.step(600.0)
    bench.step()
    record = bench.only_record()
    assert record.outcome == outcomes.MAX_DURATION
    assert record.duration_seconds == 600


def test_the_stack_is_left_alone_until_something_is_due() -> None:
    bench = Bench(plan(limits=Limits(response_seconds=0.005)))
    bench.arrive()
    bench.step()
    bench.step(100.0)
    assert bench.sip.waits == [gateway.engine.loop.POLL_SECONDS, pytest.approx(0.005), 0.0]


def test_only_rounds_with_work_are_told_as_lag() -> None:
    bench = Bench()
    bench.step()
    assert bench.observer.lags == []
    bench.arrive()
    assert bench.observer.lags == [0.0]


# ---- Legs that are nobody's ----


def test_reports_of_legs_that_are_over_are_nothing() -> None:
    bench = Bench()
    inbound, outbound = bench.talk()
    bench.report(outbound, BYE)
    ended = bench.only_record()
    for leg in (inbound, outbound, 4711):
        bench.report(leg, ANSWERED, BYE, Faulted())
        bench.sip.push(MediaReport(leg, LegMedia(Role.INBOUND, "pbx", 1, 1, 0, 0.0, 0.0)))
        bench.step()
    assert bench.observer.ended == [ended]
    assert bench.only_record() == ended


def test_a_leg_that_cannot_even_start_is_an_attempt() -> None:
    bench = Bench(TWO_URIS)
    stillborn = bench.sip.place

    def fail(order: object, session_id: str) -> LegId:
        leg = stillborn(place(), session_id)
        bench.sip.report(leg, OutboundEnded(503, False, None))
        return leg

    bench.sip.place = fail  # type: ignore[method-assign]
    inbound, _ = bench.arrive()
    bench.step()
    assert [(leg, code) for leg, code, _ in bench.sip.named("refuse")] == [(inbound, 503)]
    record = bench.only_record()
    assert (record.attempts, record.outcome) == (2, outcomes.UNAVAILABLE)


def test_a_leg_without_a_call_id_is_no_sign_of_a_loop() -> None:
    bench = Bench()
    bench.sip.call_id = lambda leg: ""  # type: ignore[method-assign]
    bench.arrive()
    assert bench.engine._registry.own_call_ids == set()
    bench.sip.arrive(request("Call-ID:"))
    bench.step()
    assert bench.observer.rejected == []


def test_a_leg_is_offered_what_the_machine_says() -> None:
    bench = Bench(plan(hold=Hold.RELAY))
    inbound, outbound = bench.talk()
    bench.report(inbound, HoldChanged(Role.INBOUND, True))
    bench.report(outbound, Glare(Role.OUTBOUND, 2.5))
    bench.step(2.5)
    assert bench.sip.named("offer") == [[outbound, True], [outbound, True]]


def test_a_leg_without_audio_ends_its_call_when_the_time_is_over() -> None:
    bench = Bench(plan(media=Media(timeout_seconds=30)))
    _, outbound = bench.talk()
    bench.sip.silences[outbound] = 20
    bench.step(30)
    assert bench.sip.named("hangup") == []
    bench.sip.silences[outbound] = 30
    bench.step(10)
    bench.step()
    assert [record.outcome for record in bench.observer.ended] == [outcomes.MEDIA_TIMEOUT]


def test_silence_may_last_for_ever() -> None:
    bench = Bench(plan(media=Media(timeout_seconds=0)))
    bench.talk()
    bench.step(10_000)
    assert bench.sip.named("silence") == []


# ---- Faults ----

OPERATIONS = ("place", "call_id", "heard", "progress", "join", "answer", "refuse", "hangup")


def live_through_everything(bench: Bench) -> None:
    """A call that needs every operation if none fails: silence, early media, answer, end."""
    inbound = bench.sip.arrive(request())
    bench.step()
    first = inbound + 1
    bench.sip.silent.add(first)
    bench.step(4.0)
    for leg in range(first, first + 3):
        bench.report(leg, EARLY_MEDIA, ANSWERED)
    bench.report(inbound, CONFIRMED)
    bench.step(14400.0)
    bench.step()


@pytest.mark.parametrize("broken", OPERATIONS)
def test_an_operation_that_raises_ends_that_call_and_no_other(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(replace(TWO_URIS, limits=Limits(call_seconds=100_000)))
    _, other = bench.talk()
    bench.sip.broken = {broken}
    inbound = bench.sip.arrive(request())
    bench.step()
    bench.sip.silent.add(inbound + 1)
    bench.step(4.0)
    for leg in (inbound + 1, inbound + 2):
        bench.report(leg, EARLY_MEDIA, OutboundEnded(486, True, None) if broken == "refuse" else ANSWERED)
    bench.report(inbound, InboundEnded(200, True, None))
    (failed,) = bench.observer.ended
    assert failed.state == "ended"
    assert failed.outcome == (outcomes.BUSY if broken == "refuse" else outcomes.INTERNAL_ERROR)
    assert any(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)
    bench.sip.broken = set()
    bench.report(other, BYE)
    assert [record.outcome for record in bench.observer.ended][1:] == [outcomes.COMPLETED]
    bench.assert_nothing_is_left()


@pytest.mark.parametrize("broken", OPERATIONS)
def test_a_call_whose_every_operation_of_a_kind_raises_ends_once(broken: str) -> None:
    bench = Bench(TWO_URIS)
    bench.sip.broken = {broken}
    live_through_everything(bench)
    bench.only_record()


def test_a_call_ends_though_everything_raises() -> None:
    bench = Bench(TWO_URIS)
    bench.sip.broken = set(OPERATIONS)
    bench.observer.broken = {"call_started", "call_ended", "context_mapped", "invite_rejected"}
    live_through_everything(bench)
    assert bench.only_record().outcome == outcomes.INTERNAL_ERROR


def test_a_fault_of_ours_before_the_answer_is_a_500() -> None:
    bench = Bench()
    bench.sip.broken = {"place"}
    inbound = bench.sip.arrive(request())
    bench.step()
    assert bench.sip.named("refuse") == [[inbound, 500, ()]]
    record = bench.only_record()
    assert (record.outcome, record.code) == (outcomes.INTERNAL_ERROR, 500)


def test_a_fault_of_ours_after_the_answer_hangs_both_legs_up() -> None:
    bench = Bench()
    inbound, outbound = bench.talk()
    bench.report(outbound, Faulted())
    assert bench.sip.named("hangup") == [[inbound, ()], [outbound, ()]]
    record = bench.only_record()
    assert (record.outcome, record.code) == (outcomes.INTERNAL_ERROR, None)


def test_an_impossible_event_ends_the_call_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    inbound, outbound = bench.arrive()
    bench.report(inbound, InboundConfirmed())
    assert bench.sip.named("hangup") == [[outbound, ()]]
    assert bench.sip.named("refuse") == [[inbound, 500, ()]]
    assert bench.only_record().outcome == outcomes.INTERNAL_ERROR
    (line,) = caplog.records
    assert line.exc_info is not None
    assert line.exc_info[0] is ImpossibleEvent
    assert line.__dict__["event"] == "InboundConfirmed"


def test_two_timers_due_at_once_when_the_first_ends_the_call() -> None:
    bench = Bench(plan(limits=Limits(ring_seconds=4)))
    _, outbound = bench.arrive()
    bench.sip.silent.add(outbound)
    bench.sip.broken = {"hangup"}
    bench.step(10.0)
    assert bench.only_record().outcome == outcomes.NO_RESPONSE


def test_a_fault_in_a_callback_while_the_call_ends_does_not_keep_it() -> None:
    """The callback that failed may have been the one that says a leg is gone."""
    bench = Bench()
    inbound, outbound = bench.talk()
    bench.sip.mute = True
    bench.report(inbound, InboundEnded(200, True, None))
    assert bench.observer.ended == []
    bench.sip.mute = False
    bench.sip._live[outbound] = OutboundEnded
    bench.report(outbound, Faulted())
    bench.step()
    assert bench.only_record().outcome == outcomes.COMPLETED


def test_an_observer_that_raises_does_not_count_a_call_twice() -> None:
    bench = Bench()
    bench.observer.broken = {"call_ended"}
    _, outbound = bench.talk()
    bench.report(outbound, BYE)
    assert bench.only_record().outcome == outcomes.COMPLETED


def test_a_refusal_that_raises_costs_nothing_else() -> None:
    bench = Bench()
    bench.sip.broken = {"refuse"}
    bench.sip.arrive(request("Max-Forwards: 0"))
    bench.sip.arrive(request())
    bench.step()
    assert len(bench.observer.started) == 1


# ---- Arrivals that become no call ----


def codes(bench: Bench) -> list[int]:
    return [code for _, code, _ in bench.sip.named("refuse")]


def test_our_own_invite_that_comes_back_is_a_loop() -> None:
    bench = Bench()
    _, outbound = bench.arrive()
    bench.sip.arrive(request(f"Call-ID: out-{outbound}@gw"))
    bench.step()
    assert codes(bench) == [482]
    assert bench.observer.rejected == [("loop", "192.0.2.9")]
    assert len(bench.observer.started) == 1


def test_calls_beyond_the_limit_are_turned_away_until_one_ends() -> None:
    bench = Bench(plan(limits=Limits(calls=1)))
    _, outbound = bench.arrive()
    bench.sip.arrive(request())
    bench.step()
    assert codes(bench) == [503]
    assert bench.observer.rejected == [("limit-calls", "192.0.2.9")]
    bench.report(outbound, OutboundEnded(486, True, None))
    bench.arrive()
    assert len(bench.observer.started) == 2


def test_calls_beyond_the_rate_are_turned_away() -> None:
    bench = Bench(plan(limits=Limits(calls_per_second=2)))
    for _ in range(3):
        bench.sip.arrive(request())
    bench.step()
    assert codes(bench) == [503]
    assert bench.observer.rejected == [("limit-rate", "192.0.2.9")]


def test_a_call_on_a_trunk_that_a_reload_took_away_is_turned_away() -> None:
    bench = Bench()
    bench.sip.arrive(request(), trunk="gone")
    bench.step()
    assert codes(bench) == [403]
    assert bench.observer.rejected == [("unknown-source", "192.0.2.9")]
    assert bench.observer.started == []


def test_before_it_runs_the_engine_takes_no_calls() -> None:
    bench = Bench()
    bench.engine._phase = Phase.STARTING
    bench.sip.arrive(request())
    bench.step()
    assert codes(bench) == [503]


# ---- Drain and stop ----


def test_a_drain_lets_calls_end_by_themselves_and_takes_no_new_ones() -> None:
    bench = Bench()
    _, outbound = bench.talk()
    bench.engine.drain()
    bench.step()
    bench.sip.arrive(request())
    bench.step()
    assert codes(bench) == [503]
    assert bench.sip.named("refuse")[0][2][0] == ("Retry-After", "30")
    assert bench.observer.rejected == [("draining", "192.0.2.9")]
    bench.report(outbound, BYE)
    assert bench.engine._is_over()
    assert bench.only_record().outcome == outcomes.COMPLETED


def test_run_returns_when_a_drain_has_nothing_to_wait_for() -> None:
    bench = Bench()
    bench.engine.drain()
    assert bench.run() < 1


def test_a_drain_ends_the_calls_that_are_left_at_its_deadline() -> None:
    bench = Bench(plan(limits=Limits(drain_seconds=30)))
    inbound, outbound = bench.talk()
    bench.engine.drain()
    assert bench.run() == pytest.approx(30, abs=0.2)
    assert bench.sip.named("hangup") == [[inbound, ()], [outbound, ()]]
    assert bench.only_record().outcome == outcomes.DRAINED


def test_a_second_drain_does_not_move_the_deadline() -> None:
    bench = Bench(plan(limits=Limits(drain_seconds=30)))
    bench.talk()
    bench.engine.drain()
    bench.step()
    bench.step(20.0)
    bench.engine.drain()
    bench.step(10.0)
    assert not bench.engine._is_over()
    bench.step()
    assert bench.only_record().outcome == outcomes.DRAINED


def test_a_stop_ends_every_call_now() -> None:
    bench = Bench()
    bench.talk()
    ringing, _ = bench.arrive()
    bench.engine.stop()
    assert bench.run() < 1
    assert bench.sip.named("refuse") == [[ringing, 503, ()]]
    assert [record.outcome for record in bench.observer.ended] == [outcomes.STOPPED] * 2
    bench.assert_nothing_is_left()


def test_a_stop_during_a_drain_does_not_wait_for_it() -> None:
    bench = Bench()
    bench.talk()
    bench.engine.drain()
    bench.step()
    bench.engine.stop()
    bench.run()
    assert bench.only_record().outcome == outcomes.STOPPED


def test_calls_whose_legs_never_end_are_given_up_and_recorded() -> None:
    bench = Bench()
    bench.talk()
    bench.sip.mute = True
    bench.engine.stop()
    assert bench.run() == pytest.approx(STOP_SECONDS, abs=0.1)
    assert bench.only_record().outcome == outcomes.STOPPED


def test_stopping_again_and_again_does_not_take_longer() -> None:
    bench = Bench()
    bench.talk()
    bench.sip.mute = True
    bench.engine.stop()
    for _ in range(3):
        bench.step(STOP_SECONDS / 2)
        bench.engine.stop()
    assert bench.engine._is_over()


# ---- The operator, on other threads ----


@contextmanager
def running(bench: Bench) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """What the test asks is asked on another thread while the engine is served on this one."""
    with ThreadPoolExecutor(max_workers=1) as threads:

        def ask(question: Callable[[], Any]) -> Any:
            answer: Future[Any] = threads.submit(question)
            while not answer.done():
                bench.engine.step()
            return answer.result()

        yield ask


def test_questions_of_another_thread_are_answered() -> None:
    bench = Bench()
    inbound, _ = bench.talk()
    with running(bench) as ask:
        status = ask(bench.engine.status)
        calls = ask(bench.engine.calls)
        (record,) = calls
        found = ask(lambda: bench.engine.call(record.id))
        missing = ask(lambda: bench.engine.call("none"))
        ended = ask(lambda: bench.engine.end_call(record.id))
        unknown = ask(lambda: bench.engine.end_call("none"))
    assert status.ready and (status.calls, status.plan_hash) == (1, "0123")
    trunks = [(trunk.name, trunk.side, trunk.usable) for trunk in status.trunks]
    assert trunks == [("pbx", "pbx", True), ("twilio", "twilio", True)]
    assert (record.state, found.id, missing) == ("talking", record.id, None)
    assert (ended, unknown) == (True, False)
    bench.step()
    assert bench.only_record().outcome == outcomes.ENDED_BY_ADMIN


def test_a_status_is_not_ready_while_it_drains() -> None:
    bench = Bench()
    bench.engine.drain()
    with running(bench) as ask:
        status = ask(bench.engine.status)
    assert (status.phase, status.ready) == (Phase.DRAINING, False)


def test_run_serves_other_threads_until_it_is_stopped() -> None:
    bench = Bench()
    bench.talk()
    answers: list[object] = []

    def operate() -> None:
        answers.append(bench.engine.status().calls)
        bench.engine.stop()

    operator = threading.Thread(target=operate)
    operator.start()
    bench.run()
    operator.join()
    assert answers == [1]
    assert bench.only_record().outcome == outcomes.STOPPED


def test_an_engine_that_does_not_run_does_not_keep_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.engine.requests, "ANSWER_SECONDS", 0.01)
    bench = Bench()
    with pytest.raises(TimeoutError):
        bench.engine.status()
    bench.step()  # the late answer is nobody's and harms nothing


def test_an_engine_that_has_ended_says_no_at_once() -> None:
    bench = Bench()
    bench.engine.stop()
    bench.run()
    for ask in (bench.engine.status, bench.engine.calls, lambda: bench.engine.change_plan(ORDINARY)):
        with pytest.raises(StoppedError, match=r"^the gateway is stopping$"):
            ask()
    bench.engine.drain()  # a signal in the last moment is nobody's any more


def test_a_new_plan_is_for_new_calls() -> None:
    bench = Bench()
    _, outbound = bench.arrive()
    other = replace(TWO_URIS, hash="4567")
    with running(bench) as ask:
        ask(lambda: bench.engine.change_plan(other))
    assert bench.sip.plan is other
    bench.report(outbound, OutboundEnded(503, True, None))
    bench.arrive()
    old, (new,) = bench.observer.ended[0], bench.in_progress()
    assert (old.plan_hash, old.attempts, old.outcome) == ("0123", 1, outcomes.UNAVAILABLE)
    assert new.plan_hash == "4567"


def test_a_stack_that_cannot_take_the_plan_keeps_the_old_one() -> None:
    bench = Bench()
    bench.sip.broken = {"adopt"}

    def change() -> str:
        """What went wrong, as the thread that asked learns it."""
        with pytest.raises(RuntimeError) as problem:
            bench.engine.change_plan(replace(ORDINARY, hash="4567"))
        return str(problem.value)

    with running(bench) as ask:
        assert ask(change) == "adopt is broken"
    bench.arrive()
    assert [record.plan_hash for record in bench.in_progress()] == ["0123"]


def test_a_plan_whose_routes_do_not_fit_changes_nothing() -> None:
    bench = Bench()
    wrong = replace(ORDINARY, routes=(Route("pbx", None, "nowhere"),), hash="4567")
    with pytest.raises(ValueError, match="nowhere"):
        bench.engine.adopt(wrong)
    bench.arrive()
    assert [record.plan_hash for record in bench.in_progress()] == ["0123"]


# ---- Leaks ----

IN, OUT, NEXT = range(3)
LIVES: tuple[tuple[tuple[int, Event], ...], ...] = (
    ((OUT, OutboundEnded(486, True, None)),),
    ((IN, InboundEnded(487, False, None)),),
    ((OUT, OutboundEnded(503, True, None)), (NEXT, OutboundEnded(503, True, None))),
    ((OUT, OutboundAnswered(None)), (IN, InboundConfirmed()), (IN, InboundEnded(200, True, None))),
    ((IN, Faulted()),),
    ((IN, InboundConfirmed()),),  # impossible: the call is given up
)


def test_ten_thousand_calls_leave_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    bench = Bench(replace(TWO_URIS, limits=Limits(calls=1, calls_per_second=10_000)))
    message = request()
    for number in range(10_000):
        inbound = bench.sip.arrive(message)
        bench.step()
        for leg, event in LIVES[number % len(LIVES)]:
            bench.report(inbound + leg, event)
    bench.assert_nothing_is_left()
    assert len(bench.observer.started) == len(bench.observer.ended) == 10_000
    assert len({record.id for record in bench.observer.ended}) == 10_000
    assert not bench.sip._live
    assert len(bench.engine._timers._heap) <= MIN_SWEEP  # stopped timers wait there to be swept


# ---- Variables of the PBX ----


def test_a_variable_is_set_on_the_channel_of_the_leg() -> None:
    """By the Call-ID that the PBX knows the leg by."""
    ordinary = plan(field("agent", "var:AGENT", "header:X-Agent", on=frozenset({On.ANSWER, On.END})))
    access = WriteBack("ami://pbx.example:5038", "gw", "hunter2")
    trunks = tuple(replace(one, write_back=access) if one.name == "pbx" else one for one in ordinary.trunks)
    bench = Bench(replace(ordinary, trunks=trunks))
    inbound, outbound = bench.arrive()
    call_id = bench.sip.call_id(inbound)
    bench.report(outbound, OutboundAnswered(response(200, "X-Agent: bob", body=SDP)))
    bench.report(inbound, CONFIRMED)
    bench.report(outbound, OutboundEnded(200, True, response(200, "X-Agent: eve")))
    call = bench.only_record().id
    assert bench.variables.writes == [
        VariableWrite(call, "pbx", call_id, On.ANSWER, (Variable("agent", "AGENT", "bob"),)),
        VariableWrite(call, "pbx", call_id, On.END, (Variable("agent", "AGENT", "eve"),)),
    ]


def test_every_command_is_carried_out() -> None:
    assert {*Bench().engine._execution._hands} == {*get_args(Command)}
