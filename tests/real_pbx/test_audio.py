"""What the two sides hear when a phone of a real Asterisk holds Twilio's call, or gives it to another phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from gateway.lab.driver import Call, Phone, read_headers
from tests.process.hearing import assert_hears
from tests.real_pbx.exchange import MUSIC_HZ, Exchange

TWILIO_HZ, ALICE_HZ, BOB_HZ = 440, 880, 1100


class Phones(NamedTuple):
    twilio: Phone
    alice: Phone
    bob: Phone


@pytest.fixture(scope="module")
def phones(office: Exchange) -> Iterator[Phones]:
    """Twilio's side, and two phones of the office."""
    places, folder = office.office, office.office.folder
    with (
        Phone.start("twilio", places.twilio.host, folder, places.twilio.port) as twilio,
        Phone.start("alice", places.alice.host, folder, places.alice.port) as alice,
        Phone.start("bob", places.bob.host, folder, places.bob.port) as bob,
    ):
        yield Phones(twilio, alice, bob)


def talk(exchange: Exchange, phones: Phones) -> tuple[Call, Call]:
    """Twilio calls Alice, who answers; both ends."""
    placed = phones.twilio.call(f"sip:alice@{exchange.office.gateway}", [("X-CustomerID", "1")])
    taken = take(phones.alice, ALICE_HZ)
    placed.expect("audio")
    placed.play(TWILIO_HZ)
    assert_hears(placed, ALICE_HZ)
    assert_hears(taken, TWILIO_HZ)
    return placed, taken


def take(phone: Phone, hz: int) -> Call:
    """Answer the next call there, and play a tone into it."""
    call = phone.expect_call()
    call.answer(200)
    call.expect("confirmed")
    call.expect("audio")
    call.play(hz)
    return call


def await_transfer(asking: Call) -> None:
    """Until Asterisk says that it is done."""
    while not (told := asking.expect("referred"))["final"]:
        pass
    assert told["code"] == 200


def end(exchange: Exchange, placed: Call, other: Call) -> None:
    placed.hangup()
    other.expect("ended")
    placed.expect("ended")
    exchange.gateway.assert_outcomes("to_pbx", "success/completed")


def test_twilio_hears_the_music_of_a_hold(exchange: Exchange, phones: Phones) -> None:
    placed, taken = talk(exchange, phones)
    taken.hold()
    assert_hears(placed, MUSIC_HZ)
    taken.hold(False)
    taken.expect("audio")
    assert_hears(placed, ALICE_HZ)
    assert_hears(taken, TWILIO_HZ)
    end(exchange, placed, taken)


def test_both_hear_each_other_after_a_blind_transfer(exchange: Exchange, phones: Phones) -> None:
    placed, taken = talk(exchange, phones)
    assert taken.refer(f"<sip:bob@{exchange.office.pbx}>") == 202
    target = take(phones.bob, BOB_HZ)
    await_transfer(taken)
    taken.hangup()
    taken.expect("ended")
    assert_hears(placed, BOB_HZ)
    assert_hears(target, TWILIO_HZ)
    end(exchange, placed, target)


def test_both_hear_each_other_after_an_attended_transfer(exchange: Exchange, phones: Phones) -> None:
    placed, taken = talk(exchange, phones)
    taken.hold()
    asked = phones.alice.call(f"sip:bob@{exchange.office.pbx}")
    target = take(phones.bob, BOB_HZ)
    answer = dict(read_headers(str(asked.expect("answered")["message"])))
    tags = [answer[name].rpartition(";tag=")[2] for name in ("To", "From")]
    replaces = f"{asked.call_id}%3Bto-tag%3D{tags[0]}%3Bfrom-tag%3D{tags[1]}"
    assert taken.refer(f"<sip:bob@{exchange.office.pbx}?Replaces={replaces}>") == 202
    await_transfer(taken)
    taken.hangup()
    taken.expect("ended")
    asked.expect("ended")
    assert_hears(placed, BOB_HZ)
    assert_hears(target, TWILIO_HZ)
    end(exchange, placed, target)
