"""Where trunks are called: what is the same place, what is the gateway itself, and what Twilio would refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.settings import build_report
from tests.settings.samples import SOUND, TLS, Loader

TWILIO = "sip:acme.sip.twilio.com"
FILES = f"{{certificate: {TLS}/certificate.pem, private_key: {TLS}/key.pem}}"
SECURE = SOUND.replace('5060"]', f'5060", "tls://127.0.0.1:5061"]\n  tls: {FILES}')


@pytest.mark.parametrize(
    ("listener", "public_address", "uri", "ours"),
    [
        ("udp://127.0.0.9:5060", None, "sip:127.0.0.9", True),
        ("tcp://127.0.0.9:5060", None, "sip:127.0.0.9:5060;transport=TCP", True),
        ("udp://0.0.0.0:5060", None, "sip:127.0.0.1", True),
        ("udp://0.0.0.0:5060", "203.0.113.7", "sip:203.0.113.7", True),
        ("udp://0.0.0.0:5060", None, "sip:127.0.0.9", False),
        ("udp://127.0.0.9:5060", None, "sip:127.0.0.9:5070", False),
        ("udp://127.0.0.9:5060", None, "sip:127.0.0.1", False),
        ("udp://127.0.0.9:5070", None, "sip:127.0.0.9", False),
        ("udp://127.0.0.9:5060", "203.0.113.7", "sip:203.0.113.8", False),
    ],
)
@pytest.mark.parametrize("key", ["uris", "registrar"])
def test_a_trunk_that_is_the_gateway_itself(
    key: str, listener: str, public_address: str | None, uri: str, ours: bool, load_text: Loader
) -> None:
    """Calls there end with 482: a warning."""
    sip = f'"{listener}", "udp://127.0.0.8:5099"]'
    sip += f"\n  public_address: {public_address}" if public_address else ""
    text = SOUND.replace('"udp://127.0.0.1:5060"]', sip)
    if key == "uris":
        text, place = text.replace(TWILIO, uri), "trunks.twilio.uris[0]"
    else:
        register = f'auth: {{username: gw, password: hunter2}}, register: {{registrar: "{uri}"}}'
        text, place = text.replace("side: pbx", f"side: pbx, {register}"), "trunks.pbx.register.registrar"
    told = [line for line in warnings(text, load_text) if "itself" in line]
    about = f"{uri} is the gateway itself ({listener} in sip.listen); what is sent there comes back"
    assert told == [f"warning: {place}: {about}"] * ours


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:a.example.com", "sip:A.example.com.:5060"),
        ("sip:a.example.com;transport=tls", "sip:a.example.com:5061;transport=TLS"),
    ],
)
def test_one_place_is_one_however_it_is_written(one: str, other: str, complaints: Callable[[str], list[str]]) -> None:
    text = SECURE.replace("sip:127.0.0.2", f'{one}", "{other}')
    assert complaints(text) == [f"trunks.pbx.uris[1]: {other} is there already"]


def test_another_transport_is_another_place(load_text: Loader) -> None:
    load_text(SECURE.replace("sip:127.0.0.2", 'sip:a.example.com:5061", "sip:a.example.com:5061;transport=tls'))


def test_a_profile_made_of_elastic_sip_trunking_takes_no_registration_either(
    complaints: Callable[[str], list[str]],
) -> None:
    register = 'auth: {username: gw, password: hunter2}, register: {registrar: "sip:acme.pstn.twilio.com"}'
    text = SOUND.replace("side: twilio", f"side: twilio, profile: ours, {register}")
    (told,) = complaints(text + "profiles: {ours: {base: elastic-trunk, value_bytes: 9}}\n")
    assert told.startswith("trunks.twilio.register: is for SIP Domains")


def warnings(text: str, load_text: Loader) -> list[str]:
    return [line for line in build_report(load_text(text)).splitlines() if line.startswith("warning")]


@pytest.mark.parametrize(
    ("transport", "srtp", "warned"), [("udp", "required", True), ("udp", "off", False), ("tls", "required", False)]
)
def test_twilio_takes_no_srtp_without_tls(transport: str, srtp: str, warned: bool, load_text: Loader) -> None:
    text = SECURE.replace(TWILIO, f"{TWILIO};transport={transport}").replace("twilio,", f"twilio, srtp: {srtp},")
    told = (
        "warning: trunks.twilio.uris[0]: srtp is required and goes out over udp, and Twilio takes it over TLS only "
        "(488, twilio_error 32209 or 32207); write transport=tls, or srtp: off"
    )
    assert warnings(text, load_text) == [told] * warned
    assert warnings(SECURE.replace("side: pbx,", f"side: pbx, srtp: {srtp},"), load_text) == []


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_twilio_is_not_called_by_an_address(transport: str, load_text: Loader) -> None:
    """A stand-in on loopback is, and a proxy in a network of one's own may be."""
    told = (
        "warning: trunks.twilio.uris[1]: 54.172.60.1 is an address, and Twilio refuses calls that do not name a domain "
        "(403); write its name"
    )
    text = SECURE.replace(TWILIO, f'{TWILIO}", "sip:54.172.60.1;transport={transport}')
    assert warnings(text, load_text) == [told]
    for other in ("127.0.0.3", "10.0.0.3"):
        assert warnings(SECURE.replace(TWILIO, f"sip:{other};transport={transport}"), load_text) == []
    assert warnings(SECURE.replace("sip:127.0.0.2", "sip:54.172.60.1"), load_text) == []
