"""Session-ID on the wire (RFC 7989): in every message of both dialogs, those that the stack makes by itself too."""

from __future__ import annotations

import re

import pytest

from tests.process.daemon import DIRECTIONS, Gateway
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, sdp, values

A, B, NIL = "a" * 32, "b" * 32, "0" * 32


def sessions(peer: WirePeer, start: str = "") -> list[list[str]]:
    """The values of Session-ID in each message that came here, but for 100, which belongs to no dialog."""
    return [values(one, "Session-ID") for one in peer.received(start) if not one.startswith("SIP/2.0 100")]


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_message_of_a_call_names_both_ends(gateway: Gateway, direction: str) -> None:
    """INVITE, 180, 200, ACK, an UPDATE's and OPTIONS' answer, BYE and its 200."""
    ours, theirs = f"Session-ID: {A};remote={NIL}", f"Session-ID: {B};remote={A}"
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite(ours)
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing", theirs))
        caller.wait_for("SIP/2.0 180")
        callee.send(callee.reply(placed, "200 OK", theirs, body=sdp(callee.place.host)))
        callee.wait_for("ACK")
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        options = carrying(caller.in_dialog("OPTIONS", invite, answer, 2), ours)
        caller.send(options)
        caller.wait_for_final(options)
        bye = carrying(caller.in_dialog("BYE", invite, answer, 3), ours)
        caller.send(bye)
        caller.wait_for_final(bye)
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK", theirs))
        assert values(placed, "Session-ID") == [f"{A};remote={NIL}"]
        assert sessions(callee, "ACK") == sessions(callee, "BYE") == [[f"{A};remote={B}"]]
        at_caller = sessions(caller)
        assert len(at_caller) >= 4
        assert all(value == [f"{B};remote={A}"] for value in at_caller)
    [line] = gateway.assert_outcomes(direction, "success/completed")
    record = gateway.ask(f"/calls/{line['call']}")
    for told in (line, record):
        assert (told["inbound_session_id"], told["outbound_session_id"]) == (A, B)


def test_it_is_made_for_ends_that_have_none_and_a_cancel_and_a_refusal_have_it(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite()
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "180 Ringing"))
        caller.wait_for("SIP/2.0 180")
        caller.send(caller.cancel(invite))
        callee.send(callee.reply(callee.wait_for("CANCEL"), "200 OK"))
        callee.send(callee.reply(placed, "487 Request Terminated"))
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for("SIP/2.0 487")))
        [[of_caller]] = sessions(callee, "CANCEL")
        assert of_caller == header(placed, "Session-ID")
        assert re.fullmatch(f"[0-9a-f]{{32}};remote={NIL}", of_caller)
        assert {tuple(value) for value in sessions(caller, "SIP/2.0 1")} == {
            tuple(value) for value in sessions(caller, "SIP/2.0 487")
        }
    [line] = gateway.assert_outcomes("to_twilio", "client-error/cancelled")
    assert of_caller.startswith(line["inbound_session_id"])


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_ack_names_who_answered_without_ringing(gateway: Gateway, direction: str) -> None:
    """The stack acknowledges before anybody else hears of the answer."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        invite = caller.invite(f"Session-ID: {A};remote={NIL}")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        named = f"Session-ID: {B.upper()} ;remote={A};logme"
        callee.send(callee.reply(placed, "200 OK", named, body=sdp(callee.place.host)))
        callee.wait_for("ACK")
        answer = caller.wait_for("SIP/2.0 200")
        caller.send(caller.in_dialog("ACK", invite, answer))
        bye = carrying(caller.in_dialog("BYE", invite, answer, 2))
        caller.send(bye)
        caller.wait_for_final(bye)
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        assert sessions(callee, "ACK") == sessions(callee, "BYE") == [[f"{A};remote={B}"]]
    gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize(
    "said",
    [
        (),
        (f"Session-ID: {NIL};remote={A}",),
        (f"Session-ID: {B[1:]};remote={A}",),
        (f"Session-ID: {B}0",),
        (f"Session-ID: {B},{B}",),
        (f"Session-ID: {B}", f"Session-ID: {B}"),
        (f"Session-ID: {'g' * 32}",),
        ("Session-ID:",),
    ],
    ids=["nothing", "nil", "short", "long", "a list", "twice", "no hexadecimal", "empty"],
)
def test_an_ack_names_nobody_if_the_answer_does_not(gateway: Gateway, said: tuple[str, ...]) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite(f"Session-ID: {A};remote={NIL}")
        caller.send(invite)
        callee.send(callee.reply(callee.wait_for("INVITE"), "603 Decline", *said))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        callee.wait_for("ACK")
        assert sessions(callee, "ACK") == [[f"{A};remote={NIL}"]]
    gateway.assert_outcomes("to_twilio", "client-error/declined")


def test_a_refusal_names_who_refused(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.twilio) as caller, gateway.wire(gateway.pbx) as callee:
        invite = caller.invite(f"Session-ID: {A};remote={NIL}")
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "486 Busy Here", f"Session-ID: {B};remote={A}"))
        callee.wait_for("ACK")
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        assert values(final, "Session-ID") == [f"{B};remote={A}"]
        assert sessions(callee, "ACK") == [[f"{A};remote={B}"]]
    gateway.assert_outcomes("to_pbx", "client-error/busy")


def test_what_makes_no_sense_is_replaced_and_counted(gateway: Gateway) -> None:
    with gateway.wire_caller(gateway.pbx) as caller, gateway.wire(gateway.twilio) as callee:
        invite = caller.invite(f"Session-ID: {'f' * 5000}", 'Session-ID: ;remote="')
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        callee.send(callee.reply(placed, "486 Busy Here", "Session-ID: secret-host.example"))
        final = caller.wait_for_final(invite)
        caller.send(caller.in_dialog("ACK", invite, final))
        assert re.fullmatch(f"[0-9a-f]{{32}};remote={NIL}", header(placed, "Session-ID"))
        assert "secret-host" not in "".join(caller.received())
    gateway.assert_outcomes("to_twilio", "client-error/busy")
    labels = {"trunk": "pbx", "header": "Session-ID"}
    wait_until(lambda: gateway.counted("gateway_unbelieved_headers_total", **labels) == 1, "it is counted")
