"""What is known of a trunk's URIs: probes in their time, silence, coming back, and the order of calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.bridge.health import Probe, ProbeEnded, RegistrationEnded, TrunkHealth
from gateway.core.plan import Limits, Plan, Registration, Trunk
from tests.bridge.samples import plan

ONE, TWO = "sip:one.example.com", "sip:two.example.com"
PLAN = plan()
PBX, TWILIO = PLAN.trunks
ASKED = replace(TWILIO, uris=(ONE, TWO), options_interval_seconds=30)


def plan_of(*trunks: Trunk) -> Plan:
    return replace(PLAN, trunks=trunks, routes=(), limits=Limits(response_seconds=4))


@pytest.fixture
def health() -> TrunkHealth:
    health = TrunkHealth()
    health.adopt(plan_of(PBX, ASKED), 100)
    return health


def ask(health: TrunkHealth, now: float) -> dict[str, int]:
    """Tokens of what is asked now, by URI."""
    return {probe.uri: probe.token for probe in health.next_probes(now)}


def test_only_trunks_that_say_so_are_asked_and_all_their_uris(health: TrunkHealth) -> None:
    assert list(health.next_probes(100)) == [Probe(1, ASKED.name, ONE), Probe(2, ASKED.name, TWO)]
    assert ask(health, 129.9) == {}
    assert set(ask(health, 130)) == {ONE, TWO}


def test_before_the_first_answer_everything_counts_as_being_there(health: TrunkHealth) -> None:
    assert health.is_usable(ASKED)
    assert health.is_usable(PBX)
    assert health.in_order(ASKED) == (ONE, TWO)


@pytest.mark.parametrize("code", [200, 401, 403, 404, 405, 500, 600])
def test_any_answer_is_a_sign_of_life(health: TrunkHealth, code: int) -> None:
    assert health.take(ProbeEnded(ask(health, 100)[ONE], code), 100) == []
    assert health.is_up(ASKED, ONE)


@pytest.mark.parametrize("code", [408, 503])
def test_what_is_down_is_called_last_and_comes_back(health: TrunkHealth, code: int) -> None:
    assert health.take(ProbeEnded(ask(health, 100)[ONE], code), 100) == [(ASKED.name, ONE, False)]
    assert health.in_order(ASKED) == (TWO, ONE)
    assert health.down(ASKED) == (ONE,)
    assert health.is_usable(ASKED)
    assert health.take(ProbeEnded(ask(health, 130)[ONE], 200), 130) == [(ASKED.name, ONE, True)]
    assert health.in_order(ASKED) == (ONE, TWO)
    assert health.down(ASKED) == ()


def test_a_trunk_is_not_usable_when_all_its_uris_are_down(health: TrunkHealth) -> None:
    for token in ask(health, 100).values():
        health.take(ProbeEnded(token, 503), 100)
    assert not health.is_usable(ASKED)
    assert health.in_order(ASKED) == (ONE, TWO)


def test_silence_is_known_after_response_seconds(health: TrunkHealth) -> None:
    asked = ask(health, 100)
    health.take(ProbeEnded(asked[TWO], 200), 100)
    assert list(health.silent(103.9)) == []
    assert list(health.silent(104)) == [ProbeEnded(asked[ONE], 408)]
    assert list(health.silent(105)) == []


def test_an_answer_after_the_silence_counts(health: TrunkHealth) -> None:
    token = ask(health, 100)[ONE]
    health.take(ProbeEnded(token, 408), 104)
    assert health.take(ProbeEnded(token, 200), 105) == [(ASKED.name, ONE, True)]


def test_the_answer_to_an_earlier_probe_is_old_news(health: TrunkHealth) -> None:
    token = ask(health, 100)[ONE]
    ask(health, 130)
    assert health.take(ProbeEnded(token, 408), 131) == []
    assert health.is_up(ASKED, ONE)


def test_patience_ends_before_the_next_probe(health: TrunkHealth) -> None:
    health.adopt(plan_of(replace(ASKED, options_interval_seconds=1)), 100)
    ask(health, 100)
    assert len(list(health.silent(101))) == 2


# ---- A URI of several trunks ----

SHARING = replace(ASKED, name="second", uris=(TWO, ONE), options_interval_seconds=60)
ALONE = replace(ASKED, name="third", uris=(ONE,), options_interval_seconds=15)


def test_a_uri_of_several_trunks_is_asked_once_for_all(health: TrunkHealth) -> None:
    """As often as the trunk wants that wants it most often, and not more often for the others."""
    health.adopt(plan_of(PBX, ASKED, SHARING, ALONE), 100)
    assert sorted((probe.uri, probe.trunk) for probe in health.next_probes(100)) == [(ONE, "third"), (TWO, ASKED.name)]
    assert set(ask(health, 115)) == {ONE}
    assert set(ask(health, 130)) == {ONE, TWO}


def test_every_trunk_with_the_uri_learns_from_the_answer(health: TrunkHealth) -> None:
    health.adopt(plan_of(PBX, ASKED, SHARING), 100)
    gone = health.take(ProbeEnded(ask(health, 100)[ONE], 408), 104)
    assert gone == [(ASKED.name, ONE, False), ("second", ONE, False)]
    assert (health.in_order(ASKED), health.in_order(SHARING)) == ((TWO, ONE), (TWO, ONE))
    back = health.take(ProbeEnded(ask(health, 130)[ONE], 200), 130)
    assert back == [(ASKED.name, ONE, True), ("second", ONE, True)]


def test_what_a_call_found_is_known_of_its_trunk_only(health: TrunkHealth) -> None:
    """The other has no other URI to call; but what both have is asked soon, and not twice."""
    health.adopt(plan_of(PBX, ASKED, ALONE), 100)
    ask(health, 100)
    assert miss(health, 104) == [True]
    assert (health.is_up(ASKED, ONE), health.is_up(ALONE, ONE)) == (False, True)
    assert not health.miss("third", ONE, 100, 104)
    assert ask(health, 114.9) == {}
    assert health.take(ProbeEnded(ask(health, 115)[ONE], 200), 115) == [(ASKED.name, ONE, True)]


def test_a_trunk_that_is_new_knows_what_is_known_of_its_uri(health: TrunkHealth) -> None:
    health.take(ProbeEnded(ask(health, 100)[ONE], 503), 100)
    health.adopt(plan_of(PBX, ASKED, ALONE, SHARING), 101)
    assert (health.is_usable(ALONE), health.down(SHARING)) == (False, (ONE,))
    assert ask(health, 115.9) == {}
    assert set(ask(health, 116)) == {ONE}


def test_a_uri_is_asked_on_by_the_trunk_that_is_left(health: TrunkHealth) -> None:
    health.adopt(plan_of(PBX, ASKED, SHARING), 100)
    token = ask(health, 100)[ONE]
    health.adopt(plan_of(PBX, SHARING), 101)
    assert health.take(ProbeEnded(token, 503), 102) == [("second", ONE, False)]
    assert [probe.trunk for probe in health.next_probes(130)] == ["second", "second"]


# ---- What calls tell ----


def miss(health: TrunkHealth, *times: float, uri: str = ONE) -> list[bool]:
    """Of calls that were placed as many seconds before as they wait for a response."""
    return [health.miss(ASKED.name, uri, now - 4, now) for now in times]


def answered(health: TrunkHealth, now: float) -> bool:
    """Whether the first URI is up once it has answered OPTIONS of this time."""
    for token in ask(health, now).values():
        health.take(ProbeEnded(token, 200), now)
    return health.is_up(ASKED, ONE)


def test_what_a_call_found_silent_is_called_last_until_it_answers_options(health: TrunkHealth) -> None:
    ask(health, 100)
    assert miss(health, 104) == [True]
    assert health.in_order(ASKED) == (TWO, ONE)
    assert health.is_usable(ASKED)
    assert health.take(ProbeEnded(ask(health, 115)[ONE], 200), 115) == [(ASKED.name, ONE, True)]
    assert health.in_order(ASKED) == (ONE, TWO)


def test_it_is_asked_as_soon_as_twilio_allows_and_the_other_when_it_would_be(health: TrunkHealth) -> None:
    ask(health, 100)
    miss(health, 104)
    assert ask(health, 114.9) == {}
    assert set(ask(health, 115)) == {ONE}
    assert set(ask(health, 130)) == {TWO}
    miss(health, 160, uri=TWO)
    assert TWO in ask(health, 160)


def test_who_is_asked_more_often_is_asked_when_it_would_be(health: TrunkHealth) -> None:
    health.adopt(plan_of(replace(ASKED, options_interval_seconds=1)), 100)
    ask(health, 100)
    miss(health, 100.1)
    assert ask(health, 100.9) == {}
    assert set(ask(health, 101)) == {ONE, TWO}


def test_a_thousand_calls_that_find_nobody_are_one_piece_of_news(health: TrunkHealth) -> None:
    ask(health, 100)
    assert miss(health, *[104 + call / 100 for call in range(1000)]) == [True] + [False] * 999
    assert set(ask(health, 115)) == {ONE}


def test_the_last_uri_that_is_up_is_left_to_options_to_judge(health: TrunkHealth) -> None:
    ask(health, 100)
    miss(health, 104)
    assert miss(health, 108, uri=TWO) == [False]
    assert health.is_usable(ASKED)
    asked = ask(health, 115)
    assert health.take(ProbeEnded(asked[TWO], 408), 119) == [(ASKED.name, TWO, False)]


def test_a_trunk_that_is_not_asked_learns_nothing_as_nothing_would_bring_it_back(health: TrunkHealth) -> None:
    assert not health.miss(PBX.name, PBX.uris[0], 100, 104)
    assert not health.miss("gone", ONE, 100, 104)
    assert health.is_up(PBX, PBX.uris[0])


def test_where_calls_and_options_disagree_calls_stay_away_for_longer_each_time(health: TrunkHealth) -> None:
    """As when OPTIONS get through and INVITEs, which are larger, do not."""
    health.adopt(plan_of(replace(ASKED, options_interval_seconds=1)), 100)
    times, now = [], 100.0
    for _ in range(7):
        now += 4
        missed = now
        miss(health, now)
        while not answered(health, now):
            now += 1
        times.append(now - missed)
    assert times == [0, 30, 60, 120, 240, 480, 480]


def test_an_answer_while_a_call_waited_is_newer_than_what_the_call_found(health: TrunkHealth) -> None:
    """As of many calls that were placed before it died and come back: those of the time before tell nothing."""
    assert answered(health, 100)
    assert miss(health, 100, 103.9) == [False, False]
    assert miss(health, 104) == [True]


def test_a_connection_that_fails_is_news_at_once(health: TrunkHealth) -> None:
    assert answered(health, 100)
    assert health.miss(ASKED.name, ONE, 100.1, 100.1)


def test_after_a_long_time_it_is_a_first_time_again(health: TrunkHealth) -> None:
    miss(health, 100)
    assert answered(health, 100)
    miss(health, 1000)
    assert answered(health, 1000)


def test_calls_and_options_that_agree_leave_no_doubt(health: TrunkHealth) -> None:
    ask(health, 100)
    miss(health, 104)
    health.take(ProbeEnded(ask(health, 115)[ONE], 408), 119)
    assert answered(health, 145)
    miss(health, 150)
    assert answered(health, 175)


# ---- Registrations ----

REGISTERED = replace(TWILIO, register=Registration("sip:acme.sip.twilio.com", 600))


def test_a_trunk_that_registers_is_usable_while_it_is_registered(health: TrunkHealth) -> None:
    health.adopt(plan_of(REGISTERED), 100)
    assert not health.is_usable(REGISTERED)
    assert health.take_registration(RegistrationEnded("twilio", 200, True), 101)
    assert health.is_usable(REGISTERED)
    assert not health.take_registration(RegistrationEnded("twilio", 200, True), 500)
    assert health.take_registration(RegistrationEnded("twilio", 403, False), 900)
    assert not health.is_usable(REGISTERED)


def test_a_registration_that_failed_is_tried_again_and_again(health: TrunkHealth) -> None:
    health.adopt(plan_of(REGISTERED), 100)
    assert health.due_registrations(100) == []
    assert health.take_registration(RegistrationEnded("twilio", 408, False), 132)
    assert health.due_registrations(161) == []
    assert health.due_registrations(162) == ["twilio"]
    assert health.due_registrations(200) == []
    assert not health.take_registration(RegistrationEnded("twilio", 408, False), 194)
    assert health.due_registrations(224) == ["twilio"]
    assert health.take_registration(RegistrationEnded("twilio", 200, True), 225)
    assert health.due_registrations(1000) == []


def test_a_reload_keeps_a_registration_and_forgets_one_that_is_gone(health: TrunkHealth) -> None:
    health.adopt(plan_of(REGISTERED), 100)
    health.take_registration(RegistrationEnded("twilio", 200, True), 101)
    health.adopt(plan_of(REGISTERED), 102)
    assert health.is_usable(REGISTERED)
    health.adopt(plan_of(TWILIO), 103)
    assert not health.take_registration(RegistrationEnded("twilio", 200, False), 104)
    assert health.is_usable(TWILIO)


def test_a_reload_keeps_what_is_known_and_forgets_who_left(health: TrunkHealth) -> None:
    asked = ask(health, 100)
    health.take(ProbeEnded(asked[ONE], 503), 100)
    only_one = replace(ASKED, uris=(ONE,), options_interval_seconds=20)
    health.adopt(plan_of(only_one), 101)
    assert not health.is_usable(only_one)
    assert health.take(ProbeEnded(asked[TWO], 503), 101) == []
    assert set(ask(health, 121)) == {ONE}


def test_a_trunk_that_is_asked_no_more_counts_as_being_there(health: TrunkHealth) -> None:
    health.take(ProbeEnded(ask(health, 100)[ONE], 503), 100)
    unasked = replace(ASKED, options_interval_seconds=None)
    health.adopt(plan_of(unasked), 101)
    assert health.is_up(unasked, ONE)
