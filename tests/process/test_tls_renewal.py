"""Certificates and authorities that change while the gateway runs: files are read again on a reload, and calls stay."""

from __future__ import annotations

import json
import socket
import ssl
import time
from pathlib import Path

from tests.process.authority import END, Authority, Certificate
from tests.process.conftest import StartGateway
from tests.process.daemon import Site, Tree
from tests.process.process_files import open_files
from tests.process.secure import AUTHORITIES, FAILURES, Secure, put, secure
from tests.process.secure import configure as configure
from tests.process.secure import environment as environment
from tests.process.secure import tls as tls
from tests.process.waiting import wait_until

DAY = 86400
EXPIRATION = "gateway_tls_certificate_expiration_timestamp_seconds"


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


def test_a_certificate_that_has_expired_stops_nothing_and_is_told(tls: Secure) -> None:
    """On a reload, as at the start; the call that uses no TLS goes through."""
    gateway, ended = tls.gateway, tls.authority.certify(tls.gateway.site.gateway.host, days=-1)
    put(ended, tls.current)
    assert gateway.request("/reload", "POST")[0] == 200
    [line] = gateway.told(msg="a certificate is not valid today")
    assert (line["level"], line["setting"]) == ("WARNING", "sip.tls.certificate")
    assert line["problem"].startswith(f"{tls.current.certificate} expired on 20")
    assert "have it renewed" in line["advice"]
    assert time.time() - 2 * DAY < gateway.measured(EXPIRATION) < time.time()
    put(tls.authority.certify(gateway.site.gateway.host, days=32), tls.current)
    assert gateway.request("/reload", "POST")[0] == 200
    assert time.time() + 31 * DAY < gateway.measured(EXPIRATION) < time.time() + 33 * DAY
    assert len(gateway.told(msg="a certificate is not valid today")) == 1


def test_a_gateway_whose_certificate_has_expired_starts(start_gateway: StartGateway) -> None:
    """A restart at night takes no trunk along that needs no TLS."""

    def expire(tree: Tree, site: Site) -> None:
        secure(tree, site, site.twilio.host)
        files = tree["sip"]["tls"]
        ended = AUTHORITIES[site.folder].certify(site.gateway.host, days=-1)
        put(ended, Certificate(Path(files["certificate"]), Path(files["private_key"])))
        tree["trunks"]["twilio"]["uris"] = [f"sip:{site.twilio}"]

    gateway = start_gateway(expire)
    gateway.told(msg="a certificate is not valid today", setting="sip.tls.certificate")
    callee = gateway.twilio.serve("uas-answer")
    gateway.pbx.call("uac-call").finish()
    callee.finish()


def test_a_certificate_is_shown_with_its_chain(tls: Secure) -> None:
    """So who believes the authority alone believes us."""
    gateway = tls.gateway
    put(tls.authority.intermediate().certify(gateway.site.gateway.host), tls.current)
    assert gateway.request("/reload", "POST")[0] == 200
    context = ssl.create_default_context(cafile=tls.authority.file)
    with (
        socket.create_connection((tls.listener.host, tls.listener.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=tls.listener.host) as shown,
    ):
        assert shown.getpeercert(binary_form=True) == der(tls.current)


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
    [problem] = json.loads(body)["problems"]
    assert problem.startswith(f"{gateway.config_path}: sip.tls")
    assert "does not belong to the certificate" in problem
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
    assert gateway.counted(FAILURES, direction="outbound", reason="certificate-untrusted") == 2
    assert gateway.counted(FAILURES) == 2


def test_files_may_move(start_gateway: StartGateway, tmp_path: Path) -> None:
    """Though they hold what they held before: those in the old place are read no more."""
    tls = Secure(start_gateway(lambda tree, site: secure(tree, site, site.twilio.host)))
    tls.believe(tmp_path / "moved.pem", tls.authority)
    tls.authority.file.unlink()
    tls.takes_a_call(tls.authority.certify(tls.gateway.twilio.place.host))
