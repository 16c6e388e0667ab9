"""Every User-to-User that was seen in the wild or stands in an RFC, as a field reads it; each with where it is from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.core.headers import Headers
from gateway.core.locators import CallFacts, Origin, Ways, parse_locator, reader_for
from gateway.core.message import SipMessage
from gateway.core.octets import parse_octets
from gateway.core.plan import Dialect
from gateway.core.refusal import Refusal
from gateway.core.uui import UuiEncoding, UuiFormat, UuiSetup

PLAIN = UuiSetup()
OCTET = UuiSetup(discriminator=0)
ASCII = UuiSetup(encoding=UuiEncoding.ASCII)
AVAYA = UuiSetup(UuiFormat.AVAYA, discriminator=0)
NOT_HEX = Refusal("User-to-User says encoding=hex and is not pairs of hex digits")
SEVERAL = "User-to-User values of the same purpose, none can be told to be the right one"

IVR = "00C82b264F7267416E693D3131313337303035303030303139393433333634264F7267446E69733D333030393637;encoding=hex"
PORTAL = "04C82534434632303133412D31303137454136302D303030312D5343303030303030303030303030;encoding=hex"
TWO_PARTS = "003132333435363738207c2030376662333036352d363130352d343538652d613339662d633763393033353036663039"
ISDN = ";encoding=hex;purpose=isdn-uui;content=isdn-uui"
TELEMATICS = "00ATX-GeoLocation= 43.98~-92.46 ;Lang= en;encoding=ascii;purpose=isdn-uui;content=isdn-uui"


@pytest.mark.parametrize(
    ("origin", "lines", "setup", "locator", "values"),
    [
        (
            "RFC 7433, section 4.1, of another purpose",
            ["56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar"],
            UuiSetup(purpose="foo"),
            "uui",
            [parse_octets(bytes.fromhex("56a390f3d2b7310023a2"))],
        ),
        ("RFC 7433, token", ["342342ef34;encoding=hex"], PLAIN, "uui", ["4#B\udcef4"]),
        ("RFC 7433, quotes around hex", ['"342342ef34";encoding=hex'], PLAIN, "uui", ["4#B\udcef4"]),
        ("Avaya CM, UCID", ["00FA080019001038F725B3;encoding=hex"], AVAYA, "uui:ucid", ["00025000160955721139"]),
        ("Avaya CM, UCID in hex", ["00FA080019001038F725B3;encoding=hex"], AVAYA, "uui:ucid_hex", ["0019001038F725B3"]),
        ("Avaya Experience Portal", [PORTAL], AVAYA, "uui:data", ["4CF2013A-1017EA60-0001-SC000000000000"]),
        ("an IVR", [IVR], AVAYA, "uui:data", ["&OrgAni=11137005000019943364&OrgDnis=300967"]),
        ("an IVR, no UCID", [IVR], AVAYA, "uui:ucid", []),
        (
            "text behind a discriminator",
            [TWO_PARTS + ISDN],
            OCTET,
            "uui",
            ["12345678 | 07fb3065-6105-458e-a39f-c7c903506f09"],
        ),
        ("escapes that leaked, and an odd length", ["00C8426613D31%3Bencoding%3Dhex"], OCTET, "uui", NOT_HEX),
        ("escapes that leaked", ["00414243%3Bencoding%3Dhex"], OCTET, "uui", ["ABC"]),
        (
            "several, as Genesys discards them",
            ["00AA;encoding=hex", "00BB;encoding=hex, 00CC;encoding=hex"],
            OCTET,
            "uui",
            Refusal(f"3 {SEVERAL}"),
        ),
        ("RustPBX", ["q=queue;t=direction;encoding=ascii;purpose=isdn-uui"], ASCII, "uui", ["q=queue;t=direction"]),
        ("Genesys Cloud, pd", ["48692074686572652e;pd=04;encoding=hex"], OCTET, "uui", ["Hi there."]),
        ("Genesys Cloud, not hex", ["hexdata;pd=04;encoding=hex"], OCTET, "uui", NOT_HEX),
        (
            "Genesys Cloud, first octet",
            ["0448692074686572652e;Encoding=HEX;Purpose=ISDN-UUI;Content=isdn-uui"],
            OCTET,
            "uui",
            ["Hi there."],
        ),
        ("Amazon Chime SDK", ["616d617a6f6e5f6368696d65;encoding=hex"], PLAIN, "uui", ["amazon_chime"]),
        (
            "car telematics",
            [TELEMATICS],
            UuiSetup(encoding=UuiEncoding.ASCII, discriminator=0),
            "uui",
            ["ATX-GeoLocation= 43.98~-92.46 ;Lang= en"],
        ),
        (
            "a test tool",
            ["0474657374202270757270;encoding=hex;content=isdn-uui;purpose=isdn-uui"],
            OCTET,
            "uui",
            ['test "purp'],
        ),
        ("Twilio's own example", ["123456789;encoding=hex"], PLAIN, "uui", NOT_HEX),
        ("bare hex", ["414243"], PLAIN, "uui", ["ABC"]),
        ("bare text", ["hello"], PLAIN, "uui", ["hello"]),
        ("an unknown encoding", ["QUJD;encoding=base64"], OCTET, "uui", ["QUJD"]),
        (
            "the old name of the purpose",
            ["00414243;encoding=hex;purpose=isdn-interwork"],
            UuiSetup(discriminator=0, purpose="isdn-uui"),
            "uui",
            ["ABC"],
        ),
        (
            "the raw header, whatever it is",
            ["00C8426613D31%3Bencoding%3Dhex"],
            OCTET,
            "header:User-to-User",
            ["00C8426613D31%3Bencoding%3Dhex"],
        ),
        ("the raw headers of several", ["00AA", "00BB, 00CC"], OCTET, "header:User-to-User", ["00AA", "00BB, 00CC"]),
    ],
)
def test_a_user_to_user_that_was_seen(
    origin: str, lines: list[str], setup: UuiSetup, locator: str, values: Sequence[str] | Refusal
) -> None:
    message = SipMessage("INVITE sip:a@h SIP/2.0", Headers(("User-To-User", line) for line in lines))
    read = reader_for(parse_locator(locator), Ways(Dialect.HEADERS, setup))
    found = read(Origin(message, CallFacts("", "", ""), ""))
    assert (found if isinstance(found, Refusal) else list(found)) == values
