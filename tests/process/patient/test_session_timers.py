"""Session timers (RFC 4028): each leg has its own."""

from __future__ import annotations

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.patient.conftest import LongCalls
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, sdp, status

ENDED = {("to_pbx", "indeterminate", "peer-vanished"), ("to_twilio", "success", "completed")}


def configure(tree: Tree, site: Site) -> None:
    tree["trunks"]["pbx"]["session_expires_seconds"] = 600


def test_who_refreshes_and_who_stops(timed_calls: LongCalls) -> None:
    """By UPDATE, by re-INVITE where the peer has none, and again after a 491. A side that stops loses its call."""
    for peer in timed_calls.peers:
        peer.finish()
    gateway = timed_calls.gateway
    ended = wait_until(lambda: len(lines := gateway.ended_calls()) == len(ENDED) and lines, "both ended")
    assert {(line["direction"], line["result"], line["reason"]) for line in ended} == ENDED
    gateway.assert_nothing_left()


def answer_to(gateway: Gateway, side: str, *headers: str) -> str:
    """The final response to an INVITE with these headers from a side; the call is ended if it was one."""
    other = gateway.twilio if side == "pbx" else gateway.pbx
    with gateway.wire_caller(getattr(gateway, side)) as caller, gateway.wire(other) as callee:
        invite = caller.invite(*headers)
        caller.send(invite)
        if not caller.wait_for_answer(invite).startswith("SIP/2.0 4"):
            callee.answer(callee.wait_for("INVITE"))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        if status(final) == 200:
            gateway.wait_for_talking()
            caller.send(caller.in_dialog("BYE", invite, final, 2))
            callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        return final


@pytest.mark.parametrize("side", ["pbx", "twilio"])
@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        pytest.param("1800", "1800;refresher=uac", id="no refresher named"),
        pytest.param("1800;refresher=uac", "1800;refresher=uac", id="the caller refreshes"),
        pytest.param("90;refresher=uas", "90;refresher=uas", id="we refresh"),
    ],
)
def test_what_the_caller_asks_for(gateway: Gateway, side: str, asked: str, agreed: str) -> None:
    final = answer_to(gateway, side, "Supported: timer", f"Session-Expires: {asked}")
    assert status(final) == 200
    assert header(final, "Session-Expires") == agreed


@pytest.mark.parametrize("side", ["pbx", "twilio"])
def test_a_caller_without_timers(gateway: Gateway, side: str) -> None:
    final = answer_to(gateway, side)
    assert status(final) == 200
    assert "Session-Expires" not in final


@pytest.mark.parametrize("name", ["Session-Expires", "x"])
def test_an_interval_that_is_too_short(gateway: Gateway, name: str) -> None:
    """A PBX is told what would do; Twilio, which does not know the answer, has its call without a timer."""
    refused = answer_to(gateway, "pbx", "Supported: timer", f"{name}: 60")
    assert status(refused) == 422
    assert header(refused, "Min-SE") == "90"
    taken = answer_to(gateway, "twilio", "Supported: timer", f"{name}: 60")
    assert status(taken) == 200
    assert "Session-Expires" not in taken
    gateway.assert_rejected("unsupported")


def test_twilio_refreshes_with_a_short_interval(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.twilio) as caller, gateway.wire(gateway.pbx) as callee:
        invite = caller.invite("Supported: timer")
        caller.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, answer))
        body = sdp(caller.place.host)
        refresh = carrying(caller.in_dialog("INVITE", invite, answer, 2), "Session-Expires: 30", body=body)
        caller.send(refresh)
        assert status(caller.wait_for_final(refresh)) == 200
        caller.send(caller.in_dialog("ACK", invite, answer, 2))
        caller.send(caller.in_dialog("BYE", invite, answer, 3))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")


def placed_by(gateway: Gateway, direction: str, *answers: tuple[str, ...]) -> list[str]:
    """The INVITEs that a callee gets who answers them so, one after the other."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        caller.send(caller.invite())
        got: list[str] = []
        for code, *headers in answers:
            got.append(wait_until(lambda: _newer(callee, got), "another INVITE"))
            callee.send(callee.reply(got[-1], code, *headers))
        wait_until(gateway.ended_calls, "the call has ended")
        return got


def _newer(callee: WirePeer, got: list[str]) -> str | None:
    known = {header(invite, "CSeq") for invite in got}
    return next((invite for invite in callee.received("INVITE") if header(invite, "CSeq") not in known), None)


def test_the_interval_that_we_ask_for(gateway: Gateway) -> None:
    """The trunk's; after a 422 the one that the callee wants (RFC 4028, section 7.3)."""
    small = ("422 Session Interval Too Small", "Min-SE: 900")
    first, second = placed_by(gateway, "to_pbx", small, ("486 Busy Here",))
    assert header(first, "Session-Expires") == "600"
    assert header(second, "Session-Expires") == "900"
    assert header(second, "Min-SE") == "900"
    gateway.assert_outcomes("to_pbx", "client-error/busy")
