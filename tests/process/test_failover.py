"""A trunk's URIs are tried in order: silence, 408 and 5xx move on, every other refusal is final."""

from __future__ import annotations

import pytest

from gateway.bridge.outcome import PHRASES, reason_header
from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.places import Place
from tests.process.wire import sdp

pytestmark = pytest.mark.parametrize("direction", DIRECTIONS)


def configure(tree: Tree, site: Site) -> None:
    """Each trunk gets a second URI: the next port of the first. Silence is noticed soon."""
    tree["limits"]["response_seconds"] = 0.5
    for side in ("pbx", "twilio"):
        place = getattr(site, side)
        tree["trunks"][side]["uris"] = [f"sip:{place}", f"sip:{second(place)}"]


def second(place: Place) -> Place:
    return Place(place.host, place.port + 1 if place.port < 65535 else place.port - 1)


def test_a_second_uri_takes_the_call_that_nobody_answers_at_the_first(gateway: Gateway, direction: str) -> None:
    peer = gateway.callee(direction)
    with gateway.wire(peer) as silent:
        callee = peer.serve("uas-answer", port=second(peer.place).port)
        gateway.caller(direction).call("uac-call").finish()
        callee.finish()
        [ended] = gateway.assert_outcomes(direction, "success/completed")
        assert ended["attempts"] == 2
        assert silent.received("INVITE")


def test_a_second_uri_takes_the_call_when_the_first_is_closed(gateway: Gateway, direction: str) -> None:
    """Nothing listens: the ICMP error of a closed port is no answer."""
    peer = gateway.callee(direction)
    callee = peer.serve("uas-answer", port=second(peer.place).port)
    gateway.caller(direction).call("uac-call").finish()
    callee.finish()
    [ended] = gateway.assert_outcomes(direction, "success/completed")
    assert ended["attempts"] == 2
    gateway.settle(peer, "INVITE")


@pytest.mark.parametrize("code", [408, 500, 503, 504])
def test_a_second_uri_takes_the_call_that_the_first_cannot(gateway: Gateway, direction: str, code: int) -> None:
    peer = gateway.callee(direction)
    failing = peer.serve("uas-refuse", status_line=f"SIP/2.0 {code} {PHRASES[code]}")
    callee = peer.serve("uas-answer", port=second(peer.place).port)
    gateway.caller(direction).call("uac-call").finish()
    failing.finish()
    callee.finish()
    [ended] = gateway.assert_outcomes(direction, "success/completed")
    assert ended["attempts"] == 2


@pytest.mark.parametrize(("code", "outcome"), [(486, "client-error/busy"), (603, "client-error/declined")])
def test_a_decision_is_final(gateway: Gateway, direction: str, code: int, outcome: str) -> None:
    peer = gateway.callee(direction)
    with gateway.wire(peer, second(peer.place)) as spare:
        callee = peer.serve("uas-refuse", status_line=f"SIP/2.0 {code} {PHRASES[code]}")
        header = ": ".join(reason_header(code))
        gateway.caller(direction).call("uac-refused", code=str(code), header=header).finish()
        callee.finish()
        [ended] = gateway.assert_outcomes(direction, outcome)
        assert ended["attempts"] == 1
        assert not spare.received()


def test_after_early_media_there_is_no_second_uri(gateway: Gateway, direction: str) -> None:
    """The caller has heard someone; another voice would be another call."""
    peer = gateway.callee(direction)
    with gateway.wire(peer, second(peer.place)) as spare:
        callee = peer.serve("uas-refuse-after-early-media", status_line="SIP/2.0 503 Service Unavailable")
        header = ": ".join(reason_header(503))
        gateway.caller(direction).call("uac-refused", code="503", header=header).finish()
        callee.finish()
        [ended] = gateway.assert_outcomes(direction, "upstream-error/unavailable")
        assert ended["attempts"] == 1
        assert not spare.received()


def test_when_all_are_silent_the_caller_is_told(gateway: Gateway, direction: str) -> None:
    peer = gateway.callee(direction)
    with gateway.wire(peer) as silent, gateway.wire(peer, second(peer.place)) as silent_too:
        header = ": ".join(reason_header(408))
        gateway.caller(direction).call("uac-refused", code="504", header=header).finish()
        [ended] = gateway.assert_outcomes(direction, "upstream-error/no-response")
        assert ended["attempts"] == 2
        assert silent.received("INVITE")
        assert silent_too.received("INVITE")


def test_a_first_uri_that_wakes_up_too_late_is_hung_up(gateway: Gateway, direction: str) -> None:
    peer = gateway.callee(direction)
    with gateway.wire(peer) as late:
        callee = peer.serve("uas-answer", port=second(peer.place).port)
        caller = gateway.caller(direction).call("uac-call", "-d", "1000")
        invite = late.wait_for("INVITE")
        gateway.wait_for_talking()
        late.send(late.reply(invite, "200 OK", body=sdp(late.place.host)))
        late.wait_for("ACK")
        late.send(late.reply(late.wait_for("BYE"), "200 OK"))
        caller.finish()
        callee.finish()
        gateway.assert_outcomes(direction, "success/completed")
