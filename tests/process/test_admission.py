"""INVITEs that become no call: strangers, limits, loops."""

from __future__ import annotations

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.wire import header

STRANGER = 'Warning: 399 gateway "no trunk allows this source address"'


def test_a_stranger_is_refused(gateway: Gateway) -> None:
    gateway.stranger.call("uac-refused", code="403", header=STRANGER).finish()
    gateway.assert_rejected("unknown-source")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_what_a_stranger_claims_changes_nothing(gateway: Gateway, direction: str) -> None:
    """From, Contact, Via and P-Asserted-Identity of a peer that is allowed, from an address that is not."""
    friend = gateway.caller(direction).place
    with gateway.wire(gateway.stranger) as stranger:
        claims = stranger.invite(f"P-Asserted-Identity: <sip:friend@{friend}>", f"Record-Route: <sip:{friend};lr>")
        claims = claims.replace(f"@{stranger.place}", f"@{friend}")
        stranger.send(claims)
        refused = stranger.wait_for("SIP/2.0 403")
        assert f"\r\n{STRANGER}\r\n" in refused
        stranger.send(stranger.in_dialog("ACK", claims, refused))
        gateway.assert_rejected("unknown-source")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_via_that_names_a_friend_makes_no_friend(gateway: Gateway, direction: str) -> None:
    """The answer goes to where the request came from (RFC 3261, section 18.2.2; rport, RFC 3581)."""
    friend = gateway.caller(direction).place
    with gateway.wire(gateway.stranger) as stranger:
        invite = stranger.invite()
        stranger.send(invite.replace(f"UDP {stranger.place};", f"UDP {friend};rport;"))
        stranger.wait_for("SIP/2.0 403")
        gateway.assert_rejected("unknown-source")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_hops_left(gateway: Gateway, direction: str) -> None:
    warning = 'Warning: 399 gateway "Max-Forwards is used up"'
    gateway.caller(direction).call("uac-refused", code="483", header=warning, max_forwards="0").finish()
    gateway.assert_rejected("too-many-hops")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_call_that_went_through_us_before(gateway: Gateway, direction: str) -> None:
    """A proxy on the way back keeps our Via below its own."""
    with gateway.wire(gateway.caller(direction)) as caller:
        invite = caller.invite(f"Via: SIP/2.0/UDP {gateway.site.gateway};branch=z9hG4bKours")
        caller.send(invite)
        refused = caller.wait_for("SIP/2.0 482")
        caller.send(caller.in_dialog("ACK", invite, refused))
        gateway.assert_rejected("loop")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_our_own_call_sent_back_to_us(gateway: Gateway, direction: str) -> None:
    """What we sent to one side comes back from it: the Call-ID is ours."""
    with gateway.wire(gateway.callee(direction)) as callee:
        caller = gateway.caller(direction).call("uac-refused", code="482", header="Reason: SIP;cause=482")
        invite = callee.wait_for("INVITE")
        fresh = callee.invite()
        looped = fresh.replace(header(fresh, "Call-ID"), header(invite, "Call-ID"))
        callee.send(looped)
        refused = callee.wait_for("SIP/2.0 482")
        callee.send(callee.in_dialog("ACK", looped, refused))
        callee.send(callee.reply(invite, "482 Loop Detected"))
        caller.finish()
        gateway.assert_rejected("loop")
        gateway.assert_outcomes(direction, "upstream-error/loop")


@pytest.mark.parametrize("wide", ["pbx", "twilio"])
def test_an_address_belongs_to_the_trunk_of_the_smallest_network(start_gateway: StartGateway, wide: str) -> None:
    """One trunk allows a network that has the other's address in it, whichever of them is named first."""

    def widen(tree: Tree, site: Site) -> None:
        tree["trunks"][wide]["allow"] = ["127.0.0.0/8"]

    gateway = start_gateway(widen)
    for direction in DIRECTIONS:
        callee = gateway.callee(direction).serve("uas-answer")
        gateway.caller(direction).call("uac-call").finish()
        callee.finish()
        gateway.told(msg="call ended", direction=direction)
