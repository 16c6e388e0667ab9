"""PJSIP gives the place of a call that ended to the next one; the end of the first must not end the second."""

from __future__ import annotations

import signal

import pytest

from tests.process.daemon import Gateway
from tests.process.talk import Talk, talking
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, status


def newest_invite(callee: WirePeer, seen: set[str]) -> str:
    """The INVITE of a call that was not seen before."""

    def found() -> list[str]:
        return [invite for invite in callee.received("INVITE") if header(invite, "Call-ID") not in seen]

    invite = wait_until(found, "another INVITE")[0]
    seen.add(header(invite, "Call-ID"))
    return invite


def call_in_the_same_moment(gateway: Gateway, talk: Talk, other: WirePeer, seen: set[str]) -> tuple[str, str]:
    """The callee's INVITE and the caller's, of a call that begins as this one ends."""
    seen.add(header(talk.placed, "Call-ID"))
    gateway.signal(signal.SIGSTOP)  # so that both are there when it looks
    try:
        talk.caller.send(talk.request("caller", "BYE", 90))
        invite = other.invite()
        other.send(invite)
    finally:
        gateway.signal(signal.SIGCONT)
    talk.callee.send(talk.callee.reply(talk.callee.wait_for("BYE"), "200 OK"))
    return newest_invite(talk.callee, seen), invite


def named(answer: str) -> str:
    """The dialog that this answer of the gateway made, as Replaces names it to the gateway."""
    to_tag, from_tag = (header(answer, name).rpartition(";tag=")[2] for name in ("To", "From"))
    return f"{header(answer, 'Call-ID')};to-tag={to_tag};from-tag={from_tag}"


def test_a_call_that_begins_as_another_ends_in_the_same_moment(gateway: Gateway) -> None:
    seen: set[str] = set()
    with gateway.wire_caller(gateway.pbx) as other, talking(gateway, "to_twilio") as talk:
        placed, invite = call_in_the_same_moment(gateway, talk, other, seen)
        talk.callee.send(talk.callee.reply(placed, "486 Busy Here"))
        final = other.wait_for_final(invite)
        other.send(other.in_dialog("ACK", invite, final))
        assert status(final) == 486


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_what_is_said_in_a_call_that_is_over_is_not_heard_in_the_next(gateway: Gateway, by: str) -> None:
    """Neither a digit, nor an INVITE that wants the place of its leg."""
    seen: set[str] = set()
    with gateway.wire_caller(gateway.pbx) as other, talking(gateway, "to_twilio") as talk:
        seen.add(header(talk.placed, "Call-ID"))
        talk.hang_up()
        invite = other.invite()
        other.send(invite)
        placed = newest_invite(talk.callee, seen)
        talk.callee.answer(placed)
        answer = other.wait_for_final(invite)
        other.send(other.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        digit = carrying(talk.request(by, "INFO", 95), body="5", kind="application/dtmf")
        talk.peer(by).send(digit)
        assert status(talk.peer(by).wait_for_final(digit)) == 481
        replacing = talk.caller.invite(f"Replaces: {named(talk.answer)}")
        talk.caller.send(replacing)
        final = talk.caller.wait_for_final(replacing)
        talk.caller.send(talk.caller.in_dialog("ACK", replacing, final))
        assert status(final) == 481
        gateway.wait_for_talking()
        other.send(other.in_dialog("BYE", invite, answer, 2))
        again = wait_until(lambda: talk.callee.received("BYE")[1:], "the second BYE")[0]
        talk.callee.send(talk.callee.reply(again, "200 OK"))


def test_a_call_that_began_so_can_be_found(gateway: Gateway) -> None:
    """By who wants the place of its leg."""
    seen: set[str] = set()
    with gateway.wire_caller(gateway.pbx) as other, talking(gateway, "to_twilio") as talk:
        placed, invite = call_in_the_same_moment(gateway, talk, other, seen)
        talk.callee.answer(placed)
        answer = other.wait_for_final(invite)
        other.send(other.in_dialog("ACK", invite, answer))
        gateway.wait_for_talking()
        replacing = talk.caller.invite(f"Replaces: {named(answer)}")
        talk.caller.send(replacing)
        taken = talk.caller.wait_for_final(replacing)
        talk.caller.send(talk.caller.in_dialog("ACK", replacing, taken))
        assert status(taken) == 200
        other.send(other.reply(other.wait_for("BYE"), "200 OK"))
        talk.caller.send(talk.caller.in_dialog("BYE", replacing, taken, 2))
        again = wait_until(lambda: talk.callee.received("BYE")[1:], "the second BYE")[0]
        talk.callee.send(talk.callee.reply(again, "200 OK"))
