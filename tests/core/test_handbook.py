"""The contract for the developer of the Twilio application: what it says, and that its escapes are right."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

from gateway.core.contract import Contract
from gateway.core.fields import Field, FieldType, Sensitivity
from gateway.core.handbook import build_handbook
from gateway.core.locators import parse_locator
from gateway.core.profiles import PROFILES
from gateway.core.terms import Direction, On, Side
from gateway.core.transforms import Lookup
from gateway.core.uri import parse_uri
from gateway.core.uui import UuiFormat, UuiSetup

PROFILE = PROFILES["sip-domain"]
TO_PBX = frozenset({Direction.TO_PBX})


def field(name: str, twilio: str | None, **more: Any) -> Field:
    return Field(name, parse_locator("header:X-In"), twilio and parse_locator(twilio), **more)


FIELDS = (
    field("customer", "header:X-Customer", default="a&b=<é>", required=True, max_bytes=64),
    field("queue", "header:X-Queue", type=FieldType.ENUM, values=("a|b", "c`d")),
    field("account", "uui:account"),
    field("number", "uui:number", type=FieldType.INTEGER),
    field("pin", "header:X-Pin", sensitivity=Sensitivity.SECRET, default="7xq9", max_bytes=4),
    field("sid", "header:X-Twilio-CallSid", direction=TO_PBX),
    field("caller", "sip:from.user", direction=TO_PBX),
    field("name", "header:P-Preferred-Identity", direction=TO_PBX),
    field("result", "header:X-Result", on=frozenset({On.ANSWER, On.END}), direction=TO_PBX),
    field("noted", None),
)
TEXT = build_handbook(Contract(FIELDS, {Side.TWILIO: UuiSetup(UuiFormat.JSON)}), PROFILE)
UUI = "7B226163636F756E74223A226578616D706C65222C226E756D626572223A34327D;encoding=hex"


def section(title: str) -> list[str]:
    part = next(part for part in TEXT.split("\n## ") if part.startswith(title))
    return [line for line in part.splitlines() if line.startswith("| ")][2:]


def test_every_field_is_told() -> None:
    rows = section("Fields")
    assert rows[0] == "| customer | text | `a&b=<é>` | 64 | yes | public | to_twilio, to_pbx |"
    assert rows[1] == "| queue | enum: a\\|b, c`d | `a\\|b` |  |  | public | to_twilio, to_pbx |"
    assert len(rows) == len(FIELDS)


def test_every_webhook_parameter_is_told() -> None:
    rows = section("Calls from the PBX")
    assert rows[0] == (
        "| customer | `SipHeader_X-Customer` | `a&b=<é>` | `{{trigger.call.SipHeader_X-Customer}}` "
        "| `{{SipHeader_X-Customer}}` |"
    )
    assert rows[-1].startswith(f"| account, number | `SipHeader_User-to-User` | `{UUI}` |")
    assert section("The PBX answers") == ["| result | `SipHeader_X-Result` | `example` |"]
    assert section("The PBX ends") == ["| result | `DialSipHeader_X-Result` | `example` |"]


def test_what_twilio_alone_can_write_is_told() -> None:
    assert section("Calls to the PBX: headers that") == ["| sid | `X-Twilio-CallSid` |"]


def sent() -> tuple[tuple[str, str], ...]:
    """The headers that the document tells to send."""
    return (
        ("X-Customer", "a&b=<é>"),
        ("X-Queue", "a|b"),
        ("X-Pin", "exam"),
        ("P-Preferred-Identity", "example"),
        ("User-to-User", UUI),
    )


def test_twiml_says_what_it_means() -> None:
    twiml = re.search(r"```xml\n(.*?)```", TEXT, re.DOTALL)
    assert twiml is not None
    uri = ElementTree.fromstring(twiml[1]).findtext("./Dial/Sip")
    assert uri is not None
    assert parse_uri(uri).headers == sent()
    assert re.fullmatch(r"[!-~]+", uri)


def test_the_rest_api_gets_what_it_means() -> None:
    form = re.search(r"```\n(To=.*?)\n```", TEXT)
    assert form is not None
    assert parse_uri(parse_qs(form[1])["To"][0]).headers == sent()
    assert "%253C" in form[1]


def test_no_private_default_is_told() -> None:
    assert "7xq9" not in TEXT


def test_a_trunk_that_cannot_send_headers_is_told_nothing_about_it() -> None:
    text = build_handbook(Contract((FIELDS[0],)), PROFILES["elastic-trunk"])
    assert "SIP URI" not in text
    assert "SipHeader" not in text


def test_a_far_end_without_a_limit_of_bytes_is_told_none() -> None:
    assert "800 bytes" in TEXT
    assert "bytes at most together" not in build_handbook(Contract(FIELDS[:1]), replace(PROFILE, bytes_total=None))


def test_an_example_has_no_more_headers_than_fit() -> None:
    long = tuple(field(f"f{n}", f"header:X-{n}", default="v" * 120) for n in range(12))
    text = build_handbook(Contract(long), PROFILE)
    twiml = re.search(r"<Sip>(.*?)</Sip>", text)
    assert twiml is not None
    query = twiml[1].replace("&amp;", "&").partition("?")[2]
    assert 900 < len(query) < 1024


def test_the_limits_of_what_is_sent_are_told() -> None:
    assert "The URI has under 255 characters, its headers under 1024, both with their escapes." in TEXT


def test_a_looked_up_value_is_told_as_it_arrives_and_as_it_is_sent() -> None:
    table = Lookup((("1", "basic"), ("2", "premium")))
    text = build_handbook(Contract((field("plan", "header:X-Plan", transform=(table,)),)), PROFILE)
    assert "| plan | `SipHeader_X-Plan` | `basic` |" in text
    assert "| plan | `X-Plan` | `X-Plan=1` |" in text


def test_a_contract_that_only_reads_has_nothing_to_send() -> None:
    one = field("customer", "header:X-Customer", direction=frozenset({Direction.TO_TWILIO}))
    assert "Calls to the PBX" not in build_handbook(Contract((one,)), PROFILE)


def test_formats_of_user_to_user_have_examples() -> None:
    keyed = (field("ucid", "uui:ucid"), field("data", "uui:data"))
    avaya = UuiSetup(UuiFormat.AVAYA, discriminator=0)
    assert "`00FA080019001038F725B3C8076578616D706C65;encoding=hex`" in build_handbook(
        Contract(keyed, {Side.TWILIO: avaya}), PROFILE
    )
    whole = Contract((field("all", "uui"),), {Side.TWILIO: avaya})
    assert "`00C80141;encoding=hex`" in build_handbook(whole, PROFILE)
    assert "`6578616D706C65;encoding=hex`" in build_handbook(Contract((field("all", "uui"),)), PROFILE)


def test_transfers_are_told_both_ways() -> None:
    refer = frozenset({On.REFER})
    fields = (
        field("reason", "header:X-Reason", on=refer),
        field("note", "header:X-Note", on=refer, direction=TO_PBX),
        field("sid", "header:X-Twilio-CallSid", on=refer),
    )
    text = build_handbook(Contract(fields), PROFILE)
    arrivals, sending = text.partition("## The PBX transfers a call to Twilio")[2].split("\n## ")
    assert [line for line in arrivals.splitlines() if line.startswith("| ")][2:] == [
        "| reason | `SipHeader_X-Reason` | `example` |",
        "| note | `SipHeader_X-Note` | `example` |",
    ]
    twiml = re.search(r"```xml\n(.*?)```", sending, re.DOTALL)
    assert twiml is not None
    uri = ElementTree.fromstring(twiml[1]).findtext("./Refer/Sip")
    assert uri is not None
    assert parse_uri(uri).headers == (("X-Reason", "example"), ("X-Note", "example"))
