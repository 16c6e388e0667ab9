"""Two telephones on loopback, driven as the demo and the process tests drive them: no gateway between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.lab.driver import Call, LabError, Phone, read_headers
from gateway.lab.phone import Lines


@dataclass(frozen=True)
class Pair:
    alice: Phone
    bob: Phone

    def ring(self, headers: tuple[tuple[str, str], ...] = (), caller: str = "") -> tuple[Call, Call]:
        """A call from alice that rings at bob."""
        placed = self.alice.call(self.bob.uri, headers, caller)
        return placed, self.bob.expect_call()

    def talk(self) -> tuple[Call, Call]:
        """A call with audio."""
        ends = self.ring()
        ends[1].answer()
        for end in ends:
            end.expect("audio")
            end.expect("confirmed")
        return ends


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("phones")
    alice, bob = Phone.start("alice", "127.0.0.2", folder), Phone.start("bob", "127.0.0.3", folder)
    yield Pair(alice, bob)
    assert (alice.stop(), bob.stop()) == (0, 0)


def end(*calls: Call) -> None:
    calls[0].hangup()
    for call in calls:
        call.expect("ended")
    for phone in {call.phone for call in calls}:
        assert {event["event"] for event in phone.seen()} <= {"answered", "audio", "confirmed", "progress"}


def test_headers_arrive_as_they_were_given(phones: Pair) -> None:
    given = (
        ("X-CustomerID", "C-4711"),
        ("x-lower", 'a "quoted"; value, with = all'),
        ("X-Name", "Zoë"),
        ("X-Long", "x" * 5000),
    )
    placed, arrived = phones.ring(given, '"Ada L." <sip:+15551230100@pbx.example>')
    assert [pair for pair in arrived.headers if pair in given] == list(given)
    assert dict(arrived.headers)["From"].startswith('"Ada L." <sip:+15551230100@pbx.example>;tag=')
    assert arrived.invite.startswith(f"INVITE {phones.bob.uri} SIP/2.0\r\n")
    end(placed, arrived)


def test_media_stays_on_the_addresses_of_the_phones(phones: Pair) -> None:
    placed, arrived = phones.ring()
    arrived.answer()
    answer = str(placed.expect("answered")["message"])
    assert "c=IN IP4 127.0.0.2" in arrived.invite
    assert "c=IN IP4 127.0.0.3" in answer
    for call in (placed, arrived):
        call.expect("audio")
        call.expect("confirmed")
    end(placed, arrived)


def test_each_side_hears_the_tone_of_the_other(phones: Pair) -> None:
    placed, arrived = phones.talk()
    placed.play(440)
    arrived.play(1000, dbfs=-20)
    placed.listen()
    arrived.listen()
    heard, heard_there = placed.tone(), arrived.tone()
    assert heard is not None
    assert heard_there is not None
    assert heard.is_like(1000, -20)
    assert heard_there.is_like(440, -12)
    end(placed, arrived)


def test_nothing_is_heard_of_a_side_that_plays_nothing(phones: Pair) -> None:
    placed, arrived = phones.talk()
    placed.listen(0.3)
    assert placed.tone() is None
    end(placed, arrived)


def test_a_tone_that_was_asked_for_early_waits_for_the_audio(phones: Pair) -> None:
    placed, arrived = phones.ring()
    arrived.play(700)
    arrived.answer(183)
    assert placed.expect("progress")["code"] == 183
    placed.expect("audio")
    placed.listen(0.5)
    heard = placed.tone()
    assert heard is not None
    assert heard.is_like(700, -12)
    placed.hangup()
    assert (placed.expect("ended")["code"], arrived.expect("ended")["code"]) == (487, 487)


def test_digits_travel_both_ways(phones: Pair) -> None:
    placed, arrived = phones.talk()
    placed.press("159#")
    arrived.press("0*")
    assert arrived.expect_digits(4) == "159#"
    assert placed.expect_digits(2) == "0*"
    end(placed, arrived)


def test_ringing_and_answering_carry_headers(phones: Pair) -> None:
    placed, arrived = phones.ring()
    arrived.answer(180, [("X-Ringing", "1")])
    ringing = placed.expect("progress")
    assert ringing["code"] == 180
    assert ("X-Ringing", "1") in read_headers(str(ringing["message"]))
    arrived.answer(200, [("X-Answered", "2")])
    assert ("X-Answered", "2") in read_headers(str(placed.expect("answered")["message"]))
    for call in (placed, arrived):
        call.expect("audio")
        call.expect("confirmed")
    end(arrived, placed)


def test_who_is_hung_up_on_sees_the_bye(phones: Pair) -> None:
    placed, arrived = phones.talk()
    arrived.hangup(headers=[("X-Disposition", "sold")])
    bye = str(placed.expect("ended")["message"])
    assert bye.startswith("BYE ")
    assert ("X-Disposition", "sold") in read_headers(bye)
    assert arrived.expect("ended")["message"] is None


def test_a_refusal_carries_its_code_and_headers(phones: Pair) -> None:
    placed, arrived = phones.ring()
    arrived.answer(486, [("X-Why", "at lunch")])
    ended = placed.expect("ended")
    assert (ended["code"], ended["reason"]) == (486, "Busy Here")
    assert ("X-Why", "at lunch") in read_headers(str(ended["message"]))
    arrived.expect("ended")


def test_a_call_that_is_given_up_while_it_rings(phones: Pair) -> None:
    placed, arrived = phones.ring()
    placed.hangup()
    assert arrived.expect("ended")["code"] == 487
    assert placed.expect("ended")["code"] == 487


def test_two_calls_at_a_time_are_kept_apart(phones: Pair) -> None:
    first, second = phones.ring((("X-N", "1"),)), phones.ring((("X-N", "2"),))
    second[1].answer(486)
    assert second[0].expect("ended")["code"] == 486
    first[0].hangup()
    assert first[0].expect("ended")["code"] == 487
    assert (first[1].number, second[1].number) == (second[1].number - 1, first[1].number + 1)
    for _, arrived in (first, second):
        arrived.expect("ended")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ({"do": "dance", "call": 1}, "KeyError('dance')"),
        ({"do": "answer", "call": 999}, "no such call"),
        ({"do": "answer"}, "KeyError('call')"),
        ({"do": "answer", "call": "one"}, "not a whole number"),
        ({"do": "call", "uri": "not a uri"}, "Invalid Request URI"),
        ({"do": "call", "uri": "sip:127.0.0.3", "headers": "X-A: b"}, "headers must be a list"),
    ],
    ids=["unknown", "no such call", "nothing named", "no number", "no uri", "no headers"],
)
def test_a_command_that_makes_no_sense_is_told(phones: Pair, command: dict[str, object], reason: str) -> None:
    phones.alice.tell(**command)
    with pytest.raises(LabError, match="^alice: .*failed") as error:
        phones.alice.expect("anything")
    assert reason in str(error.value)


def test_there_is_nothing_to_record_before_there_is_audio(phones: Pair) -> None:
    placed, arrived = phones.ring()
    placed.listen()
    with pytest.raises(LabError, match="no audio yet"):
        placed.sound()
    end(placed, arrived)


def test_waiting_in_vain_says_what_happened_instead(phones: Pair) -> None:
    placed, arrived = phones.ring()
    arrived.answer(180)
    with pytest.raises(LabError, match=r"^alice: no 'answered' within 0.5 s; it reported: progress$"):
        placed.expect("answered", 0.5)
    placed.expect("progress")
    end(placed, arrived)


def test_stopping_a_phone_hangs_up_its_calls(phones: Pair, tmp_path: Path) -> None:
    with Phone.start("carol", "127.0.0.4", tmp_path) as carol:
        carol.call(phones.bob.uri)
        arrived = phones.bob.expect_call()
        assert carol.stop() == 0
        assert arrived.expect("ended")["code"] == 487


def test_a_phone_that_cannot_have_its_address_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="^dave: the telephone is gone") as error:
        Phone.start("dave", "192.0.2.1", tmp_path)
    assert str(error.value).endswith("\n  log: no telephone at 192.0.2.1 port 0: Cannot assign requested address")


def test_a_phone_that_is_gone_is_noticed(tmp_path: Path) -> None:
    phone = Phone.start("erin", "127.0.0.5", tmp_path)
    assert phone.stop() == 0
    with pytest.raises(LabError, match="erin: the telephone is gone"):
        phone.call("sip:127.0.0.3")


def test_a_phone_that_crashed_is_noticed(tmp_path: Path) -> None:
    with Phone.start("frank", "127.0.0.6", tmp_path) as phone:
        phone._process.kill()
        phone._process.wait()
        with pytest.raises(LabError, match="frank: the telephone is gone"):
            phone.call("sip:127.0.0.3")
        with pytest.raises(LabError, match="frank: the telephone is gone; it reported: nothing"):
            phone.expect_call()


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ([b"one\n"], [[b"one"]]),
        ([b"one\ntwo\n"], [[b"one", b"two"]]),
        ([b"on", b"e\ntw", b"o\n"], [[], [b"one"], [b"two"]]),
        ([b"\n"], [[b""]]),
    ],
)
def test_lines_are_whole_however_they_arrive(written: list[bytes], lines: list[list[bytes]]) -> None:
    reading, writing = os.pipe()
    source = Lines(reading)
    assert source.read() == []
    for chunk, expected in zip(written, lines, strict=True):
        os.write(writing, chunk)
        assert source.read() == expected
    assert not source.ended
    os.close(writing)
    assert source.read() == []
    assert source.ended
    os.close(reading)


def test_headers_are_read_folded_and_in_order() -> None:
    message = "INVITE sip:a SIP/2.0\r\nX-A: 1\r\nX-B:  two\r\n  lines\r\nx-a:3\r\nEmpty:\r\n\r\nX-Body: no\r\n"
    assert read_headers(message) == [("X-A", "1"), ("X-B", "two  lines"), ("x-a", "3"), ("Empty", "")]
