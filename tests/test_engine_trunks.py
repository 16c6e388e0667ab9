"""The engine and the URIs of its trunks: what calls find out, and where the next ones go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge.commands import Role
from gateway.bridge.events import OutboundEnded
from gateway.bridge.health import REGISTER_AGAIN_SECONDS, ProbeEnded, RegistrationEnded
from gateway.core.plan import Limits, Plan, Registration
from tests.bridge.samples import FIRST, SECOND, plan, refer
from tests.test_engine import Bench

RESPONSE_SECONDS = 4.0


def asked() -> Plan:
    """Both sides have two URIs, asked each half minute."""
    ordinary = plan(uris=(FIRST, SECOND), limits=Limits(response_seconds=RESPONSE_SECONDS))
    pbx, twilio = (replace(trunk, options_interval_seconds=30) for trunk in ordinary.trunks)
    return replace(ordinary, trunks=(replace(pbx, uris=("sip:pbx.example", "sip:spare.example")), twilio))


def all_answer(bench: Bench) -> None:
    """Ask what is due, and let all of it answer."""
    bench.step()
    for (probe,) in bench.sip.named("probe"):
        bench.sip.push(ProbeEnded(probe.token, 200))
    bench.sip.done.clear()
    bench.step()


def called(bench: Bench) -> list[str]:
    """The places of all attempts so far."""
    return [order.request_uri.partition("@")[2] for (order,) in bench.sip.named("place")]


@pytest.mark.parametrize("how", ["silence", "no connection"])
def test_one_call_finds_out_for_all_and_options_bring_it_back(how: str) -> None:
    bench = Bench(asked())
    all_answer(bench)
    _, outbound = bench.arrive()
    if how == "silence":
        bench.sip.silent.add(outbound)
        bench.step(RESPONSE_SECONDS)
    else:
        bench.report(outbound, OutboundEnded(503, False, None))
    bench.step(0.1)
    assert bench.observer.changes == [("twilio", FIRST, False)]
    bench.arrive()
    assert called(bench) == ["one.twilio.example", "two.twilio.example", "two.twilio.example"]
    bench.step(30)
    all_answer(bench)
    assert bench.observer.changes[1:] == [("twilio", FIRST, True)]
    bench.arrive()
    assert called(bench) == ["one.twilio.example"]


@pytest.mark.parametrize("end", [OutboundEnded(503, True, None), OutboundEnded(500, False, None)])
def test_what_may_be_about_this_call_alone_tells_nothing(end: OutboundEnded) -> None:
    bench = Bench(asked())
    all_answer(bench)
    _, outbound = bench.arrive()
    bench.report(outbound, end)
    bench.step(0.1)
    assert bench.observer.changes == []


def test_a_transfer_goes_where_a_call_would() -> None:
    bench = Bench(asked())
    all_answer(bench)
    _, outbound = bench.talk()
    bench.report(outbound, refer(Role.OUTBOUND))
    target = outbound + 1
    bench.report(target, OutboundEnded(503, False, None))
    assert called(bench)[1:] == ["pbx.example", "spare.example"]
    bench.step(0.1)
    assert bench.observer.changes == [("pbx", "sip:pbx.example", False)]
    bench.report(target + 1, OutboundEnded(486, True, None))
    bench.report(outbound, refer(Role.OUTBOUND))
    assert called(bench)[3:] == ["spare.example"]


def test_a_registration_that_failed_is_made_again_until_it_holds() -> None:
    """After silence, a refusal and a registrar out of service alike; a call is placed whatever became of it."""
    ordinary = plan()
    pbx, twilio = ordinary.trunks
    bench = Bench(replace(ordinary, trunks=(pbx, replace(twilio, register=Registration("sip:twilio.example", 600)))))
    for made, code in enumerate((408, 403, 503)):
        assert len(bench.sip.named("register")) == made
        bench.sip.push(RegistrationEnded("twilio", code, False))
        bench.step()
        bench.step(REGISTER_AGAIN_SECONDS - 0.1)
        assert len(bench.sip.named("register")) == made
        bench.step(0.1)
    bench.arrive()
    assert len(called(bench)) == 1
    bench.sip.push(RegistrationEnded("twilio", 200, True))
    bench.step()
    bench.step(10 * REGISTER_AGAIN_SECONDS)
    assert bench.sip.named("register") == [["twilio"]] * 3
