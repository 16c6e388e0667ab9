"""Strangers: floods are met with silence that harms nobody, and scanners learn nothing about users."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import permutations

import pytest

from tests.process.bystander import bystander
from tests.process.conftest import ShareGateway, StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.digest import PASSWORD, USERNAME, credentials
from tests.process.places import free_port
from tests.process.waiting import wait_until
from tests.process.wire import KEPT, WirePeer, header, status

FLOOD = 500
ANSWERS = 20
SCAN_SECONDS = 60
METHODS = ("REGISTER", "INVITE", "OPTIONS")
ANY_HOST = "0.0.0.0"
USER = "110"
USERS = [str(user) for user in range(105, 116)]
"""Few enough to be answered all."""
TAKEN_OVER = (*KEPT, "To")
"""Headers of an answer that its request decides."""


def quiet(tree: Tree, site: Site) -> None:
    tree["limits"]["stranger_answers_per_second"] = ANSWERS


def some_users(tree: Tree, site: Site) -> None:
    """110 can be called, who else is asked for cannot; there are answers for all strangers of these tests."""
    tree["limits"] |= {"stranger_answers_per_second": 1000, "response_seconds": 0.5}
    tree["routes"] = [{"from": one, "match": f"^{USER}$", "to": other} for one, other in permutations(tree["trunks"])]


def scan(gateway: Gateway, *command: str) -> str:
    """Run a scanner to its end; all that it says."""
    home = os.environ | {"HOME": str(gateway.folder)}
    found = subprocess.run(command, capture_output=True, text=True, timeout=SCAN_SECONDS, env=home, check=False)
    told = found.stdout + found.stderr
    assert "Traceback" not in told
    return told


def answered(peer: WirePeer) -> int:
    return len({header(message, "Call-ID") for message in peer.received("SIP/2.0")})


def test_a_flood_of_options_is_met_with_silence(start_gateway: StartGateway) -> None:
    """Each is counted, answered or not; a peer gets its answers meanwhile, and a call that is up goes on."""
    gateway = start_gateway(quiet)
    with (
        bystander(gateway, "to_twilio"),
        gateway.wire(gateway.stranger) as stranger,
        gateway.wire_caller(gateway.pbx) as friend,
    ):
        for _ in range(FLOOD):
            stranger.send(stranger.request("OPTIONS"))
        silenced = {"reason": "unknown-source-silenced"}
        wait_until(
            lambda: gateway.counted("gateway_rejected_total", **silenced) + answered(stranger) == FLOOD,
            "all are counted",
        )
        assert ANSWERS <= answered(stranger) < FLOOD / 2
        assert gateway.counted("gateway_rejected_total", reason="unknown-source") == answered(stranger)
        options = friend.request("OPTIONS")
        friend.send(options)
        assert status(friend.wait_for_answer(options)) == 200
    gateway.assert_outcomes("to_twilio", "success/completed")
    [line] = gateway.told(reason="unknown-source-silenced")
    assert line["source_address"].startswith("127.")
    assert "config/nftables" in line["advice"]


def test_a_register_of_anybody_is_refused_and_told(start_gateway: StartGateway) -> None:
    """Of a stranger, and of a trunk's peer, who can be told what is wrong; a call that is up goes on."""
    gateway = start_gateway(quiet)
    with bystander(gateway, "to_twilio"):
        for peer, reason, advice in (
            (gateway.stranger, "unknown-source", "allow"),
            (gateway.pbx, "unsupported", "REGISTER"),
        ):
            with gateway.wire_caller(peer) as asks:
                register = asks.request("REGISTER", "Expires: 3600", user="100")
                asks.send(register)
                assert status(asks.wait_for_final(register)) == 405
            [line] = gateway.told(reason=reason)
            assert (line["level"], line["source_address"]) == ("WARNING", peer.place.host)
            assert advice in line["advice"]
    gateway.assert_rejected("unknown-source", "unsupported")
    gateway.assert_outcomes("to_twilio", "success/completed")


def test_whom_we_call_may_speak_in_its_call_though_it_may_not_call(start_gateway: StartGateway) -> None:
    """A trunk without `allow`: its requests inside a dialog are no stranger's, whatever else comes from there."""

    def only_called(tree: Tree, site: Site) -> None:
        quiet(tree, site)
        tree["limits"]["stranger_answers_per_second"] = 1
        del tree["trunks"]["twilio"]["allow"]

    gateway = start_gateway(only_called)
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.answer(placed)
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        for _ in range(10):
            callee.send(callee.request("OPTIONS"))
        bye = callee.in_dialog_of_callee("BYE", placed)
        callee.send(bye)
        assert status(callee.wait_for_answer(bye)) == 200
        caller.send(caller.reply(caller.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_stranger_is_answered_where_he_is(share_gateway: ShareGateway) -> None:
    """And not where his Via says (`maddr`): he would choose whom we send to, and which names we look up."""
    gateway = share_gateway(some_users)
    with gateway.wire(gateway.pbx) as named, gateway.wire(gateway.stranger) as stranger:
        for place in (named.place.host, "name.example.com"):
            invite = re.sub(r"^(Via: [^\r]*)", rf"\1;maddr={place}", stranger.invite(), flags=re.MULTILINE)
            assert f";maddr={place}" in invite
            stranger.send(invite)
            final = stranger.wait_for_final(invite)
            assert status(final) == 403
            stranger.send(stranger.in_dialog("ACK", invite, final))
        assert named.received() == []
    gateway.assert_rejected("unknown-source", "unknown-source")


def test_credentials_do_not_make_a_friend(start_gateway: StartGateway) -> None:
    """Who has the password of a trunk and comes from elsewhere is a stranger: no challenge invites him to guess, and
    a call that is up goes on.
    """

    def with_password(tree: Tree, site: Site) -> None:
        for trunk in tree["trunks"].values():
            trunk["auth"] = {"username": USERNAME, "password": PASSWORD}

    gateway = start_gateway(with_password)
    right = credentials("INVITE", f"sip:service@{gateway.site.gateway}")
    wrong = credentials("BYE", f"sip:service@{gateway.site.gateway}")
    with bystander(gateway, "to_twilio"), gateway.wire(gateway.stranger) as stranger:
        for proof in (right, wrong):
            invite = stranger.invite(f"Authorization: {proof}", f"Proxy-Authorization: {proof}")
            stranger.send(invite)
            final = stranger.wait_for_final(invite)
            stranger.send(stranger.in_dialog("ACK", invite, final))
            assert "Authenticate" not in final
            assert status(final) == 403
    gateway.assert_rejected("unknown-source", "unknown-source")
    gateway.assert_outcomes("to_twilio", "success/completed")
    [line] = gateway.told(reason="unknown-source")
    assert line["source_address"] == stranger.place.host
    assert "put the address into allow of a trunk if it is a peer of yours" in line["advice"]


def test_a_scanner_of_networks_learns_no_user(share_gateway: ShareGateway) -> None:
    """`svmap` finds that somebody speaks SIP there, which the 403 says, but not what it is."""
    gateway = share_gateway(some_users)
    host, port = gateway.site.gateway.host, str(gateway.site.gateway.port)
    bound = gateway.stranger.place.host
    told = scan(gateway, "svmap", "-p", port, "-b", bound, "-m", "INVITE", host)
    assert re.search(rf"\| {host}:{port} \| unknown +\|", told), told
    gateway.assert_rejected("unknown-source")
    assert gateway.counted("gateway_calls_total") == 0


def users_found(gateway: Gateway, method: str, user: str) -> tuple[list[str], int]:
    """The users that SIPVicious tells from one of its own making, and the number of its requests."""
    host, port = gateway.site.gateway.host, str(gateway.site.gateway.port)
    free = str(free_port(ANY_HOST))  # else it has 5060 of every address there is
    told = scan(gateway, "svwar", "-vv", "-P", free, "-p", port, "-m", method, "-e", user, "--force", host)
    return re.findall(r"^\| ([0-9]+) +\|", told, re.MULTILINE), told.count("sending request for") + 1


def wait_for_strangers(gateway: Gateway, count: int) -> None:
    """All these requests are counted, and no other."""
    reasons = ("unknown-source", "unknown-source-silenced")

    def counted() -> bool:
        return sum(gateway.counted("gateway_rejected_total", reason=reason) for reason in reasons) == count

    wait_until(counted, f"{count} requests are counted")
    assert gateway.counted("gateway_calls_total") == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_scanner_learns_nothing_about_users(share_gateway: ShareGateway, method: str) -> None:
    """SIPVicious asks for a user that is there and for one that is not, from the address of a stranger."""
    gateway = share_gateway(some_users)
    assert users_found(gateway, method, USER) == ([], 2)
    wait_for_strangers(gateway, 2)


def test_a_scanner_at_the_address_of_a_friend_tells_users_apart(start_gateway: StartGateway) -> None:
    """So it would tell a stranger what there is, if the answers to him did."""

    def trusting(tree: Tree, site: Site) -> None:
        some_users(tree, site)
        tree["trunks"]["pbx"]["allow"] = ["127.0.0.1"]

    gateway = start_gateway(trusting)
    assert users_found(gateway, "INVITE", USER) == ([USER], 2)


@pytest.mark.parametrize("method", METHODS)
def test_answers_to_strangers_are_all_alike(share_gateway: ShareGateway, method: str) -> None:
    """Whoever is asked for, but for what each takes from its request."""
    gateway = share_gateway(some_users)
    with gateway.wire(gateway.stranger) as stranger:
        requests = [stranger.request(method, user=user) for user in USERS]
        for request in requests:
            stranger.send(request)
        answers = [stranger.wait_for_final(request) for request in requests]
        told = {tuple(line for line in answer.splitlines() if not line.startswith(TAKEN_OVER)) for answer in answers}
        assert len(told) == 1, told
        wait_for_strangers(gateway, len(USERS))
