"""What Twilio can send to us: names, characters with their escapes, and what no application can have it send."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.fields import Field, FieldType
from gateway.core.locators import parse_locator
from gateway.core.profile import Characters
from gateway.core.profiles import PROFILES
from gateway.core.refusal import Refusal
from gateway.core.scopes import Message
from gateway.core.sending import (
    build_sip_uri,
    percent,
    refer_problems,
    refer_room,
    sending_problems,
    sending_room,
    unsent_fields,
)
from gateway.core.sizes import Room
from gateway.core.terms import Direction, On, Side
from gateway.core.uri import parse_uri
from gateway.core.uui import UuiEncoding, UuiFormat, UuiSetup

PROFILE = PROFILES["sip-domain"]
assert PROFILE.sends is not None
SENDS = replace(PROFILE.sends, headers_characters=40)
SMALL = replace(PROFILE, sends=SENDS)
TO_PBX = frozenset({Direction.TO_PBX})


def field(name: str, twilio: str | None, **more: Any) -> Field:
    more = {"direction": TO_PBX} | more
    return Field(name, parse_locator("var:A"), twilio and parse_locator(twilio), **more)


@pytest.mark.parametrize(("value", "escaped"), [("Az09-_.~", "Az09-_.~"), ("a b;é\udcff", "a%20b%3B%C3%A9%FF")])
def test_all_but_letters_digits_and_marks_is_escaped(value: str, escaped: str) -> None:
    assert percent(value) == escaped


@pytest.mark.parametrize(
    "twilio",
    [
        "header:X-A", "header:x-a", "header:user-to-user", "uui", "header:Remote-Party-ID", "header:P-Called-Party-ID",
        "header:X-Twilio-CallSid", "header:Diversion", "header:P-Asserted-Identity", "header:Call-ID", "sip:from.user",
        "const:a", None,
    ],
)  # fmt: skip
def test_a_name_that_twilio_sends_is_no_problem(twilio: str | None) -> None:
    assert list(sending_problems([field("a", twilio)], PROFILE)) == []


NAMES = "X-*, User-to-User, Remote-Party-ID, P-Preferred-Identity, P-Called-Party-ID"


@pytest.mark.parametrize("name", ["Subject", "Call-Info", "History-Info"])
def test_a_name_that_twilio_does_not_send_is_a_problem(name: str) -> None:
    (problem,) = sending_problems([field("a", f"header:{name}")], PROFILE)
    assert (problem.field, problem.key) == ("a", "twilio")
    assert problem.text == f"{name} cannot come from Twilio: in a URI it takes {NAMES} (profile sip-domain)"


def test_a_name_that_cannot_go_there_either_is_told_once() -> None:
    both = field("a", "header:Subject", direction=frozenset(Direction))
    assert list(sending_problems([both], PROFILE)) == []
    only_there = replace(both, direction=frozenset({Direction.TO_TWILIO}))
    assert list(sending_problems([only_there], PROFILE)) == []
    taken = replace(PROFILE, name="own", allowed=("Subject",))
    assert len(list(sending_problems([both], taken))) == 1


def test_a_far_end_that_is_not_known_to_send_anything_has_no_problems() -> None:
    assert list(sending_problems([field("a", "header:Subject")], PROFILES["elastic-trunk"])) == []


@pytest.mark.parametrize(
    ("more", "least"),
    [
        ({}, 1),
        ({"type": FieldType.INTEGER}, 1),
        ({"type": FieldType.E164}, len("%2B1")),
        ({"type": FieldType.UUID}, 32),
        ({"type": FieldType.ENUM, "values": ("é", "long value")}, len("%C3%A9")),
    ],
)
def test_required_fields_that_have_no_room_at_all_are_a_problem(more: dict[str, Any], least: int) -> None:
    one = field("a", f"header:X-{'n' * (40 - len('X-=&') - least)}", required=True, **more)
    (problem,) = sending_problems([one, field("b", "header:X-B", required=True)], SMALL)
    assert problem.field == "a"
    assert problem.text == (
        "the required fields up to here take 40 characters at least in the headers of a SIP URI, "
        "and Twilio sends fewer than 40 (profile sip-domain)"
    )
    assert list(sending_problems([replace(one, required=False)], SMALL)) == []
    assert list(sending_problems([replace(one, default="1")], SMALL)) == []


def test_required_fields_are_counted_together() -> None:
    fields = [field(name, f"header:X-{name * 15}", required=True) for name in "abc"]
    assert [problem.field for problem in sending_problems(fields, SMALL)] == ["b"]
    assert list(sending_problems([field("a", "uui", required=True), fields[0]], SMALL)) == []


def test_the_room_counts_escapes() -> None:
    fields = [
        field("a", "header:X-A", max_bytes=3),
        field("b", "header:X-B", type=FieldType.E164),
        field("c", "header:X-C"),
        field("d", "header:X-D", max_bytes=12),
        field("sid", "header:X-Twilio-CallSid"),
    ]
    a, b, d = (len("X-A=&") + size for size in (9, len("%2B") + 15, 36))
    assert sending_room(fields, UuiSetup(), SENDS) == Room(
        ("a", "b", "c", "d"), ("a", "b", "d"), ("c",), ("d",), a + b + d
    )


@pytest.mark.parametrize(
    ("setup", "twilio", "written"),
    [
        (UuiSetup(), "uui", "FFFF%3Bencoding%3Dhex"),
        (UuiSetup(UuiFormat.KV), "uui:k", "6B3D253235253235%3Bencoding%3Dhex"),
        (UuiSetup(encoding=UuiEncoding.ASCII), "uui", "%22%5C%22%5C%22%22%3Bencoding%3Dascii"),
    ],
)
def test_the_room_of_user_to_user_is_that_of_its_escaped_header(setup: UuiSetup, twilio: str, written: str) -> None:
    assert sending_room([field("a", twilio, max_bytes=2)], setup, SENDS).total == len("User-to-User=&") + len(written)


def test_what_no_application_can_have_twilio_put_into_its_messages() -> None:
    back = {"direction": frozenset({Direction.TO_TWILIO}), "on": frozenset({On.ANSWER, On.END})}
    fields = [
        field("agent", "header:X-Agent", **back),
        field("sid", "header:X-Twilio-CallSid", **back),
        field("cause", "header:Reason", **back),
        field("noted", None, **back),
        field("queue", "header:X-Queue"),
    ]
    assert list(unsent_fields(fields, SENDS)) == [
        (Message(Direction.TO_TWILIO, On.ANSWER, Side.TWILIO), "agent"),
        (Message(Direction.TO_TWILIO, On.END, Side.TWILIO), "agent"),
    ]


def test_a_uri_with_headers_is_read_as_it_was_meant() -> None:
    headers = (("X-A", "a&b=c;%~"), ("User-to-User", "41;encoding=hex"))
    built = build_sip_uri("sip:1@h;transport=tls", headers, PROFILE.sends or SENDS)
    assert built == "sip:1@h;transport=tls?X-A=a%26b%3Dc%3B%25~&User-to-User=41%3Bencoding%3Dhex"
    assert parse_uri(str(built)).headers == headers
    assert build_sip_uri("sip:1@h", (), SENDS) == "sip:1@h"


@pytest.mark.parametrize(
    ("uri", "headers", "reason"),
    [
        ("sip:1@h", [("Subject", "a")], f"Subject would not be sent by Twilio: it takes {NAMES}"),
        ("sip:1@h", [("X-Twilio-A", "a")], f"X-Twilio-A would not be sent by Twilio: it takes {NAMES}"),
        ("sip:1@h", [("X-A", "a\nb")], "X-A would not be sent by Twilio: the value has a control character"),
        ("sip:1@h", [("X-A", "é")], "X-A would not be sent by Twilio: the value has other characters than ASCII"),
        (f"sip:{'1' * 249}@h", [], "the SIP URI would have 255 characters, and Twilio takes fewer than 255"),
        ("sip:1@h", [("X-A", ";" * 12)],
         "the headers of the SIP URI would have 40 characters, and Twilio takes fewer than 40"),
    ],
)  # fmt: skip
def test_a_uri_that_twilio_would_not_take_is_none(uri: str, headers: list[tuple[str, str]], reason: str) -> None:
    assert build_sip_uri(uri, headers, SENDS) == Refusal(reason)


def test_another_profile_takes_other_characters() -> None:
    any_text = replace(SENDS, characters=Characters.UTF8)
    assert build_sip_uri("sip:1@h", [("X-A", "é")], any_text) == "sip:1@h?X-A=%C3%A9"
    longest = f"sip:{'1' * 248}@h"
    assert build_sip_uri(longest, [("X-A", ";" * 11)], SENDS) == f"{longest}?X-A={'%3B' * 11}"


REFERRED = {"on": frozenset({On.REFER}), "direction": frozenset(Direction)}


def test_a_relayed_refer_has_the_room_of_its_uri() -> None:
    fields = [
        field("a", "header:X-A", max_bytes=3, **REFERRED),
        field("b", "header:X-B", **REFERRED),
        field("noted", None, **REFERRED),
        field("other", "header:X-C", max_bytes=9),
    ]
    found = refer_room(fields, UuiSetup(), PROFILE.sends or SENDS)
    assert found == Room(("a", "b"), ("a",), ("b",), (), len("X-A=&") + 9)


def test_required_fields_without_room_in_a_relayed_refer_are_a_problem() -> None:
    one = field("a", f"header:X-{'n' * 251}", required=True, **REFERRED)
    (problem,) = refer_problems([one], PROFILE)
    assert problem.text == (
        "the required fields up to here take 256 characters at least in Refer-To, and Twilio takes 256 of it with its "
        "URI (profile sip-domain)"
    )
    assert list(refer_problems([replace(one, required=False)], PROFILE)) == []
    assert list(refer_problems([one], PROFILES["elastic-trunk"])) == []
