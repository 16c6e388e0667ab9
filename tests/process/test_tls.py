"""TLS both ways: who must prove what, what is refused and how that is told, and certificates that change."""

from __future__ import annotations

import shutil
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process.authority import Authority, Certificate
from tests.process.conftest import StartGateway
from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place, own_host
from tests.process.process_files import open_files
from tests.process.talk import talking
from tests.process.waiting import wait_until
from tests.process.wire import header, sdp, status
from tests.process.wire_tls import TlsWirePeer, TlsWireServer

NSS_WRAPPER = "libnss_wrapper.so"
EDGE = "acme.sip.edge.example.com"
END = "-----END CERTIFICATE-----\n"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
UNAVAILABLE = 'Reason: SIP;cause=503;text="Service Unavailable"'


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

    def refuse(self, certificate: Certificate, reason: str, version: ssl.TLSVersion | None = None) -> None:
        """A call to an edge that shows this certificate ends, and why is counted and said."""
        self.call_refused(certificate, version)
        self.gateway.assert_outcomes("to_twilio", "upstream-error/unavailable")
        assert self.gateway.counted("gateway_tls_failures_total", direction="outbound", reason=reason) == 1
        assert self.gateway.counted("gateway_tls_failures_total") == 1

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


@pytest.mark.parametrize("name", [EDGE, "*.sip.edge.example.com"])
def test_a_peer_proves_the_name_it_is_called_by(tls: Secure, name: str) -> None:
    """With a wildcard too, as Twilio's certificates have one (RFC 6125, section 6.4.3)."""
    assert tls.takes_a_call(tls.authority.certify(name)) == EDGE


def test_a_peer_proves_the_address_it_is_called_by(start_gateway: StartGateway) -> None:
    tls = Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))
    tls.takes_a_call(tls.authority.certify(tls.gateway.twilio.place.host))


def test_a_certificate_of_another_name_is_refused_at_an_address_too(start_gateway: StartGateway) -> None:
    tls = Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))
    tls.refuse(tls.authority.certify("other.example.com", own_host()), "certificate-name")
    [line] = tls.gateway.told(msg="TLS connection given up")
    told = line["level"], line["direction"], line["peer"], line["reason"]
    assert told == ("WARNING", "outbound", tls.gateway.twilio.place.host, "certificate-name")
    assert "other names than the host" in line["advice"]


@pytest.mark.parametrize(
    "name", ["*.edge.example.com", "*.example.com", "sip.edge.example.com", "acme.sip.example.com"]
)
def test_a_name_that_is_only_near_is_refused(tls: Secure, name: str) -> None:
    tls.refuse(tls.authority.certify(name), "certificate-name")


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


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_an_old_tls_version_is_refused(tls: Secure) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)), tls.peer(ssl.TLSVersion.TLSv1_1):
        pass
    gateway = tls.gateway
    wait_until(
        lambda: gateway.counted("gateway_tls_failures_total", direction="inbound", reason="handshake"), "it is counted"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_call_to_tls(tls: Secure, version: ssl.TLSVersion) -> None:
    """To a peer that speaks this version alone."""
    tls.takes_a_call(tls.authority.certify(EDGE), version)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_an_old_tls_version_is_not_spoken(tls: Secure) -> None:
    tls.refuse(tls.authority.certify(EDGE), "handshake", ssl.TLSVersion.TLSv1_1)


def test_an_expired_certificate_is_refused(tls: Secure) -> None:
    tls.refuse(tls.authority.certify(EDGE, days=-1), "certificate-expired")
    [line] = tls.gateway.told(msg="TLS connection given up")
    assert (line["level"], line["peer"], line["reason"]) == ("WARNING", EDGE, "certificate-expired")
    assert "renewed" in line["advice"]


def test_a_certificate_of_an_unknown_authority_is_refused(tls: Secure, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    tls.refuse(stranger.certify(EDGE), "certificate-untrusted")


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


# -- renewal ---------------------------------------------------------------------------------------------------------


def der(certificate: Certificate) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text().partition(END)[0] + END)


def test_a_renewed_certificate_is_shown_after_a_reload_and_calls_stay(tls: Secure) -> None:
    gateway = tls.gateway
    new = tls.authority.certify(gateway.site.gateway.host, days=30)
    with tls.peer() as peer, gateway.wire(gateway.pbx) as callee:
        assert peer.seen != der(new)
        invite = peer.invite()
        peer.send(invite)
        callee.answer(callee.wait_for("INVITE"))
        answer = peer.wait_for("SIP/2.0 200")
        peer.send(peer.in_dialog("ACK", invite, answer))
        put(new, tls.current)
        assert gateway.request("/reload", "POST")[0] == 200
        with tls.peer() as later:
            assert later.seen == der(new)
        peer.send(peer.in_dialog("BYE", invite, answer, 2))
        callee.send(callee.reply(callee.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_pbx", "success/completed")


def test_a_certificate_without_its_key_changes_nothing(tls: Secure) -> None:
    gateway = tls.gateway
    with tls.peer() as peer:
        before = peer.seen
    right = tls.authority.certify(gateway.site.gateway.host, days=31)
    wrong = tls.authority.certify("other.example.com")
    put(Certificate(right.certificate, wrong.private_key), tls.current)
    gateway.allowed_errors.add("reload refused")
    code, body = gateway.request("/reload", "POST")
    assert code == 422
    assert "does not belong to the certificate" in body
    with tls.peer() as peer:
        assert peer.seen == before
    put(right, tls.current)


def test_an_authority_is_believed_from_one_reload_to_another(start_gateway: StartGateway, tmp_path: Path) -> None:
    """In a file that is new, and in one that is edited."""
    tls = Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))
    gateway, other, place = tls.gateway, Authority(tmp_path / "other"), tmp_path / "believed.pem"
    certificate, connected = other.certify(gateway.twilio.place.host), len(open_files(gateway.process.pid))
    tls.call_refused(certificate)
    tls.believe(place, tls.authority, other)
    tls.call_taken(certificate)
    wait_until(lambda: len(open_files(gateway.process.pid)) <= connected, "the gateway closes its connection too")
    tls.believe(place, tls.authority)
    tls.call_refused(certificate)
    refused, completed = "upstream-error/unavailable", "success/completed"
    gateway.assert_outcomes("to_twilio", refused, completed, refused)
    failures = "gateway_tls_failures_total"
    assert gateway.counted(failures, direction="outbound", reason="certificate-untrusted") == 2
    assert gateway.counted(failures) == 2


def test_files_may_move(start_gateway: StartGateway, tmp_path: Path) -> None:
    """Though they hold what they held before: those in the old place are read no more."""
    tls = Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))
    tls.believe(tmp_path / "moved.pem", tls.authority)
    tls.authority.file.unlink()
    tls.takes_a_call(tls.authority.certify(tls.gateway.twilio.place.host))


# -- floods ----------------------------------------------------------------------------------------------------------

HANDSHAKES = 100


def test_handshakes_that_never_finish_are_given_up(tls: Secure) -> None:
    """Others are served meanwhile, calls too; each ends by itself, is counted, and the log says it once."""
    gateway = tls.gateway
    before = len(open_files(gateway.process.pid))
    with ExitStack() as stack:
        where = tls.listener.host, tls.listener.port
        half = [stack.enter_context(socket.create_connection(where)) for _ in range(HANDSHAKES)]
        with tls.peer() as peer:
            options = peer.request("OPTIONS")
            peer.send(options)
            assert status(peer.wait_for_answer(options)) == 200
        with talking(gateway, "to_pbx") as talk:
            talk.hang_up()
            gateway.assert_outcomes("to_pbx", "success/completed")
        for connection in half:
            connection.settimeout(20)
            assert connection.recv(1) == b""
    timeouts = {"direction": "inbound", "reason": "timeout"}
    wait_until(lambda: gateway.counted("gateway_tls_failures_total", **timeouts) == HANDSHAKES, "all are counted")
    lines = [line for line in gateway.log() if line["msg"] == "TLS connection given up"]
    assert 1 <= len(lines) <= 2
    assert "is TLS what it speaks on that port?" in lines[0]["advice"]
    wait_until(lambda: len(open_files(gateway.process.pid)) <= before + 1, "their sockets are closed")
