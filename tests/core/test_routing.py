"""Routing: where a call goes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.networks import parse_networks
from gateway.core.patterns import parse_pattern
from gateway.core.plan import Trunk
from gateway.core.profiles import PROFILES
from gateway.core.routing import MAX_USER_CHARACTERS, Destination, Route, Router, request_uri, trunk_uri
from gateway.core.terms import Side
from gateway.core.uri import parse_uri
from gateway.errors import CallRefused


def trunk(name: str, side: Side, *allow: str) -> Trunk:
    networks = tuple(network for entry in allow for network in parse_networks(entry))
    profile = PROFILES["pbx" if side is Side.PBX else "sip-domain"]
    return Trunk(name, side, profile, ("sip:10.0.0.5:5060",), networks)


PBX = trunk("pbx", Side.PBX, "10.0.0.0/24")
SPARE = trunk("spare", Side.PBX, "10.0.0.7")
TWILIO = trunk("twilio", Side.TWILIO, "twilio", "10.0.0.0/16")
BACKUP = trunk("backup", Side.TWILIO, "10.0.0.0/24")


def refusal(router: Router, from_trunk: Trunk, user: str) -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        router.route(from_trunk, user)
    assert (caught.value.sip_code, caught.value.reason) == (404, "no-route")
    return caught.value


def test_without_routes_a_call_goes_to_the_only_trunk_of_the_other_side() -> None:
    router = Router([PBX, TWILIO])
    assert router.route(PBX, "+15551234567") == Destination(TWILIO, "+15551234567")
    assert router.route(TWILIO, "4711") == Destination(PBX, "4711")


def test_without_routes_several_trunks_are_no_route() -> None:
    error = refusal(Router([PBX, TWILIO, BACKUP]), PBX, "1")
    assert error.warning == "2 trunks on the twilio side and no route says which"


def test_without_routes_no_trunk_is_no_route() -> None:
    assert refusal(Router([PBX]), PBX, "1").warning == "0 trunks on the twilio side and no route says which"


ROUTES = (
    Route("pbx", parse_pattern(r"^9(\+?[0-9]+)$"), "twilio", r"\1"),
    Route("pbx", parse_pattern(r"^sales"), "backup", "100"),
    Route("pbx", parse_pattern(r"^keep$"), "backup"),
    Route("pbx", parse_pattern(r"^empty(x?)$"), "backup", r"\1"),
)


@pytest.mark.parametrize(
    ("user", "to", "called"),
    [
        ("9+15551234567", TWILIO, "+15551234567"),
        ("912", TWILIO, "12"),
        ("sales-eu", BACKUP, "100"),
        ("keep", BACKUP, "keep"),
        ("emptyx", BACKUP, "x"),
    ],
)
def test_the_first_route_that_matches_wins(user: str, to: Trunk, called: str) -> None:
    assert Router([PBX, TWILIO, BACKUP], ROUTES).route(PBX, user) == Destination(to, called)


@pytest.mark.parametrize(
    ("user", "warning"),
    [
        ("12", "no route matches the called user"),
        ("empty", "there is no user part to call"),
        ("", "there is no user part to call"),
        ("9" * (MAX_USER_CHARACTERS + 1), "the user part has more than 256 characters"),
        ("9\r\nVia: x", "the user part holds characters that cannot be called"),
        ("91\n", "the user part holds characters that cannot be called"),
        ("9\x00", "the user part holds characters that cannot be called"),
        ("9\udcff", "the user part holds characters that cannot be called"),
    ],
)
def test_what_no_route_takes_is_refused(user: str, warning: str) -> None:
    assert refusal(Router([PBX, TWILIO, BACKUP], ROUTES), PBX, user).warning == warning


def test_the_longest_user_part_is_routed() -> None:
    user = "9" * MAX_USER_CHARACTERS
    assert Router([PBX, TWILIO]).route(PBX, user).user == user


def test_routes_of_one_trunk_leave_the_default_of_another() -> None:
    router = Router([PBX, TWILIO], ROUTES[:1])
    assert router.route(TWILIO, "4711") == Destination(PBX, "4711")


def test_a_route_without_a_match_takes_all() -> None:
    router = Router([PBX, TWILIO, BACKUP], [Route("pbx", None, "backup", r"+49\g<0>")])
    assert router.route(PBX, "30") == Destination(BACKUP, "+4930")


@pytest.mark.parametrize(
    ("user", "why"),
    [
        (r"\2", "the expression has no group 2"),
        (r"\g<name>", "the expression has no group name"),
        ("\\", "\\ means nothing here; groups are \\1 to \\9 or \\g<name>, a backslash is \\\\"),
    ],
)
def test_a_rewriting_that_cannot_work_is_refused(user: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"user {user!r} does not fit the match: {why}.")):
        Route("pbx", parse_pattern("(a)"), "twilio", user)


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        (Route("pbx", None, "nowhere"), "There is no trunk named 'nowhere'."),
        (Route("nowhere", None, "pbx"), "There is no trunk named 'nowhere'."),
        (Route("pbx", None, "spare"), "Trunks 'pbx' and 'spare' are on the same side."),
    ],
)
def test_a_route_between_wrong_trunks_is_refused(route: Route, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Router([PBX, SPARE, TWILIO], [route])


@pytest.mark.parametrize(
    ("trunk", "user", "uri"),
    [
        ("sip:10.0.0.5:5060", "4711", "sip:4711@10.0.0.5:5060"),
        ("sip:acme.sip.dublin.twilio.com;transport=tls", "+1555", "sip:+1555@acme.sip.dublin.twilio.com;transport=tls"),
        ("sip:[2001:db8::1]:5070;lr", "a b@c", "sip:a%20b%40c@[2001:db8::1]:5070;lr"),
    ],
)
def test_a_user_is_put_into_the_uri_of_a_trunk_and_taken_out(trunk: str, user: str, uri: str) -> None:
    assert request_uri(trunk, user) == uri
    assert trunk_uri(uri) == trunk


@pytest.mark.timeout(20)
def test_a_pattern_that_backtracks_without_end_elsewhere_costs_nothing() -> None:
    router = Router([PBX, TWILIO], [Route("pbx", parse_pattern("(a+)+$"), "twilio")])
    assert refusal(router, PBX, "a" * (MAX_USER_CHARACTERS - 1) + "!").warning == "no route matches the called user"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_user_part_gets_out_of_its_place(user: str) -> None:
    uri = parse_uri(request_uri("sip:h:5060;transport=tcp", user))
    assert (uri.user, uri.host, uri.port, uri.params) == (user, "h", 5060, (("transport", "tcp"),))
