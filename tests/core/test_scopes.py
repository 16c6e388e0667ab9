"""Scopes: who sends what, which fields take part, and what is known of their arrival."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.contract import Contract, FieldProblem
from gateway.core.fields import Field
from gateway.core.locators import parse_locator
from gateway.core.plan import Dialect, TransferMode
from gateway.core.profiles import PROFILES
from gateway.core.scopes import Fate, Message, fate, messages, senders, takes_part
from gateway.core.terms import Direction, On, Side

TO_TWILIO, TO_PBX = Direction.TO_TWILIO, Direction.TO_PBX


def field(pbx: str | None, twilio: str | None, *on: On, **more: Any) -> Field:
    return Field("f", pbx and parse_locator(pbx), twilio and parse_locator(twilio), on=frozenset(on), **more)


@pytest.mark.parametrize(
    ("on", "of_to_twilio", "of_to_pbx"),
    [
        (On.INVITE, (Side.PBX,), (Side.TWILIO,)),
        (On.PROGRESS, (Side.TWILIO,), (Side.PBX,)),
        (On.ANSWER, (Side.TWILIO,), (Side.PBX,)),
        (On.END, (Side.PBX, Side.TWILIO), (Side.TWILIO, Side.PBX)),
        (On.REFER, (Side.PBX, Side.TWILIO), (Side.TWILIO, Side.PBX)),
    ],
)
def test_each_message_has_its_senders(on: On, of_to_twilio: tuple[Side, ...], of_to_pbx: tuple[Side, ...]) -> None:
    assert (senders(TO_TWILIO, on), senders(TO_PBX, on)) == (of_to_twilio, of_to_pbx)


def test_every_message_is_listed_once() -> None:
    listed = list(messages())
    assert len(listed) == len(set(listed)) == 14
    assert {(message.direction, message.on) for message in listed} == {(d, on) for d in Direction for on in On}


BOTH_WAYS = field("header:X-A", "header:X-A", On.INVITE, On.END)
FROM_TWILIO = field("var:ERROR", "header:X-Twilio-Error", On.ANSWER, On.END, direction=frozenset({TO_TWILIO}))
FROM_THE_PBX = field("sip:pai.user", "header:X-Agent", On.END)
NOWHERE = field("sip:pai.user", "const:x", On.END)


@pytest.mark.parametrize(
    ("one", "message", "expected"),
    [
        (BOTH_WAYS, Message(TO_PBX, On.INVITE, Side.TWILIO), True),
        (BOTH_WAYS, Message(TO_PBX, On.ANSWER, Side.PBX), False),
        (BOTH_WAYS, Message(TO_PBX, On.END, Side.PBX), True),
        (BOTH_WAYS, Message(TO_PBX, On.END, Side.TWILIO), True),
        (FROM_TWILIO, Message(TO_PBX, On.ANSWER, Side.PBX), False),
        (FROM_TWILIO, Message(TO_TWILIO, On.ANSWER, Side.TWILIO), True),
        (FROM_TWILIO, Message(TO_TWILIO, On.END, Side.TWILIO), True),
        (FROM_TWILIO, Message(TO_TWILIO, On.END, Side.PBX), False),
        (FROM_THE_PBX, Message(TO_TWILIO, On.END, Side.PBX), True),
        (FROM_THE_PBX, Message(TO_TWILIO, On.END, Side.TWILIO), False),
        (NOWHERE, Message(TO_TWILIO, On.END, Side.PBX), True),
        (NOWHERE, Message(TO_TWILIO, On.END, Side.TWILIO), True),
    ],
)
def test_a_field_goes_the_ways_it_has(one: Field, message: Message, expected: bool) -> None:
    assert takes_part(one, message) is expected


def problems(one: Field, message: Message, profile: str) -> list[FieldProblem]:
    return Contract((one,)).problems(*message, Dialect.ASTERISK, PROFILES[profile])


ON_END = "User-to-User on {} does not get through to the other side (profile sip-domain): use an X- header there"
ON_REFER = (
    "X-A on refer does not get through to the other side (profile elastic-trunk): "
    "carry it on invite, or transfer through a trunk with profile: sip-domain"
)


@pytest.mark.parametrize(
    ("one", "message", "profile", "text"),
    [
        (field("uui", "uui", On.PROGRESS), Message(TO_PBX, On.PROGRESS, Side.PBX), "sip-domain",
         ON_END.format("progress")),
        (field("uui", "uui", On.ANSWER), Message(TO_PBX, On.ANSWER, Side.PBX), "sip-domain", ON_END.format("answer")),
        (field("uui", "header:user-to-user", On.END), Message(TO_PBX, On.END, Side.PBX), "sip-domain",
         "user-to-user on end" + ON_END[len("User-to-User on {}"):]),
        (field("var:A", "header:X-A", On.REFER), Message(TO_TWILIO, On.REFER, Side.PBX), "elastic-trunk", ON_REFER),
        (field("var:A", "header:X-A", On.REFER), Message(TO_PBX, On.REFER, Side.PBX), "elastic-trunk", ON_REFER),
    ],
)  # fmt: skip
def test_what_is_known_to_get_lost_is_refused(one: Field, message: Message, profile: str, text: str) -> None:
    assert problems(one, message, profile) == [FieldProblem("f", "twilio", text)]


@pytest.mark.parametrize(
    ("one", "message", "profile"),
    [
        (field("uui", "uui", On.END), Message(TO_TWILIO, On.END, Side.PBX), "sip-domain"),
        (field("uui", "uui", On.ANSWER), Message(TO_TWILIO, On.ANSWER, Side.TWILIO), "pbx"),
        (field("uui", "uui", On.REFER), Message(TO_TWILIO, On.REFER, Side.PBX), "sip-domain"),
        (field("var:A", "header:X-A", On.ANSWER), Message(TO_PBX, On.ANSWER, Side.PBX), "sip-domain"),
        (field("var:A", "header:X-A", On.ANSWER), Message(TO_PBX, On.ANSWER, Side.PBX), "elastic-trunk"),
        (FROM_TWILIO, Message(TO_TWILIO, On.END, Side.PBX), "sip-domain"),
        (FROM_TWILIO, Message(TO_TWILIO, On.END, Side.TWILIO), "pbx"),
    ],
)
def test_what_is_not_known_to_get_lost_is_not(one: Field, message: Message, profile: str) -> None:
    assert problems(one, message, profile) == []


READ_ONLY = "const:x can be read and not written: say direction: to_pbx, or use header: var: or uui"


def test_a_field_without_a_way_is_refused_both_ways() -> None:
    assert [one.text for one in problems(NOWHERE, Message(TO_TWILIO, On.END, Side.PBX), "sip-domain")] == [READ_ONLY]
    assert [one.key for one in problems(NOWHERE, Message(TO_TWILIO, On.END, Side.TWILIO), "pbx")] == ["pbx"]


@pytest.mark.parametrize(
    ("one", "message", "profile", "expected"),
    [
        (BOTH_WAYS, Message(TO_PBX, On.ANSWER, Side.PBX), "sip-domain", Fate.NONE),
        (BOTH_WAYS, Message(TO_TWILIO, On.INVITE, Side.PBX), "sip-domain", Fate.ARRIVES),
        (BOTH_WAYS, Message(TO_TWILIO, On.INVITE, Side.PBX), "elastic-trunk", Fate.UNKNOWN),
        (BOTH_WAYS, Message(TO_TWILIO, On.END, Side.PBX), "sip-domain", Fate.UNKNOWN),
        (BOTH_WAYS, Message(TO_PBX, On.END, Side.PBX), "sip-domain", Fate.ARRIVES),
        (field("uui", "uui", On.END), Message(TO_PBX, On.END, Side.PBX), "sip-domain", Fate.UNREAD),
        (field(None, "header:X-A", On.INVITE), Message(TO_TWILIO, On.INVITE, Side.PBX), "sip-domain", Fate.NONE),
        (
            field(None, "header:X-A", On.INVITE, default="1"),
            Message(TO_TWILIO, On.INVITE, Side.PBX),
            "sip-domain",
            Fate.ARRIVES,
        ),
        (field("header:X-A", None, On.INVITE), Message(TO_TWILIO, On.INVITE, Side.PBX), "sip-domain", Fate.RECORD),
    ],
)
def test_what_becomes_of_a_field_is_known_or_not(one: Field, message: Message, profile: str, expected: Fate) -> None:
    assert fate(one, message, Dialect.ASTERISK, PROFILES[profile]) is expected


@pytest.mark.parametrize(
    ("message", "profile", "transfer", "expected"),
    [
        (Message(TO_TWILIO, On.REFER, Side.PBX), "sip-domain", TransferMode.LOCAL, Fate.ARRIVES),
        (Message(TO_PBX, On.REFER, Side.PBX), "sip-domain", TransferMode.LOCAL, Fate.ARRIVES),
        (Message(TO_PBX, On.REFER, Side.PBX), "elastic-trunk", TransferMode.LOCAL, Fate.UNKNOWN),
        (Message(TO_TWILIO, On.REFER, Side.TWILIO), "freeswitch", TransferMode.LOCAL, Fate.ARRIVES),
        (Message(TO_TWILIO, On.REFER, Side.TWILIO), "cisco-cube", TransferMode.LOCAL, Fate.UNKNOWN),
        (Message(TO_PBX, On.REFER, Side.PBX), "sip-domain", TransferMode.RELAY, Fate.ARRIVES),
        (Message(TO_PBX, On.REFER, Side.PBX), "elastic-trunk", TransferMode.RELAY, Fate.UNREAD),
        (Message(TO_PBX, On.REFER, Side.PBX), "sip-domain", TransferMode.REJECT, Fate.NONE),
    ],
)
def test_a_transfer_is_an_invite_of_ours_or_what_the_trunk_says(
    message: Message, profile: str, transfer: TransferMode, expected: Fate
) -> None:
    one = field("header:X-A", "header:X-A", On.REFER)
    assert fate(one, message, Dialect.ASTERISK, PROFILES[profile], transfer) is expected


def test_each_scope_is_there_once_with_its_source() -> None:
    for profile in PROFILES.values():
        keys = [(scope.direction, scope.on) for scope in profile.scopes]
        assert len(keys) == len(set(keys))
        assert all(scope.source for scope in profile.scopes)
