"""TLS both ways: who must prove what, in which versions, and names and addresses on the way."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.process.authority import Authority, Certificate
from tests.process.conftest import StartGateway
from tests.process.daemon import Site, Tree
from tests.process.places import own_host
from tests.process.secure import EDGE, NSS_WRAPPER, VERSIONS, Secure, secure
from tests.process.secure import configure as configure
from tests.process.secure import environment as environment
from tests.process.secure import tls as tls
from tests.process.wire import header, status


@pytest.mark.parametrize("name", [EDGE, "*.sip.edge.example.com"])
def test_a_peer_proves_the_name_it_is_called_by(tls: Secure, name: str) -> None:
    """With a wildcard too, as Twilio's certificates have one (RFC 6125, section 6.4.3)."""
    assert tls.takes_a_call(tls.authority.certify(name)) == EDGE


def test_a_peer_shows_the_way_to_an_authority_we_believe(tls: Secure) -> None:
    """Its certificate is signed by one that we do not know, whose own it sends along."""
    tls.takes_a_call(tls.authority.intermediate().certify(EDGE))


def test_a_peer_proves_the_address_it_is_called_by(start_gateway: StartGateway) -> None:
    tls = Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))
    tls.takes_a_call(tls.authority.certify(tls.gateway.twilio.place.host))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_from_tls(tls: Secure, version: ssl.TLSVersion) -> None:
    gateway = tls.gateway
    with tls.peer(version) as peer, gateway.wire(gateway.pbx) as callee:
        invite = peer.invite()
        peer.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = peer.wait_for("SIP/2.0 200")
        assert f":{tls.listener.port};transport=tls>" in header(answer, "Contact")
        peer.send(peer.in_dialog("ACK", invite, answer))
        peer.send(peer.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")


SHOWN = ("nothing", "a good one", "one that has expired", "one of an unknown authority", "one of another name")


def shown(tls: Secure, folder: Path, what: str) -> Certificate | None:
    name, authority = tls.gateway.twilio.place.host, tls.authority
    if what == "one of an unknown authority":
        authority = Authority(folder / "stranger")
    certificates = {
        "nothing": None,
        "one that has expired": authority.certify(name, days=-1),
        "one of another name": authority.certify("other.example.com"),
    }
    return certificates.get(what, authority.certify(name, days=7))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("what", SHOWN)
def test_what_a_caller_shows_of_himself_counts_for_nothing(
    tls: Secure, tmp_path: Path, what: str, version: ssl.TLSVersion
) -> None:
    """His address says who he is: Twilio's certificates are no longer made for clients, so none can be demanded."""
    with tls.peer(version, shown(tls, tmp_path, what)) as peer:
        options = peer.request("OPTIONS")
        peer.send(options)
        assert status(peer.wait_for_answer(options)) == 200
    assert tls.gateway.counted("gateway_tls_failures_total") == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_to_tls(tls: Secure, version: ssl.TLSVersion) -> None:
    """To a peer that speaks this version alone."""
    tls.takes_a_call(tls.authority.certify(EDGE), version)


# -- NAT -------------------------------------------------------------------------------------------------------------

PUBLIC = "203.0.113.7"


def test_tls_peers_see_the_public_address(start_gateway: StartGateway) -> None:
    """In Via, Contact and SDP of whom we call, and in Contact and SDP of who calls us."""

    def public(tree: Tree, site: Site) -> None:
        secure(tree, site, site.twilio.host)
        tree["sip"]["public_address"] = PUBLIC

    it = Secure(start_gateway(public))
    ours = f"{PUBLIC}:{it.listener.port}"
    with (
        it.gateway.wire_caller(it.gateway.pbx) as caller,
        it.edge(it.authority.certify(it.gateway.twilio.place.host)) as edge,
    ):
        invite = caller.invite()
        caller.send(invite)
        placed = edge.wait_for("INVITE")
        edge.send(edge.reply(placed, "486 Busy Here"))
        caller.send(caller.in_dialog("ACK", invite, caller.wait_for_final(invite)))
        edge.wait_for("ACK")
    assert header(placed, "Via").startswith(f"SIP/2.0/TLS {PUBLIC}:")  # the port is that of the connection
    with it.peer() as peer, it.gateway.wire(it.gateway.pbx) as callee:
        invite = peer.invite()
        peer.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = peer.wait_for("SIP/2.0 200")
        peer.send(peer.in_dialog("ACK", invite, answer))
        peer.send(peer.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        peer.wait_for_final(peer.in_dialog("BYE", invite, answer, 2))
    for message in (placed, answer):
        assert header(message, "Contact") == f"<sip:{ours};transport=tls>"
        assert f"c=IN IP4 {PUBLIC}\r\n" in message


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_the_next_address_of_a_name_is_tried(start_gateway: StartGateway, tmp_path: Path, transport: str) -> None:
    """Where nobody listens at the first; of one URI, so it is one attempt to the caller and to health."""

    def named_twice(tree: Tree, site: Site) -> None:
        secure(tree, site, EDGE)
        tree["trunks"]["twilio"]["uris"] = [f"sip:{EDGE}:{site.twilio.port};transport={transport}"]
        (tmp_path / "hosts").write_text(f"{own_host()} {EDGE}\n{site.twilio.host} {EDGE}\n")

    names = {"LD_PRELOAD": NSS_WRAPPER, "NSS_WRAPPER_HOSTS": str(tmp_path / "hosts")}
    it = Secure(start_gateway(named_twice, names))
    if transport == "tls":
        assert it.takes_a_call(it.authority.certify(EDGE)) == EDGE
    else:
        callee = it.gateway.twilio.serve("uas-answer", "-t", "t1")
        it.gateway.pbx.call("uac-call").finish()
        callee.finish()
        it.gateway.assert_outcomes("to_twilio", "success/completed")
