"""Digest authentication towards a trunk (RFC 3261, section 22; RFC 2617, section 3.2.2)."""

from __future__ import annotations

import pytest

from gateway.bridge.outcome import reason_header
from tests.process.bystander import bystander
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.digest import CHALLENGES, PASSWORD, USERNAME, challenge, is_right
from tests.process.waiting import wait_until
from tests.process.wire import header, sdp

MOST_ATTEMPTS = 4

pytestmark = pytest.mark.parametrize("direction", DIRECTIONS)


def configure(tree: Tree, site: Site) -> None:
    for trunk in tree["trunks"].values():
        trunk["auth"] = {"username": USERNAME, "password": PASSWORD}


def test_sipp_verifies_the_digest(gateway: Gateway, direction: str) -> None:
    callee = gateway.callee(direction).serve("uas-challenge", username=USERNAME, password=PASSWORD)
    gateway.caller(direction).call("uac-call").finish()
    callee.finish()
    gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize(
    ("code", "others"),
    [
        pytest.param(401, (), id="401"),
        pytest.param(407, (), id="407"),
        pytest.param(401, ('Bearer authz_server="https://auth.example.com"',), id="401 or a token"),  # RFC 8898
    ],
)
def test_a_challenge_is_answered(gateway: Gateway, direction: str, code: int, others: tuple[str, ...]) -> None:
    with gateway.wire(gateway.callee(direction)) as callee:
        caller = gateway.caller(direction).call("uac-call")
        first = callee.wait_for("INVITE")
        callee.send(challenge(callee, first, code, "0f1e2d", *others))
        callee.wait_for("ACK")
        second = wait_until(lambda: [one for one in callee.received("INVITE") if one != first], "a second INVITE")[0]
        assert is_right(header(second, CHALLENGES[code][1]), "INVITE")
        assert (header(first, "Call-ID"), header(first, "From")) == (header(second, "Call-ID"), header(second, "From"))
        callee.send(callee.reply(second, "200 OK", body=sdp(callee.place.host)))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        caller.finish()
        gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize("code", CHALLENGES)
def test_a_password_that_is_not_believed(gateway: Gateway, direction: str, code: int) -> None:
    """Some servers never say that a nonce is merely stale, so a few are answered; the caller gets no challenge.

    The log says what to do, and a call that is up goes on.
    """
    [other] = {*DIRECTIONS} - {direction}
    with bystander(gateway, other), gateway.wire(gateway.callee(direction)) as callee:
        reason = ": ".join(reason_header(code))
        caller = gateway.caller(direction).call("uac-refused", code="502", header=reason)
        challenged: set[str] = set()

        def challenge_all() -> bool:
            for invite in callee.received("INVITE"):
                if invite not in challenged:
                    challenged.add(invite)
                    callee.send(challenge(callee, invite, code, f"nonce{len(challenged)}"))
            return not caller.is_running()

        wait_until(challenge_all, "the caller is refused")
        caller.finish()
        assert 2 <= len(challenged) <= MOST_ATTEMPTS
        [ended] = gateway.assert_outcomes(direction, "upstream-error/unauthorized")
        assert ended["code"] == code
        assert "compare auth of the trunk" in ended["advice"]


def test_the_password_is_shown_nowhere(gateway: Gateway, direction: str) -> None:
    shown = gateway.log_path.read_text() + gateway.request("/config")[1] + gateway.request("/metrics")[1]
    assert "gateway_calls_total" in shown
    assert PASSWORD not in shown
