"""Three ways to the end: drain, a drain that takes too long, and stop; with calls both ways in progress."""

from __future__ import annotations

import signal

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.sipp import Sipp
from tests.process.talk import talking
from tests.process.waiting import wait_until
from tests.process.wire import header

DRAINING = "Retry-After: 30"


def short_drain(tree: Tree, site: Site) -> None:
    tree["limits"]["drain_seconds"] = 0.5


def call_both_ways(gateway: Gateway, callee: str, *options: str) -> list[Sipp]:
    """A call each way that the callers do not end."""
    callees = [gateway.callee(direction).serve(callee, *options) for direction in DIRECTIONS]
    callers = [gateway.caller(direction).call("uac-hung-up-on") for direction in DIRECTIONS]
    gateway.wait_for_talking(2)
    return callees + callers


def begin_drain(gateway: Gateway) -> None:
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: gateway.ask("/status")["phase"] == "draining", "the drain has begun")


def assert_ended(gateway: Gateway, peers: list[Sipp], *outcomes: str) -> None:
    """Every peer saw the end it should, and the process left by itself."""
    for peer in peers:
        peer.finish()
    wait_until(gateway.has_exited, "the process has ended", 10)
    assert gateway.process.returncode == 0
    ended = gateway.ended_calls()
    assert {line["direction"] for line in ended} == ({*DIRECTIONS} if ended else set())
    assert [f"{line['result']}/{line['reason']}" for line in ended] == list(outcomes)


def test_a_drain_lets_calls_end_by_themselves(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    peers = call_both_ways(gateway, "uas-answer-and-hang-up", "-d", "2000")
    begin_drain(gateway)

    assert gateway.request("/readyz")[0] == 503
    assert gateway.request("/healthz")[0] == 200
    assert gateway.measured("gateway_draining") == 1
    for direction in DIRECTIONS:
        gateway.caller(direction).call("uac-refused", code="503", header=DRAINING).finish()
    gateway.assert_rejected("draining", "draining")
    assert gateway.wait_for_talking(2)

    assert_ended(gateway, peers, "success/completed", "success/completed")


def test_a_drain_ends_what_is_left_at_its_deadline(start_gateway: StartGateway) -> None:
    gateway = start_gateway(short_drain)
    peers = call_both_ways(gateway, "uas-answer")
    begin_drain(gateway)
    assert_ended(gateway, peers, "success/drained", "success/drained")
    assert [line["calls"] for line in gateway.log() if line["level"] == "WARNING"] == [2]


def test_a_stop_ends_answered_calls(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    peers = call_both_ways(gateway, "uas-answer")
    gateway.signal(signal.SIGINT)
    assert_ended(gateway, peers, "server-error/stopped", "server-error/stopped")


def test_a_bye_that_is_lost_is_sent_again_before_the_end(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    with talking(gateway, "to_twilio") as talk:
        gateway.signal(signal.SIGINT)
        for peer in (talk.caller, talk.callee):
            wait_until(lambda peer=peer: peer.received("BYE")[1:], "another BYE")
            assert len({header(bye, "CSeq") for bye in peer.received("BYE")}) == 1
        wait_until(gateway.has_exited, "the process has ended")
        assert [line["reason"] for line in gateway.ended_calls()] == ["stopped"]


def test_a_stop_ends_ringing_calls(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    callees = [gateway.callee(direction).serve("uas-ring-until-cancelled") for direction in DIRECTIONS]
    refused = {"code": "503", "header": "SIP/2.0 503 Service Unavailable"}
    callers = [gateway.caller(direction).call("uac-refused", **refused) for direction in DIRECTIONS]
    wait_until(lambda: [call["state"] for call in gateway.active_calls()] == ["ringing"] * 2, "both ring")
    gateway.signal(signal.SIGINT)
    assert_ended(gateway, callees + callers, "server-error/stopped", "server-error/stopped")


def test_a_stop_ends_a_drain(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    peers = call_both_ways(gateway, "uas-answer")
    begin_drain(gateway)
    gateway.signal(signal.SIGINT)
    assert_ended(gateway, peers, "server-error/stopped", "server-error/stopped")


def test_without_calls_a_drain_ends_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    assert gateway.request("/drain", "POST")[0] == 202
    assert_ended(gateway, [])
