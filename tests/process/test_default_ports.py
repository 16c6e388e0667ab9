"""URIs without a port: 5060, and 5061 over TLS (RFC 3263, section 4.2). Each test has the ports of hosts of its own."""

from __future__ import annotations

import pytest

from tests.process.conftest import StartGateway
from tests.process.daemon import Site, Tree
from tests.process.places import Place, own_host
from tests.process.registrar import accept, registering
from tests.process.secure import EDGE, Secure, environment, secure
from tests.process.wire import header

SIP, SIPS = 5060, 5061


@pytest.mark.parametrize("transport", ["", ";transport=tcp"])
def test_a_call_to_an_address(start_gateway: StartGateway, transport: str) -> None:
    def portless(tree: Tree, site: Site) -> None:
        site.twilio = Place(own_host(), SIP)
        tree["trunks"]["twilio"]["uris"] = [f"sip:{site.twilio.host}{transport}"]

    gateway = start_gateway(portless)
    over = ("-t", "t1") if "tcp" in transport else ()
    callee = gateway.twilio.serve("uas-answer", *over)
    gateway.pbx.call("uac-call").finish()
    callee.finish()
    assert f"INVITE sip:service@{gateway.twilio.place.host}{transport} SIP/2.0" in callee.shown_messages()
    gateway.assert_outcomes("to_twilio", "success/completed")


def test_a_call_to_a_name_over_tls(start_gateway: StartGateway) -> None:
    names: dict[str, str] = {}

    def portless(tree: Tree, site: Site) -> None:
        site.twilio = Place(own_host(), SIPS)
        secure(tree, site, EDGE)
        names.update(environment(site))
        tree["trunks"]["twilio"]["uris"] = [f"sip:{EDGE};transport=tls"]

    tls = Secure(start_gateway(portless, names))
    assert tls.takes_a_call(tls.authority.certify(EDGE)) == EDGE


def test_options_and_register(start_gateway: StartGateway) -> None:
    """Nothing else is sent there than calls: the health of the trunk, and its registration."""

    def portless(tree: Tree, site: Site) -> None:
        site.pbx = Place(own_host(), SIP)
        registering(tree, site)
        uri = f"sip:{site.pbx.host}"
        tree["trunks"]["pbx"] |= {"uris": [uri], "options_interval_seconds": 1}
        tree["trunks"]["pbx"]["register"]["registrar"] = uri

    gateway = start_gateway(portless)
    with gateway.wire(gateway.pbx) as pbx:
        register = pbx.wait_for("REGISTER")
        assert register.startswith(f"REGISTER sip:{pbx.place.host} SIP/2.0\r\n")
        accept(pbx, register)
        options = pbx.wait_for("OPTIONS")
        assert header(options, "To") == f"<sip:{pbx.place.host}>"
        pbx.send(pbx.reply(options, "200 OK"))
