"""The User-to-User payload: the RFCs' forms, the forms in the wild, and writing what reading undoes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.refusal import Refusal
from gateway.core.uui import DiscriminatorPlace, UuiEncoding, UuiFormat, UuiSetup, build_uui, parse_uui

PLAIN = UuiSetup()
WITH_OCTET = UuiSetup(discriminator=0)
ASCII = UuiSetup(encoding=UuiEncoding.ASCII)
IN_PD = UuiSetup(discriminator=4, discriminator_in=DiscriminatorPlace.PD)
NOT_HEX = Refusal("User-to-User says encoding=hex and is not pairs of hex digits")

RFC_PAYLOAD = bytes.fromhex("56a390f3d2b7310023a2").decode("utf-8", "surrogateescape")


def several(count: int) -> Refusal:
    return Refusal(f"{count} User-to-User values of the same purpose, none can be told to be the right one")


@pytest.mark.parametrize(
    ("name", "setup", "values", "payload"),
    [
        ("no header", PLAIN, [], None),
        ("empty header", PLAIN, [""], None),
        ("RFC 7433 example", PLAIN, ["56a390f3d2b7310023a2;encoding=hex;purpose=foo;content=bar"], RFC_PAYLOAD),
        ("quotes around hex", PLAIN, ['"414243";encoding=hex'], "ABC"),
        ("parameters in any case", PLAIN, ["414243 ; ENCODING = Hex ;Purpose=ISDN-UUI"], "ABC"),
        ("parameter in quotes", PLAIN, ['414243;encoding="hex"'], "ABC"),
        ("hex in either case", PLAIN, ["4a4B;encoding=hex"], "JK"),
        ("no parameters, hex", PLAIN, ["414243"], "ABC"),
        ("no parameters, text", PLAIN, ["hello"], "hello"),
        ("no parameters, odd number of digits", PLAIN, ["41424"], "41424"),
        ("no parameters, side speaks ascii", ASCII, ["414243"], "414243"),
        ("first octet taken off", WITH_OCTET, ["00414243;encoding=hex"], "ABC"),
        ("first octet taken off, whatever it is", WITH_OCTET, ["04414243;encoding=hex"], "ABC"),
        ("nothing but the first octet", WITH_OCTET, ["00;encoding=hex"], ""),
        ("discriminator in pd", WITH_OCTET, ["414243;pd=04;encoding=hex"], "ABC"),
        ("discriminator in the data where pd was agreed on", IN_PD, ["04414243;encoding=hex"], "ABC"),
        ("discriminator in pd, as agreed on", IN_PD, ["414243;pd=04;encoding=hex"], "ABC"),
        ("first octet kept", PLAIN, ["00414243;encoding=hex"], "\x00ABC"),
        (
            "IVR behind an Avaya",
            WITH_OCTET,
            ["003132333435363738207c2030376662333036352d;encoding=hex;purpose=isdn-uui;content=isdn-uui"],
            "12345678 | 07fb3065-",
        ),
        ("ascii", ASCII, ["q=queue;t=direction;encoding=ascii;purpose=isdn-uui"], "q=queue;t=direction"),
        (
            "ascii with blanks and a discriminator",
            UuiSetup(encoding=UuiEncoding.ASCII, discriminator=0),
            ["00ATX-GeoLocation= 43.98~-92.46 ;Lang= en;encoding=ascii;purpose=isdn-uui;content=isdn-uui"],
            "ATX-GeoLocation= 43.98~-92.46 ;Lang= en",
        ),
        ("ascii without the discriminator", UuiSetup(encoding=UuiEncoding.ASCII, discriminator=0), ["hello"], "hello"),
        ("quoted text", ASCII, ['"a, b;encoding=hex";encoding=ascii'], "a, b;encoding=hex"),
        ("text ending like a parameter in quotes", ASCII, ['"a;pd=1"'], "a;pd=1"),
        ("unknown parameter is data", PLAIN, ["a;b=c;encoding=ascii"], "a;b=c"),
        ("parameter without a value is data", PLAIN, ["a;encoding"], "a;encoding"),
        ("last of two equal parameters", PLAIN, ["4142;encoding=ascii;encoding=hex"], "AB"),
        ("unknown encoding is opaque", WITH_OCTET, ["414243;encoding=base64"], "414243"),
        ("leaked escapes", PLAIN, ["414243%3Bencoding%3dhex"], "ABC"),
        ("escapes beside a semicolon are data", PLAIN, ["a%3Bb;encoding=ascii"], "a%3Bb"),
        ("leaked escapes, odd length", PLAIN, ["00C8426613D31%3Bencoding%3Dhex"], NOT_HEX),
        ("not hex", PLAIN, ["hexdata;encoding=hex"], NOT_HEX),
        ("empty data", PLAIN, [";encoding=hex"], ""),
        ("two in one line", PLAIN, ["00AA;encoding=hex, 00BB;encoding=hex"], several(2)),
        ("in two lines", PLAIN, ["00AA;encoding=hex", "00BB;encoding=hex, 00CC;encoding=hex"], several(3)),
        ("no purpose is isdn-uui", PLAIN, ["4142", "4344;purpose=isdn-interwork"], several(2)),
        ("ours among other purposes", PLAIN, ["4142;purpose=foo", "4344"], "CD"),
        ("none of ours among several", PLAIN, ["4142;purpose=foo", "4344;purpose=bar"], None),
        ("the purpose of the setup", UuiSetup(purpose="foo"), ["4142;purpose=FOO", "4344"], "AB"),
        ("another purpose than the setup's", UuiSetup(purpose="foo"), ["4344"], None),
        ("the old name of the purpose", UuiSetup(purpose="isdn-uui"), ["4344;purpose=isdn-interwork"], "CD"),
    ],
)
def test_a_payload_is_read(name: str, setup: UuiSetup, values: list[str], payload: str | None | Refusal) -> None:
    assert parse_uui(values, setup) == payload


@pytest.mark.parametrize(
    ("setup", "payload", "header"),
    [
        (PLAIN, "customer:1234", "637573746F6D65723A31323334;encoding=hex"),
        (PLAIN, "é", "C3A9;encoding=hex"),
        (PLAIN, "", ";encoding=hex"),
        (WITH_OCTET, "ABC", "00414243;encoding=hex"),
        (
            UuiSetup(discriminator=4, purpose="isdn-uui", content="isdn-uui"),
            "A",
            "0441;encoding=hex;purpose=isdn-uui;content=isdn-uui",
        ),
        (IN_PD, "Hi there.", "48692074686572652E;pd=04;encoding=hex"),
        (IN_PD, "", ";pd=04;encoding=hex"),
        (UuiSetup(discriminator_in=DiscriminatorPlace.PD), "A", "41;encoding=hex"),
        (ASCII, "token-1", "token-1;encoding=ascii"),
        (ASCII, 'a "b"; c', '"a \\"b\\"; c";encoding=ascii'),
        (UuiSetup(encoding=UuiEncoding.ASCII, discriminator=4), "a b", '"04a b";encoding=ascii'),
    ],
)
def test_a_payload_is_written(setup: UuiSetup, payload: str, header: str) -> None:
    assert build_uui(payload, setup) == header


SETUPS = st.builds(
    UuiSetup,
    st.just(UuiFormat.TEXT),
    st.sampled_from(UuiEncoding),
    st.none() | st.integers(0, 255),
    st.sampled_from([None, "isdn-uui", "foo"]),
    st.sampled_from([None, "isdn-uui", "bar"]),
    st.sampled_from(DiscriminatorPlace),
)


@given(SETUPS, st.binary(max_size=40))
def test_a_written_payload_is_read_as_itself(setup: UuiSetup, data: bytes) -> None:
    payload = data.decode("utf-8", "surrogateescape")
    assert parse_uui([build_uui(payload, setup)], setup) == payload


@given(SETUPS, st.lists(st.text(st.characters()) | st.text('00A4;,"=% encodighxpur', max_size=40), max_size=4))
def test_any_header_is_a_payload_or_a_reason(setup: UuiSetup, values: list[str]) -> None:
    assert isinstance(parse_uui(values, setup), str | None | Refusal)


@pytest.mark.parametrize("piece", [";pd=1", ";", '"', "00", "%3B", ",", ';pd="', ";pd ", " "])
@pytest.mark.timeout(20)
def test_hostile_user_to_user_takes_linear_time(piece: str) -> None:
    text = piece * (65536 // len(piece))
    for value in (text, f"{text};encoding=hex", f"{text}x"):
        assert parse_uui([value], PLAIN) != "\x00"
