"""Redirections: followed within the trunk's own URIs, and nowhere else."""

from __future__ import annotations

import pytest

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import Command, Place, Refuse, StartTimer
from gateway.bridge.events import OutboundEnded, Timer
from gateway.bridge.machine import CallMachine
from gateway.bridge.redirects import MOST_REDIRECTS
from gateway.core.plan import Redirect
from tests.bridge.samples import EARLY_MEDIA, FIRST, call_in, feed, place, plan, response

TCP = "sip:tcp.twilio.example:5070;transport=tcp"
TLS = "sip:tls.twilio.example;transport=tls"
FOLLOWING = plan(uris=(FIRST, TCP, TLS), redirect=Redirect.FOLLOW)


def moved(*contacts: str, code: int = 302) -> OutboundEnded:
    return OutboundEnded(code, True, response(code, *(f"Contact: {contact}" for contact in contacts)))


def placed(commands: list[Command]) -> list[str]:
    return [command.request_uri for command in commands if isinstance(command, Place)]


@pytest.mark.parametrize(
    ("contact", "goes_on"),
    [
        ("<sip:2002@one.twilio.example>", "sip:2002@one.twilio.example"),
        ("<sip:2002@ONE.twilio.example:5060>;q=0.5", "sip:2002@one.twilio.example"),
        ("sip:2002@one.twilio.example;transport=UDP", "sip:2002@one.twilio.example"),
        ("<sip:2002@tcp.twilio.example:5070>", "sip:2002@tcp.twilio.example:5070;transport=tcp"),
        ("<sip:2002@tls.twilio.example:5061;transport=tls>", "sip:2002@tls.twilio.example;transport=tls"),
        ("<sip:a%20b@one.twilio.example>", "sip:a%20b@one.twilio.example"),
        ("<sip:2002@192.0.2.66>, <sip:2003@one.twilio.example>", "sip:2003@one.twilio.example"),
    ],
)
def test_a_contact_of_the_trunk_is_followed(contact: str, goes_on: str) -> None:
    machine = call_in(State.RINGING, FOLLOWING)
    commands = machine.handle(moved(contact))
    assert commands == [place(goes_on), StartTimer(Timer.RESPONSE, 4)]
    assert machine.state is State.CALLING
    assert machine.attempts == 2


@pytest.mark.parametrize(
    "contacts",
    [
        pytest.param(("<sip:2002@192.0.2.66>",), id="elsewhere"),
        pytest.param(("<sip:2002@one.twilio.example:5070>",), id="another port"),
        pytest.param(("<sip:2002@one.twilio.example;transport=tcp>",), id="another transport"),
        pytest.param(("<sips:2002@one.twilio.example>",), id="sips"),
        pytest.param(("<tel:+15550100>",), id="tel"),
        pytest.param(("<sip:one.twilio.example>",), id="nobody there"),
        pytest.param((f"<sip:{'2' * 257}@one.twilio.example>",), id="a user part without end"),
        pytest.param(("nonsense",), id="what is no URI"),
        pytest.param((), id="nowhere"),
    ],
)
def test_any_other_is_refused(contacts: tuple[str, ...]) -> None:
    machine = call_in(State.CALLING, FOLLOWING)
    commands = machine.handle(moved(*contacts))
    assert placed(commands) == []
    assert isinstance(commands[-1], Refuse) and commands[-1].code == 502
    assert machine.outcome == outcomes.REDIRECTED


def refuses(machine: CallMachine, event: OutboundEnded) -> bool:
    return placed(machine.handle(event)) == [] and machine.outcome == outcomes.REDIRECTED


def test_a_trunk_that_does_not_follow() -> None:
    assert refuses(call_in(State.CALLING, plan()), moved("<sip:2002@one.twilio.example>"))


def test_a_redirection_that_could_not_be_read() -> None:
    assert refuses(call_in(State.CALLING, FOLLOWING), OutboundEnded(302, True, None))


def test_nothing_is_followed_after_early_media() -> None:
    machine = call_in(State.CALLING, FOLLOWING)
    feed(machine, EARLY_MEDIA)
    assert refuses(machine, moved("<sip:2002@one.twilio.example>"))


def test_a_refusal_with_a_contact_is_no_redirection() -> None:
    machine = call_in(State.CALLING, FOLLOWING)
    assert placed(machine.handle(moved("<sip:2002@one.twilio.example>", code=404))) == []
    assert machine.outcome == outcomes.NOT_FOUND


def test_two_peers_cannot_send_a_call_to_each_other_without_end() -> None:
    machine = call_in(State.CALLING, FOLLOWING)
    for _ in range(MOST_REDIRECTS):
        assert placed(machine.handle(moved("<sip:2002@one.twilio.example>")))
    assert refuses(machine, moved("<sip:2002@one.twilio.example>"))
