"""A real Asterisk that is called over TLS, with audio in SRTP, as README has it: calls both ways that are heard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gateway.lab.asterisk import Tree
from gateway.lab.driver import Phone
from tests.docs.documents import Document, read
from tests.process.authority import Authority
from tests.process.daemon import Tree as Configuration
from tests.process.places import Place, free_port
from tests.real_pbx.exchange import Exchange, Office, running
from tests.real_pbx.test_audio import assert_hears, take

TWILIO_HZ, ALICE_HZ = 440, 880


def sections() -> list[str]:
    """Of README: the transport, and the lines for endpoint and aor."""
    [block] = Document(read("README.md").section("Encryption").text).blocks("ini")
    return [re.sub(r"^;.*\n", "", part, flags=re.MULTILINE).strip() for part in block.split("\n\n")]


def encrypt(configuration: Configuration, office: Office) -> None:
    """Both sides as README says, with certificates of the test's own authority."""
    authority = Authority(office.folder / "authority")
    ours, theirs = authority.certify("gateway", office.gateway.host), authority.certify("pbx", office.pbx.host)
    gateway, pbx = (Place(of.host, free_port(of.host)) for of in (office.gateway, office.pbx))
    configuration["sip"]["listen"].append(f"tls://{gateway}")
    configuration["sip"]["tls"] = ours.settings(authority.file)
    configuration["trunks"]["pbx"] |= {"uris": [f"sip:{pbx};transport=tls"], "srtp": "required"}
    words = {
        "0.0.0.0:5061": str(pbx),
        "/etc/asterisk/certificate.pem": str(theirs.certificate),
        "/etc/asterisk/key.pem": str(theirs.private_key),
        "/etc/ssl/certs/ca-certificates.crt": str(authority.file),
        "gateway.example.com:5061": str(gateway),
    }
    transport, endpoint, aor = sections()
    for word, other in words.items():
        transport, aor = transport.replace(word, other), aor.replace(word, other)
    office.modules += ("res_srtp",)
    head = "[gateway]\ntype=endpoint\n"
    office.pjsip_words = {
        f"{head}transport=transport-udp": f"{transport}\n\n{head}{endpoint}",
        f"contact=sip:{office.gateway}": aor,
    }


@pytest.fixture
def secure_exchange(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with running(tree, tmp_path_factory.mktemp("secure"), encrypt) as exchange:
        yield exchange


def test_calls_both_ways_are_encrypted_and_heard(secure_exchange: Exchange) -> None:
    exchange, office = secure_exchange, secure_exchange.office
    with (
        Phone.start("twilio", office.twilio.host, office.folder, office.twilio.port) as twilio,
        Phone.start("alice", office.alice.host, office.folder, office.alice.port) as alice,
    ):
        for caller, uri, callee in (
            (twilio, f"sip:alice@{office.gateway}", alice),
            (alice, f"sip:8+15550100@{office.pbx}", twilio),
        ):
            placed = caller.call(uri, [("X-CustomerID", "1"), ("X-Know-Customer", "1")])
            taken = take(callee, ALICE_HZ)
            placed.expect("audio")
            placed.play(TWILIO_HZ)
            assert_hears(placed, ALICE_HZ)
            assert_hears(taken, TWILIO_HZ)
            placed.hangup()
            taken.expect("ended")
            placed.expect("ended")
    exchange.gateway.told(msg="call ended", direction="to_pbx", reason="completed")
    exchange.gateway.told(msg="call ended", direction="to_twilio", reason="completed")
