"""Whether an INVITE becomes a call: hops, loops, calls at once, calls a second."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.bridge.admission import (
    DRAINING,
    FULL,
    LOOP,
    NO_DIALOG,
    REJECT_REASONS,
    SOURCE_TOO_FAST,
    TOO_FAST,
    TOO_MANY_HOPS,
    TRUNK_TOO_FAST,
    WRONG_ACCOUNT,
    Admission,
    Rejection,
    TrunkAdmission,
    own_hops,
    sent_by,
    trunk_of,
)
from gateway.core.headers import Headers
from gateway.core.message import SipMessage
from gateway.core.plan import Limits, Listener, Plan, Transport
from tests.bridge.samples import plan, request

LISTENERS = (
    Listener(Transport.UDP, "10.0.0.1", 5060),
    Listener(Transport.TLS, "10.0.0.1", 5061),
    Listener(Transport.TCP, "0.0.0.0", 5080),
)
OURS = plan(listeners=LISTENERS, public_address="203.0.113.7")


def admit(*headers: str, plan: Plan = OURS, active: int = 0, own: frozenset[str] = frozenset()) -> Rejection | None:
    return Admission(plan).check(request(*headers), 0.0, active, own)


# ---- Answers ----


@pytest.mark.parametrize(
    ("rejection", "reason", "code", "retry"),
    [
        (DRAINING, "draining", 503, "30"),
        (FULL, "limit-calls", 503, "5"),
        (TOO_FAST, "limit-rate", 503, "1"),
        (LOOP, "loop", 482, None),
        (TOO_MANY_HOPS, "too-many-hops", 483, None),
        (NO_DIALOG, "no-dialog", 481, None),
    ],
)
def test_how_an_invite_is_turned_away(rejection: Rejection, reason: str, code: int, retry: str | None) -> None:
    headers = dict(rejection.headers)
    assert (rejection.reason, rejection.code, headers.get("Retry-After")) == (reason, code, retry)
    assert headers["Warning"].startswith("399 gateway ")
    assert rejection.reason in REJECT_REASONS


def test_every_reason_is_known_to_the_metrics() -> None:
    rejections = (DRAINING, FULL, TOO_FAST, LOOP, NO_DIALOG, TOO_MANY_HOPS, WRONG_ACCOUNT)
    known = {rejection.reason for rejection in rejections}
    assert set(REJECT_REASONS) == known
    assert len(REJECT_REASONS) == len(known)


# ---- Calls at once and calls a second ----


@pytest.mark.parametrize(("active", "rejection"), [(0, None), (9, None), (10, FULL), (11, FULL)])
def test_as_many_calls_as_the_limit_says(active: int, rejection: Rejection | None) -> None:
    assert admit(plan=replace(OURS, limits=Limits(calls=10)), active=active) == rejection


def admitted(admission: Admission, *times: float) -> list[bool]:
    return [admission.check(request(), now, 0, ()) is None for now in times]


def test_a_second_takes_as_many_calls_as_the_limit_says_at_once_or_spread() -> None:
    limited = replace(OURS, limits=Limits(calls_per_second=2))
    assert admitted(Admission(limited), 100.0, 100.0, 100.0) == [True, True, False]
    assert admitted(Admission(limited), 100.0, 100.5, 101.0, 101.5, 102.0) == [True] * 5


def test_the_bucket_fills_at_the_rate_and_no_higher_than_one_second() -> None:
    admission = Admission(replace(OURS, limits=Limits(calls_per_second=2)))
    assert admitted(admission, 0.0, 0.0, 0.0) == [True, True, False]
    assert admitted(admission, 0.25, 0.5, 0.5) == [False, True, False]
    assert admitted(admission, 3600.0, 3600.0, 3600.0) == [True, True, False]


def test_what_is_turned_away_for_another_reason_takes_no_place() -> None:
    admission = Admission(replace(OURS, limits=Limits(calls=1, calls_per_second=1)))
    assert admission.check(request("Max-Forwards: 0"), 0.0, 0, ()) == TOO_MANY_HOPS
    assert admission.check(request(), 0.0, 1, ()) == FULL
    assert admission.check(request(), 0.0, 0, ()) is None


@given(st.lists(st.floats(0, 20), max_size=60).map(sorted), st.integers(1, 5))
def test_no_window_takes_more_than_the_bucket_and_what_flowed_in(times: list[float], rate: int) -> None:
    admission = Admission(replace(OURS, limits=Limits(calls_per_second=rate)))
    taken = [now for now, good in zip(times, admitted(admission, *times), strict=True) if good]
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= rate + (taken[last] - begin) * rate + 1e-6
    assert not times or times[0] in taken


# ---- Hops and loops ----


@pytest.mark.parametrize(("left", "rejection"), [("0", TOO_MANY_HOPS), ("1", None), ("70", None), ("none", None)])
def test_an_invite_has_to_have_a_hop_left(left: str, rejection: Rejection | None) -> None:
    assert admit(f"Max-Forwards: {left}") == rejection


FOREIGN = "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("headers", "loops"),
    [
        (["Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", "Via: SIP/2.0/UDP 192.0.2.10"], False),
        ([FOREIGN, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK2"], True),
        ([FOREIGN, "v: SIP/2.0/UDP 10.0.0.1"], True),
        ([FOREIGN, "Via: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bK2"], True),
        ([FOREIGN, "Via: sip/2.0/tls 10.0.0.1:5061"], True),
        ([FOREIGN, "Via: SIP/2.0/TCP 203.0.113.7:5080"], True),
        ([FOREIGN, "Via: SIP / 2.0 / UDP 10.0.0.1: 5060;ttl=16"], True),
        ([FOREIGN + ", SIP/2.0/UDP 192.0.2.10 , SIP/2.0/UDP 10.0.0.1:5060"], True),
        ([FOREIGN, "Via: SIP/2.0/UDP 10.0.0.1:5070"], False),
        ([FOREIGN, "Via: SIP/2.0/UDP 10.0.0.11"], False),
        ([FOREIGN, "Via: SIP/2.0/TCP 0.0.0.0:5080"], False),
        ([FOREIGN, 'Via: SIP/2.0/UDP 192.0.2.10;x=", SIP/2.0/UDP 10.0.0.1:5060"'], False),
        ([FOREIGN, "Via: 10.0.0.1:5060", "Via: SIP/2.0/UDP", "Via: ,,,", "Via:", "Via: ;/;/"], False),
        (["Via: SIP/2.0/UDP 10.0.0.1:5060"], False),
        ([], False),
    ],
    ids=[
        "strangers",
        "ours below",
        "our default port, compact name",
        "our default port of TLS",
        "any case",
        "our public address",
        "blanks as RFC 3261 writes them",
        "several in one line",
        "another port",
        "another host",
        "nobody is 0.0.0.0",
        "a comma in quotes",
        "nonsense",
        "the sender's own address is not ours to judge",
        "none",
    ],
)
def test_an_invite_that_passed_us_is_a_loop(headers: list[str], loops: bool) -> None:
    assert admit(*headers) == (LOOP if loops else None)


@pytest.mark.parametrize(("call_id", "loops"), [("out-1@gw", True), ("OUT-1@gw", False), ("in-1@pbx", False)])
def test_an_invite_with_a_call_id_of_ours_is_a_loop(call_id: str, loops: bool) -> None:
    assert admit(f"i: {call_id}", own=frozenset({"out-1@gw"})) == (LOOP if loops else None)


def test_an_invite_without_call_id_is_no_loop() -> None:
    assert admit(own=frozenset({"out-1@gw"})) is None


def test_our_hops_are_the_addresses_that_the_configuration_names() -> None:
    assert own_hops(OURS) == {
        "10.0.0.1:5060",
        "10.0.0.1:5061",
        "203.0.113.7:5060",
        "203.0.113.7:5061",
        "203.0.113.7:5080",
    }
    assert own_hops(plan(listeners=LISTENERS[2:])) == frozenset()


@pytest.mark.parametrize(
    ("via", "sender"),
    [
        ("SIP/2.0/UDP pbx.example", "pbx.example:5060"),
        ("SIP/2.0/UDP PBX.Example:5070;branch=1", "pbx.example:5070"),
        ("SIP/2.0/TLS [2001:db8::1]", "[2001:db8::1]:5061"),
        ("SIP/2.0/UDP [2001:db8::1]:5070", "[2001:db8::1]:5070"),
        ("SIP/2.0/UDP", ""),
        ("UDP", ""),
        ("", ""),
        (";", ""),
    ],
)
def test_who_sent(via: str, sender: str) -> None:
    assert sent_by(via) == sender


@given(st.lists(st.text(st.characters(codec=None, categories=None)), max_size=4))
def test_no_via_is_too_strange(values: list[str]) -> None:
    message = SipMessage("INVITE sip:1@gw SIP/2.0", Headers([("Via", value) for value in values]))
    assert Admission(OURS).check(message, 0.0, 0, ()) in (None, LOOP)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", [",", '"', "<", "SIP/2.0/UDP a,", "/", " ", '\\"'])
def test_a_via_of_64_kilobytes_takes_no_time(piece: str) -> None:
    value = piece * (65_536 // len(piece))
    message = SipMessage("INVITE sip:1@gw SIP/2.0", Headers([("Via", value)]))
    assert Admission(OURS).check(message, 0.0, 0, ()) is None


# ---- One trunk ----

TWILIO = OURS.trunks[1]
OURS_SID, OTHER_SID = f"AC{'0' * 32}", f"AC{'1' * 32}"


@pytest.mark.parametrize(
    ("headers", "rejection"),
    [
        ((f"X-Twilio-AccountSid: {OURS_SID}",), None),
        ((f"x-twilio-accountsid:{OURS_SID}",), None),
        ((f"X-Twilio-AccountSid: {OTHER_SID}",), WRONG_ACCOUNT),
        ((f"X-Twilio-AccountSid: {OTHER_SID}", f"X-Twilio-AccountSid: {OURS_SID}"), WRONG_ACCOUNT),
        (("X-Twilio-AccountSid: ",), WRONG_ACCOUNT),
        ((), WRONG_ACCOUNT),
    ],
)
def test_only_calls_of_these_accounts(headers: tuple[str, ...], rejection: Rejection | None) -> None:
    trunk = replace(TWILIO, account_sids=(OURS_SID,))
    assert TrunkAdmission(trunk).check(request(*headers), "54.172.60.1", 0) == rejection


@pytest.mark.parametrize(
    ("source", "trunk"), [("10.0.0.1", "first"), ("10.0.1.1", "second"), ("192.0.2.1", None), ("2001:db8::1", None)]
)
def test_a_source_is_of_the_trunk_with_the_smallest_network_that_has_it(source: str, trunk: str | None) -> None:
    one = OURS.trunks[0]
    trunks = [
        replace(one, name="first", allow=(ip_network("192.168.0.0/24"), ip_network("10.0.0.0/24"))),
        replace(one, name="second", allow=(ip_network("10.0.0.0/8"),)),
    ]
    assert trunk_of(source, trunks) == trunk


def test_a_trunk_takes_what_comes_unless_it_says_otherwise() -> None:
    admission = TrunkAdmission(TWILIO)
    assert {admission.check(request(), "54.172.60.1", 0) for _ in range(100)} == {None}


def test_the_rate_of_a_trunk_and_of_each_of_its_sources() -> None:
    admission = TrunkAdmission(replace(TWILIO, calls_per_second=3, source_calls_per_second=2))
    told = [admission.check(request(), source, 0) for source in ("a", "a", "a", "b", "b")]
    assert told == [None, None, SOURCE_TOO_FAST, None, TRUNK_TOO_FAST]
    assert admission.check(request(), "a", 1) is None
