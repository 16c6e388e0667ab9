"""A gateway whose Twilio is called over TLS, the authority that it believes, and calls that show whom it trusts."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from tests.process.authority import Authority, Certificate
from tests.process.bystander import bystander
from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place
from tests.process.waiting import wait_until
from tests.process.wire import header, sdp
from tests.process.wire_tls import TlsWirePeer, TlsWireServer

NSS_WRAPPER = "libnss_wrapper.so"
EDGE = "acme.sip.edge.example.com"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
FAILURES = "gateway_tls_failures_total"
UNAVAILABLE = 'Reason: SIP;cause=503;text="Service Unavailable"'
GIVEN_UP = "TLS connection given up"
ADVICE = {
    "certificate-expired": "have it renewed",
    "certificate-untrusted": "add the one that does, or have the peer send its whole chain",
    "certificate-name": "is for other names than the host in the trunk's uris",
    "handshake": "both sides need TLS 1.2 or 1.3",
    "timeout": "is TLS what it speaks on that port?",
}
"""Of each, some words that tell what to do."""

AUTHORITIES: dict[Path, Authority] = {}
"""By the folder of the gateway that believes them."""


def configure(tree: Tree, site: Site) -> None:
    """A TLS listener on the next port, and a Twilio that is called over TLS by its name."""
    secure(tree, site, EDGE)


def environment(site: Site) -> dict[str, str]:
    """Names that are known to this gateway alone."""
    hosts = site.folder / "hosts"
    hosts.write_text(f"{site.twilio.host} {EDGE}\n")
    return {"LD_PRELOAD": NSS_WRAPPER, "NSS_WRAPPER_HOSTS": str(hosts)}


def secure(tree: Tree, site: Site, twilio: str) -> None:
    AUTHORITIES[site.folder] = authority = Authority(site.folder / "authority")
    current = Certificate(site.folder / "current.pem", site.folder / "current.key")
    put(authority.certify(site.gateway.host), current)
    tree["sip"]["listen"].append(f"tls://{listener(site)}")
    tree["sip"]["tls"] = current.settings(authority.file)
    tree["trunks"]["twilio"]["uris"] = [f"sip:{twilio}:{site.twilio.port};transport=tls"]


def listener(site: Site) -> Place:
    port = site.gateway.port
    return Place(site.gateway.host, port + 1 if port < 65535 else port - 1)


def put(new: Certificate, place: Certificate) -> None:
    """Put new files in the place of others, as a renewal does."""
    shutil.copy(new.certificate, place.certificate)
    shutil.copy(new.private_key, place.private_key)


class Secure:
    """A gateway with a TLS listener whose Twilio is called over TLS."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.listener = listener(gateway.site)
        self.authority = AUTHORITIES[gateway.site.folder]
        tls = gateway.configuration["sip"]["tls"]
        self.current = Certificate(Path(tls["certificate"]), Path(tls["private_key"]))

    def peer(self, version: ssl.TLSVersion | None = None, shown: Certificate | None = None) -> TlsWirePeer:
        return TlsWirePeer(self.listener, self.gateway.twilio.place.host, version, shown)

    def edge(self, certificate: Certificate, version: ssl.TLSVersion | None = None) -> TlsWireServer:
        return TlsWireServer(self.listener, self.gateway.twilio.place, certificate, version)

    def refuse(self, reason: str, *certificates: Certificate, version: ssl.TLSVersion | None = None) -> None:
        """Calls to an edge that shows one of these each end; each is counted, and the log says why and what to do.

        Of one reason the log does so once in a while, so a gateway can be asked for it once. A call that is up goes on.
        """
        gateway = self.gateway
        with bystander(gateway, "to_pbx"):
            for certificate in certificates:
                self.call_refused(certificate, version)
            gateway.assert_outcomes("to_twilio", *["upstream-error/unavailable"] * len(certificates))
        assert gateway.counted(FAILURES, direction="outbound", reason=reason) == len(certificates)
        assert gateway.counted(FAILURES) == len(certificates)
        [uri] = gateway.configuration["trunks"]["twilio"]["uris"]
        line, *_ = gateway.told(msg=GIVEN_UP, level="WARNING", direction="outbound", reason=reason)
        assert line["peer"] == uri.split(":")[1]
        assert ADVICE[reason] in line["advice"]

    def call_refused(self, certificate: Certificate, version: ssl.TLSVersion | None = None) -> None:
        with self.edge(certificate, version) as edge:
            caller = self.gateway.pbx.call("uac-refused", code="503", header=UNAVAILABLE)
            wait_until(edge.is_given_up, "the gateway closes the connection")
            caller.finish()
            assert edge.received() == []

    def takes_a_call(self, certificate: Certificate, version: ssl.TLSVersion | None = None) -> str | None:
        """A call to an edge that shows this certificate; the name that the gateway asked it for."""
        asked_for = self.call_taken(certificate, version)
        self.gateway.assert_outcomes("to_twilio", "success/completed")
        return asked_for

    def call_taken(self, certificate: Certificate, version: ssl.TLSVersion | None = None) -> str | None:
        with self.edge(certificate, version) as edge:
            caller = self.gateway.pbx.call("uac-call")
            invite = edge.wait_for("INVITE")
            assert ";transport=tls" in header(invite, "Contact")
            assert "sips:" not in invite
            edge.send(edge.reply(invite, "200 OK", body=sdp(edge.place.host)))
            edge.send(edge.reply(edge.wait_for("BYE"), "200 OK"))
            caller.finish()
        return edge.asked_for

    def believe(self, place: Path, *authorities: Authority) -> None:
        """Have these alone in `ca_list`, which is there from a reload on."""
        place.write_bytes(b"".join(authority.file.read_bytes() for authority in authorities))
        self.gateway.configuration["sip"]["tls"]["ca_list"] = str(place)
        self.gateway.write_configuration()
        assert self.gateway.request("/reload", "POST")[0] == 200


@pytest.fixture
def tls(gateway: Gateway) -> Secure:
    return Secure(gateway)
