"""Calls both ways through an edge that behaves like Twilio's, over each transport, and what it refuses."""

from __future__ import annotations

import pytest

from tests.process.bystander import bystander
from tests.process.daemon import Tree
from tests.process.edge.agent import CALL_SID
from tests.process.edge.conftest import Raise, Scene
from tests.process.edge.kamailio import DOMAIN, Edge
from tests.process.srtp import STRONG, crypto, cryptos, new_key, secured
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, header, status

TRANSPORTS = ("udp", "tcp", "tls")
PRIVATE = "X-PBX-CUSTOMER-ID: C-4711"


def call_in(scene: Scene, caller: WirePeer) -> tuple[str, str, str]:
    """The PBX calls Twilio and is answered: its INVITE, its answer, and the INVITE that Twilio's agent got."""
    invite = caller.invite(PRIVATE, user="+15550100")
    caller.send(invite)
    arrived = scene.agent.take()
    answer = caller.wait_for("SIP/2.0 200")
    caller.send(caller.in_dialog("ACK", invite, answer))
    scene.gateway.wait_for_talking()
    return invite, answer, arrived


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_pbx_calls_twilio_and_hangs_up(scene: Raise, transport: str) -> None:
    it = scene(transport)
    with it.gateway.wire_caller(it.gateway.pbx) as caller:
        invite, answer, arrived = call_in(it, caller)
        assert header(arrived, "X-CustomerID") == "C-4711"
        assert arrived.startswith(f"INVITE sip:+15550100@{DOMAIN}")
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        bye = it.agent.wait_for("BYE")
        assert it.agent.is_via_edge(bye)
        it.agent.send(it.agent.reply(bye, "200 OK"))
        it.gateway.assert_outcomes("to_twilio", "success/completed")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_pbx_calls_twilio_which_hangs_up(scene: Raise, transport: str) -> None:
    it = scene(transport)
    with it.gateway.wire_caller(it.gateway.pbx) as caller:
        _, _, arrived = call_in(it, caller)
        bye = it.agent.within_taken("BYE", arrived)
        it.agent.send(bye)
        assert status(it.agent.wait_for_answer(bye)) == 200
        caller.send(caller.reply(caller.wait_for("BYE"), "200 OK"))
        it.gateway.assert_outcomes("to_twilio", "success/completed")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("leaver", ["twilio", "pbx"])
def test_twilio_calls_the_pbx(scene: Raise, transport: str, leaver: str) -> None:
    it = scene(transport)
    with it.gateway.wire(it.gateway.pbx) as callee:
        invite = it.agent.dial(f"{it.own_uri(transport)}?X-CustomerID=C%2D4711&X-Queue=sales")
        it.agent.send(invite)
        placed = callee.wait_for("INVITE")
        assert header(placed, "X-PBX-CUSTOMER-ID") == "C-4711"
        assert header(placed, "X-PBX-SID") == CALL_SID
        callee.answer(placed)
        answer = it.agent.wait_for("SIP/2.0 200")
        it.agent.send(it.agent.within("ACK", invite, answer))
        it.gateway.wait_for_talking()
        if leaver == "twilio":
            bye = it.agent.within("BYE", invite, answer, 2)
            it.agent.send(bye)
            assert status(it.agent.wait_for_answer(bye)) == 200
            callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        else:
            callee.send(callee.in_dialog_of_callee("BYE", placed))
            bye = it.agent.wait_for("BYE")
            assert it.agent.is_via_edge(bye)
            it.agent.send(it.agent.reply(bye, "200 OK"))
        it.gateway.assert_outcomes("to_pbx", "success/completed")


# -- what it refuses -------------------------------------------------------------------------------------------------


def refused(scene: Scene, code: int, twilio_code: int) -> None:
    """A call of the PBX ends with this code at the caller, for what Twilio said."""
    it = scene.gateway
    with it.wire_caller(it.pbx) as caller:
        invite = caller.invite(user="+15550100")
        caller.send(invite)
        final = caller.wait_for_final(invite)
        assert status(final) == code
        assert header(final, "X-Error").startswith(str(twilio_code))
        caller.send(caller.in_dialog("ACK", invite, final))


def with_error(tree: Tree, edges: list[Edge]) -> None:
    """What Twilio says of a refusal goes on to the PBX."""
    error = {"twilio": "header:X-Twilio-Error", "pbx": "header:X-Error", "direction": "to_twilio", "on": ["end"]}
    tree["context"]["fields"]["error"] = error


def test_a_source_that_is_not_in_the_access_list(scene: Raise) -> None:
    """Before any challenge, so a right password does not help."""
    it = scene("udp", with_error, allowed="192.0.2.1")
    refused(it, 403, 32201)
    [line] = it.gateway.assert_outcomes("to_twilio", "upstream-error/forbidden")
    assert (line["twilio_error"], "access control list" in line["advice"]) == (32201, True)
    assert it.gateway.ask(f"/calls/{line['call']}")["twilio_error"] == 32201


def test_a_wrong_password(scene: Raise) -> None:
    """A call that is up goes on."""

    def wrong(tree: Tree, edges: list[Edge]) -> None:
        with_error(tree, edges)
        tree["trunks"]["twilio"]["auth"]["password"] = "Wrong-Horse-7"

    it = scene("udp", wrong)
    with bystander(it.gateway, "to_pbx"):
        refused(it, 403, 32202)
        [line] = it.gateway.assert_outcomes("to_twilio", "upstream-error/forbidden")
    assert line["twilio_error"] == 32202
    assert "credential list of the SIP Domain" in line["advice"]


def test_secure_media_without_tls(scene: Raise) -> None:
    it = scene("tcp", with_error, secure=True)
    refused(it, 488, 32209)
    it.gateway.assert_outcomes("to_twilio", "client-error/no-common-codec")


def test_secure_media_without_srtp(scene: Raise) -> None:
    it = scene("tls", with_error, secure=True)
    refused(it, 488, 32208)


def test_srtp_without_secure_media(scene: Raise) -> None:
    def encrypted(tree: Tree, edges: list[Edge]) -> None:
        with_error(tree, edges)
        tree["trunks"]["twilio"]["srtp"] = "required"

    it = scene("tls", encrypted)
    refused(it, 488, 32207)


# -- Secure Media, registration --------------------------------------------------------------------------------------


def require_srtp(tree: Tree, edges: list[Edge]) -> None:
    tree["trunks"]["twilio"]["srtp"] = "required"


def test_secure_media_to_twilio(scene: Raise) -> None:
    """TLS and SRTP there, UDP and plain audio at the PBX."""
    it = scene("tls", require_srtp, secure=True)
    with it.gateway.wire_caller(it.gateway.pbx) as caller:
        invite = caller.invite(user="+15550100")
        caller.send(invite)
        body = secured(it.agent.place.host, crypto(1, STRONG, new_key()))
        arrived = it.agent.take(body)
        assert cryptos(arrived)[0][1] == STRONG
        answer = caller.wait_for("SIP/2.0 200")
        assert cryptos(answer) == []
        caller.send(caller.in_dialog("ACK", invite, answer))
        caller.send(caller.in_dialog("BYE", invite, answer, 2))
        it.agent.send(it.agent.reply(it.agent.wait_for("BYE"), "200 OK"))
        it.gateway.assert_outcomes("to_twilio", "success/completed")


def test_secure_media_from_twilio(scene: Raise) -> None:
    """As `;transport=tls;secure=true` has it: one suite, no MKI."""
    it = scene("tls", require_srtp, secure=True)
    with it.gateway.wire(it.gateway.pbx) as callee:
        body = secured(it.agent.place.host, crypto(1, STRONG, new_key()))
        invite = it.agent.dial(it.own_uri("tls"), body=body)
        it.agent.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = it.agent.wait_for("SIP/2.0 200")
        assert [suite for _, suite, _ in cryptos(answer)] == [STRONG]
        it.agent.send(it.agent.within("ACK", invite, answer))
        it.agent.send(it.agent.within("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        it.gateway.assert_outcomes("to_pbx", "success/completed")


def registering(tree: Tree, edges: list[Edge]) -> None:
    tree["trunks"]["twilio"]["register"] = {"registrar": edges[0].uri("tls")}


def is_up(scene: Scene) -> bool:
    return scene.gateway.measured("gateway_trunk_up", trunk="twilio") == 1


def test_a_trunk_registers_with_a_sip_domain(scene: Raise) -> None:
    it = scene("tls", registering)
    wait_until(lambda: is_up(it), "the trunk is up")


def test_a_trunk_with_a_wrong_password_is_not_registered(scene: Raise) -> None:
    def wrong(tree: Tree, edges: list[Edge]) -> None:
        registering(tree, edges)
        tree["trunks"]["twilio"]["auth"]["password"] = "Wrong-Horse-7"

    it = scene("tls", wrong)
    [line] = it.gateway.told(msg="trunk is not registered")
    assert (line["level"], line["trunk"], line["code"]) == ("WARNING", "twilio", 403)
    assert "auth of the trunk" in line["advice"]
    assert "Wrong-Horse-7" not in it.gateway.log_path.read_text()
    assert not is_up(it)
