"""Trunks that register: with credentials, for as long as they are configured, and what a refusal changes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.process.bystander import bystander
from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.digest import PASSWORD, USERNAME, challenge, is_right
from tests.process.patient.conftest import LostRegistration
from tests.process.registrar import (
    BRIEF_SECONDS,
    UNATTENDED_SECONDS,
    accept,
    is_up,
    next_register,
    registering,
)
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, header, sdp

MOST_ATTEMPTS = 4


@contextmanager
def registered(start_gateway: StartGateway, *routes: dict[str, str]) -> Iterator[tuple[Gateway, WirePeer]]:
    """A gateway that registers from its start on, and a registrar that is there before it."""
    with ExitStack() as stack:
        registrars: list[WirePeer] = []

        def change(tree: Tree, site: Site) -> None:
            registering(tree, site)
            tree.update({"routes": list(routes)} if routes else {})
            registrars.append(stack.enter_context(WirePeer(site.gateway, site.pbx)))

        yield start_gateway(change), registrars[0]


def test_a_trunk_registers_and_takes_it_back(start_gateway: StartGateway) -> None:
    """Challenged with 407, as Twilio does it; the trunk is up once it is known, and unknown after the end."""
    with registered(start_gateway) as (gateway, registrar):
        first = next_register(registrar)
        assert not is_up(gateway)
        registrar.send(challenge(registrar, first, 407, "0f1e2d"))
        second = next_register(registrar, first)
        assert is_right(header(second, "Proxy-Authorization"), "REGISTER")
        assert header(second, "To") == f"<sip:{USERNAME}@{registrar.place.host}>"
        assert header(second, "Contact").startswith(f"<sip:{USERNAME}@{gateway.site.gateway}>")
        assert header(second, "Expires") == "120"
        accept(registrar, second)
        wait_until(lambda: is_up(gateway), "the trunk is up")
        assert [line["code"] for line in gateway.told(msg="trunk registered")] == [200]
        del gateway.configuration["trunks"]["pbx"]["register"]
        gateway.write_configuration()
        assert gateway.request("/reload", "POST")[0] == 200
        last = next_register(registrar, first, second)
        assert header(last, "Expires") == "0"
        accept(registrar, last)
        assert is_up(gateway)


def test_the_end_takes_a_registration_back_even_when_it_is_challenged(start_gateway: StartGateway) -> None:
    with registered(start_gateway) as (gateway, registrar):
        first = next_register(registrar)
        accept(registrar, first)
        wait_until(lambda: is_up(gateway), "the trunk is up")
        gateway.signal(signal.SIGTERM)
        last = next_register(registrar, first)
        registrar.send(challenge(registrar, last, 401, "0f1e2d"))
        proven = next_register(registrar, first, last)
        assert is_right(header(proven, "Authorization"), "REGISTER")
        assert [header(one, "Expires") for one in (last, proven)] == ["0", "0"]
        accept(registrar, proven)
        wait_until(gateway.has_exited, "the process has ended")


def test_a_registration_that_is_refused_is_said_and_keeps_the_trunk_down(start_gateway: StartGateway) -> None:
    with registered(start_gateway) as (gateway, registrar):
        registrar.send(registrar.reply(next_register(registrar), "403 Forbidden"))
        said = gateway.told(msg="trunk is not registered")
        assert [(line["level"], line["trunk"], line["code"]) for line in said] == [("WARNING", "pbx", 403)]
        assert "auth of the trunk" in said[0]["advice"]
        assert not is_up(gateway)
        assert gateway.measured("gateway_registrations_total", trunk="pbx", result="refused") == 1


def test_a_password_that_is_not_believed_is_sent_no_more_than_a_few_times(start_gateway: StartGateway) -> None:
    """Each time with another nonce, and without ever being believed; a call that is up goes on."""
    with registered(start_gateway) as (gateway, registrar), bystander(gateway, "to_twilio"):
        challenged: set[str] = set()

        def challenge_all() -> bool:
            for request in registrar.received("REGISTER"):
                if request not in challenged:
                    challenged.add(request)
                    registrar.send(challenge(registrar, request, 401, f"nonce{len(challenged)}"))
            return any(line["msg"] == "trunk is not registered" for line in gateway.log())

        wait_until(challenge_all, "it is given up")
        [said] = gateway.told(msg="trunk is not registered")
        assert (said["level"], said["code"]) == ("WARNING", 401)
        assert "compare auth of the trunk" in said["advice"]
        assert gateway.counted("gateway_registrations_total", trunk="pbx", result="refused") == 1
        assert 2 <= len(challenged) <= MOST_ATTEMPTS
        assert PASSWORD not in gateway.log_path.read_text()


def test_who_calls_what_is_registered_goes_where_a_route_says(start_gateway: StartGateway) -> None:
    """The call is for the user of our Contact, which is auth.username; the PBX, or Twilio, knows no other."""
    route = {"from": "pbx", "match": f"^{USERNAME}$", "to": "twilio", "user": "100"}
    with registered(start_gateway, route) as (gateway, registrar):
        request = next_register(registrar)
        accept(registrar, request)
        user = header(request, "Contact").removeprefix("<sip:").partition("@")[0]
        with gateway.wire(gateway.twilio) as callee, gateway.wire_caller(gateway.pbx) as caller:
            invite = caller.invite(user=user)
            caller.send(invite)
            placed = callee.wait_for("INVITE")
            assert placed.startswith("INVITE sip:100@")
            callee.send(callee.reply(placed, "486 Busy Here"))
            caller.send(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)))


def test_a_registrar_may_want_less_work(start_gateway: StartGateway) -> None:
    """423 with Min-Expires (RFC 3261, section 10.2.8): what it wants is asked for, and that is renewed in time."""
    with registered(start_gateway) as (gateway, registrar):
        first = next_register(registrar)
        registrar.send(registrar.reply(first, "423 Interval Too Brief", "Min-Expires: 1800"))
        second = next_register(registrar, first)
        assert (header(first, "Expires"), header(second, "Expires")) == ("120", "1800")
        assert header(first, "Call-ID") == header(second, "Call-ID")
        accept(registrar, second)
        wait_until(lambda: is_up(gateway), "the trunk is up")


def test_a_registrar_that_wants_ever_more_is_given_up(start_gateway: StartGateway) -> None:
    """It asks for what it was asked for; no REGISTER follows on that."""
    with registered(start_gateway) as (gateway, registrar):
        registrar.send(registrar.reply(next_register(registrar), "423 Interval Too Brief", "Min-Expires: 120"))
        [said] = gateway.told(msg="trunk is not registered")
        assert said["code"] == 423
        assert not is_up(gateway)


def test_a_registration_is_renewed_in_time_and_its_end_noticed(start_gateway: StartGateway) -> None:
    """The registrar keeps it for less than it was asked to, and refuses it when it is to be renewed."""
    with registered(start_gateway) as (gateway, registrar):
        first = next_register(registrar)
        accept(registrar, first, BRIEF_SECONDS)
        wait_until(lambda: is_up(gateway), "the trunk is up")
        second = next_register(registrar, first)
        assert header(second, "Call-ID") == header(first, "Call-ID")
        registrar.send(registrar.reply(second, "403 Forbidden"))
        [said] = gateway.told(msg="trunk is not registered")
        assert said["code"] == 403
        assert not is_up(gateway)


def test_a_registration_comes_back_by_itself(lost_registration: LostRegistration) -> None:
    """After silence and a refusal, half a minute after each, without anybody's doing."""
    gateway = lost_registration.gateway
    lost_registration.registrar.join(UNATTENDED_SECONDS)
    assert lost_registration.registrar.is_done
    wait_until(lambda: is_up(gateway), "the trunk is up")
    words = ("trunk registered", "trunk is not registered")
    gateway.told(2, msg=words[0])
    told = [(line["msg"], line["code"]) for line in gateway.log() if line["msg"] in words]
    assert told == [(words[0], 200), (words[1], 408), (words[1], 403), (words[0], 200)]


def tells(gateway: Gateway, *, registered: bool, ready: bool) -> None:
    """What those who ask are told of the PBX's trunk, and of the gateway."""
    wait_until(lambda: is_up(gateway) is registered, f"the trunk is up: {registered}")
    usable = {trunk["name"]: trunk["usable"] for trunk in gateway.ask("/status")["trunks"]}
    assert usable["pbx"] is registered
    assert gateway.request("/readyz")[0] == (200 if ready else 503)


def change(gateway: Gateway, **settings: object) -> None:
    """Other settings of the registration, which make it anew."""
    gateway.configuration["trunks"]["pbx"]["register"] |= settings
    gateway.write_configuration()
    assert gateway.request("/reload", "POST")[0] == 200


def call(gateway: Gateway, pbx: WirePeer, user: str, answer: str) -> None:
    """Twilio calls the PBX, whatever its registrar says; what the PBX says of the call is what the caller hears."""
    with gateway.wire_caller(gateway.twilio) as caller:
        caller.send(invite := caller.invite(user=user))
        placed = pbx.wait_for(f"INVITE sip:{user}@")
        pbx.send(pbx.reply(placed, answer, body=sdp(pbx.place.host) if answer == "200 OK" else ""))
        final = caller.wait_for_final(invite)
        assert final.startswith(f"SIP/2.0 {answer}\r\n")
        caller.send(caller.in_dialog("ACK", invite, final))
        pbx.wait_for_of("ACK", placed)
        if answer == "200 OK":
            caller.send(caller.in_dialog("BYE", invite, final, 2))
            pbx.send(pbx.reply(pbx.wait_for_of("BYE", placed), "200 OK"))


def test_all_that_tell_of_a_trunk_follow_its_registration(start_gateway: StartGateway) -> None:
    """Refused when it is renewed, then out of service, then accepted: with no other trunk that is usable."""
    with registered(start_gateway) as (gateway, registrar):
        gateway.configuration["limits"]["response_seconds"] = 0.5
        gateway.configuration["trunks"]["twilio"]["options_interval_seconds"] = 15
        tells(gateway, registered=False, ready=True)
        first = next_register(registrar)
        accept(registrar, first, BRIEF_SECONDS)
        tells(gateway, registered=True, ready=True)
        change(gateway)
        gateway.told(msg="trunk does not answer", trunk="twilio")
        tells(gateway, registered=True, ready=True)
        call(gateway, registrar, "101", "200 OK")
        second = next_register(registrar, first)
        registrar.send(registrar.reply(second, "403 Forbidden"))
        tells(gateway, registered=False, ready=False)
        call(gateway, registrar, "102", "403 Forbidden")
        change(gateway, expires_seconds=180)
        third = next_register(registrar, first, second)
        registrar.send(registrar.reply(third, "503 Service Unavailable"))
        gateway.told(2, msg="trunk is not registered")
        tells(gateway, registered=False, ready=False)
        call(gateway, registrar, "103", "200 OK")
        change(gateway, expires_seconds=240)
        accept(registrar, next_register(registrar, first, second, third))
        tells(gateway, registered=True, ready=True)
        call(gateway, registrar, "104", "200 OK")
    told = gateway.told(4, msg="call ended")
    assert [f"{line['result']}/{line['reason']}" for line in told] == [
        "success/completed",
        "upstream-error/forbidden",
        "success/completed",
        "success/completed",
    ]
