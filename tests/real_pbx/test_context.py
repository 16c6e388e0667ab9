"""Context between channel variables of a real Asterisk and headers at Twilio; audio and digits of the same calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.lab.driver import Call, Phone
from gateway.lab.tone import LOUDNESS_DBFS
from tests.process.daemon import DIRECTIONS
from tests.process.waiting import wait_until
from tests.real_pbx.exchange import Exchange

VALUES = {
    "plain": "C-4711",
    "quotes": 'alice, "the" agent; #42 %',
    "a variable of the dialplan": "${CHANNEL(name)} ${GATEWAY_IN} $[1+1] ${SHELL(touch /tmp/evil)}",
    "what ends an argument": "a,b|c&d^e)f(g]h[i}j{k",
    "escapes": "\\n\\r %0d%0aX-Evil: 1 \\; \\,",
    "UTF-8": "Zoë Müller 東京 🙂",
    "3,900 bytes": "0123456789" * 390,
}
"""What the dialplan must hand on and never look at."""
CALL_SID = "CA0123456789abcdef0123456789abcdef"
TONE_HZ = {"caller": 440, "callee": 880}
DIGITS = "5#0"


@pytest.fixture(scope="module")
def telephones(office: Exchange) -> Iterator[tuple[Phone, Phone]]:
    """Twilio's side, and a phone of the office."""
    places, folder = office.office, office.office.folder
    with (
        Phone.start("twilio", places.twilio.host, folder, places.twilio.port) as twilio,
        Phone.start("alice", places.alice.host, folder, places.alice.port) as alice,
    ):
        yield twilio, alice


@contextmanager
def talking(
    exchange: Exchange, telephones: tuple[Phone, Phone], direction: str, headers: dict[str, str], answer: dict[str, str]
) -> Iterator[tuple[Call, Call]]:
    """An answered call between Twilio and the phone, both ends, the caller's first; hung up at the end."""
    twilio, alice = telephones
    places = exchange.office
    if direction == "to_twilio":
        caller, callee, uri = alice, twilio, f"sip:8+15550100@{places.pbx}"
    else:
        caller, callee, uri = twilio, alice, f"sip:alice@{places.gateway}"
    placed = caller.call(uri, headers.items())
    taken = callee.expect_call()
    taken.answer(200, answer.items())
    for end in (placed, taken):
        end.expect("confirmed")
    yield placed, taken
    placed.hangup()
    taken.expect("ended")
    placed.expect("ended")
    exchange.gateway.assert_outcomes(direction, "success/completed")


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_of_twilio_becomes_a_variable(exchange: Exchange, telephones: tuple[Phone, Phone], value: str) -> None:
    headers = {"X-CustomerID": "C-4711", "X-SelectedProductID": value, "X-Twilio-CallSid": CALL_SID}
    with talking(exchange, telephones, "to_pbx", headers, {}) as (_, taken):
        arrived, phone = exchange.ari.channel("gateway"), exchange.ari.channel("alice")
        for channel in (arrived, phone):  # the phone's inherits them
            assert exchange.ari.variable(channel, "PRODUCT_ID") == value
            assert exchange.ari.variable(channel, "CUSTOMER_ID") == "C-4711"
            assert exchange.ari.variable(channel, "TWILIO_CALL_SID") == CALL_SID
        [call] = exchange.gateway.active_calls()
        assert arrived["protocol_id"] == call["outbound_call_id"]
        assert "x-pbx-" not in taken.invite.lower()  # the PBX keeps to itself what is its own


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_variable_arrives_at_twilio(exchange: Exchange, telephones: tuple[Phone, Phone], value: str) -> None:
    known = {"X-Know-Customer": "C-4711", "X-Know-Product": value}
    answer = {"X-Twilio-CallSid": CALL_SID}
    with talking(exchange, telephones, "to_twilio", known, answer) as (_, taken):
        headers = dict(taken.headers)
        assert headers["X-SelectedProductID"] == value
        assert headers["X-CustomerID"] == "C-4711"
        channel = exchange.ari.channel("alice")
        assert wait_until(lambda: exchange.ari.variable(channel, "TWILIO_CALL_SID"), "the answer's CallSid") == CALL_SID


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_audio_and_digits(exchange: Exchange, telephones: tuple[Phone, Phone], direction: str) -> None:
    with talking(exchange, telephones, direction, {"X-Know-Customer": "1", "X-CustomerID": "1"}, {}) as (placed, taken):
        placed.play(TONE_HZ["caller"])
        taken.play(TONE_HZ["callee"])
        for end in (placed, taken):
            end.expect("audio")
            end.listen()
        for end, other in ((placed, "callee"), (taken, "caller")):
            tone = end.tone()
            assert tone is not None and tone.is_like(TONE_HZ[other], LOUDNESS_DBFS)
        placed.press(DIGITS)
        taken.press(DIGITS[::-1])
        assert taken.expect_digits(len(DIGITS)) == DIGITS
        assert placed.expect_digits(len(DIGITS)) == DIGITS[::-1]
