"""An attempt at a URI that says nothing is given up, and keeps its place in PJSIP for half a minute all the same."""

from __future__ import annotations

from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, header, status

AT_A_TIME, WAVES = 20, 6
"""`limits.calls`, and how often so many call."""


def second(place: Place) -> Place:
    return Place(place.host, place.port + 1 if place.port < 65535 else place.port - 1)


def impatient(tree: Tree, site: Site) -> None:
    tree["limits"] |= {"calls": AT_A_TIME, "response_seconds": 0.3}


def with_a_second_uri(tree: Tree, site: Site) -> None:
    impatient(tree, site)
    tree["trunks"]["twilio"]["uris"].append(f"sip:{second(site.twilio)}")


def slow(tree: Tree, site: Site) -> None:
    impatient(tree, site)
    tree["limits"]["calls_per_second"] = 1


def call_all_at_once(gateway: Gateway, caller: WirePeer, callee: WirePeer | None = None) -> list[str]:
    """The final answers to as many calls as there may be; the callee, if there is one, knows nobody."""
    invites = {header(invite, "Call-ID"): invite for invite in (caller.invite() for _ in range(AT_A_TIME))}
    for invite in invites.values():
        caller.send(invite)

    def all_are_answered() -> bool:
        for placed in callee.received("INVITE") if callee else ():
            if header(placed, "Via") not in callee.settled:
                callee.send(callee.reply(placed, "404 Not Found"))
        return invites.keys() <= caller.finals().keys()

    wait_until(all_are_answered, "all are answered")
    finals = [caller.finals()[call] for call in invites]
    for final in finals:
        caller.send(caller.in_dialog("ACK", invites[header(final, "Call-ID")], final))
    wait_until(lambda: not gateway.active_calls(), "all have ended")
    return finals


def test_attempts_that_were_given_up_take_no_place_from_calls(start_gateway: StartGateway) -> None:
    """However many went by a silent URI before, each call gets through to the next one."""
    gateway = start_gateway(with_a_second_uri)
    with (
        gateway.wire(gateway.twilio),
        gateway.wire(gateway.twilio, second(gateway.twilio.place)) as callee,
        gateway.wire_caller(gateway.pbx) as caller,
    ):
        for _ in range(WAVES):
            assert {status(final) for final in call_all_at_once(gateway, caller, callee)} == {404}
    gateway.assert_rejected()
    attempts = [line["attempts"] for line in gateway.told(AT_A_TIME * WAVES, msg="call ended")]
    assert attempts == [2] * len(attempts)


def test_without_a_place_a_call_may_come_again(start_gateway: StartGateway) -> None:
    """There are places for the rate that the gateway began with; a reload lets more come, and nobody answers."""
    gateway = start_gateway(slow)
    gateway.configuration["limits"]["calls_per_second"] = 1000
    gateway.write_configuration()
    assert gateway.request("/reload", "POST")[0] == 200
    finals: list[str] = []
    with gateway.wire(gateway.twilio), gateway.wire_caller(gateway.pbx) as caller:
        for _ in range(WAVES):
            finals += call_all_at_once(gateway, caller)
        refused = [final for final in finals if status(final) != 504]
        assert refused
        assert {(status(final), header(final, "Retry-After")) for final in refused} == {(503, "5")}
        gateway.assert_rejected(*["limit-legs"] * len(refused))
    [line] = gateway.told(msg="request rejected", reason="limit-legs")
    assert "options_interval_seconds" in line["advice"]
