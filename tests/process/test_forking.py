"""Before the answer: a callee that plays, rings and forks, and what the caller hears (RFC 3261, section 13.2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.process.daemon import DIRECTIONS, Gateway, Site, Tree
from tests.process.rtp import EVENT, PCMA, PCMU, RtpEnd, hear_each_other, hears, rtp_place, sdp_at
from tests.process.waiting import wait_until
from tests.process.wire import TAG, WirePeer, header, sdp, status, values

WHERE = pytest.mark.parametrize("direction", DIRECTIONS)


def configure(tree: Tree, site: Site) -> None:
    where = {"pbx": "header:X-Announcement", "twilio": "header:X-Announcement"}
    tree["context"]["fields"]["announcement"] = where | {"on": ["progress"]}


@dataclass
class Branch:
    """One of the phones that a proxy of the callee's side has called."""

    callee: WirePeer
    invite: str
    tag: str
    end: RtpEnd

    def __post_init__(self) -> None:
        self.end.to = rtp_place(self.invite)

    def say(self, line: str, *headers: str, media: bool = False) -> None:
        """A response of this phone, with SDP of its own or without."""
        body = sdp_at(self.end.place, sdp(self.end.place.host, f"{self.end.codec} {EVENT}")) if media else ""
        answer = self.callee.reply(self.invite, line, *headers, body=body)
        self.callee.send(answer.replace(f";tag={TAG}", f";tag={self.tag}"))


@dataclass
class Forked:
    """A call that is not answered yet."""

    caller: WirePeer
    callee: WirePeer
    invite: str
    near: RtpEnd
    branches: list[Branch]

    def told(self, code: int, count: int = 1) -> str:
        """The last of so many responses of this code that the caller got."""
        start = f"SIP/2.0 {code}"
        responses = wait_until(
            lambda: len(found := self.caller.received(start)) >= count and found, f"{count} responses {code}"
        )
        return responses[-1]

    def plays(self, code: int = 183) -> None:
        """The caller is told where to send its audio before the answer."""
        self.near.to = rtp_place(self.told(code))

    def talk_to(self, branch: Branch) -> None:
        """This one answered: it is in the dialog, and the call goes on until the caller hangs up."""
        final = self.caller.wait_for_final(self.invite)
        assert status(final) == 200
        self.near.to = rtp_place(final)
        self.caller.send(self.caller.in_dialog("ACK", self.invite, final))
        assert header(self.callee.wait_for("ACK"), "To").endswith(f";tag={branch.tag}")
        hear_each_other(self.near, branch.end)
        self.caller.send(self.caller.in_dialog("BYE", self.invite, final, 2))
        bye = self.callee.wait_for("BYE")
        assert header(bye, "To").endswith(f";tag={branch.tag}")
        self.callee.send(self.callee.reply(bye, "200 OK"))


@contextmanager
def forked(gateway: Gateway, direction: str, *tags: str) -> Iterator[Forked]:
    with ExitStack() as opened:
        caller = opened.enter_context(gateway.wire_caller(gateway.caller(direction)))
        callee = opened.enter_context(gateway.wire(gateway.callee(direction)))
        near, *far = (
            opened.enter_context(RtpEnd(host)) for host in [caller.place.host, *[callee.place.host] * len(tags)]
        )
        invite = caller.invite(body=sdp_at(near.place))
        caller.send(invite)
        placed = callee.wait_for("INVITE")
        branches = [Branch(callee, placed, tag, end) for tag, end in zip(tags, far, strict=True)]
        yield Forked(caller, callee, invite, near, branches)
        gateway.assert_outcomes(direction, "success/completed")
        named = [header(response, "To") for response in caller.received("SIP/2.0 18")]
        assert len(set(named)) == 1


@WHERE
def test_early_media_both_ways_and_its_context(gateway: Gateway, direction: str) -> None:
    with forked(gateway, direction, "a") as call:
        (phone,) = call.branches
        phone.say("183 Session Progress", "X-Announcement: closed", "X-Other: 1", media=True)
        call.plays()
        assert header(call.told(183), "X-Announcement") == "closed"
        assert "X-Other" not in call.told(183)
        hear_each_other(call.near, phone.end)
        phone.say("200 OK", media=True)
        call.talk_to(phone)


@WHERE
def test_ringing_after_early_media(gateway: Gateway, direction: str) -> None:
    """Each response goes on with what it says; what was heard is heard on."""
    with forked(gateway, direction, "a") as call:
        (phone,) = call.branches
        phone.say("183 Session Progress", "X-Announcement: wait", media=True)
        call.plays()
        hear_each_other(call.near, phone.end)
        phone.say("180 Ringing", "X-Announcement: ringing")
        assert values(call.told(180), "X-Announcement") == ["ringing"]
        hear_each_other(call.near, phone.end)
        phone.say("183 Session Progress", media=True)
        assert values(call.told(183, 2), "X-Announcement") == []
        phone.say("200 OK", media=True)
        call.talk_to(phone)


@WHERE
def test_phones_that_play_one_after_the_other(gateway: Gateway, direction: str) -> None:
    """The caller hears whoever spoke last, and talks to whoever answers: here the one that played first."""
    with forked(gateway, direction, "a", "b") as call:
        first, second = call.branches
        for phone in call.branches:
            phone.say("183 Session Progress", media=True)
            call.plays()
            hear_each_other(call.near, phone.end)
        first.end.forget()
        hears(second.end, call.near)
        assert first.end.received() == []
        first.say("200 OK", media=True)
        call.talk_to(first)


@WHERE
@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=["one codec", "two codecs"])
def test_one_plays_and_another_answers(gateway: Gateway, direction: str, codec: int) -> None:
    with forked(gateway, direction, "a", "b", "c") as call:
        plays, rings, answers = call.branches
        plays.say("183 Session Progress", media=True)
        call.plays()
        hear_each_other(call.near, plays.end)
        rings.say("180 Ringing")
        call.told(180)
        answers.end.codec = codec
        answers.say("200 OK", media=True)
        call.talk_to(answers)


@WHERE
def test_one_rings_and_another_plays(gateway: Gateway, direction: str) -> None:
    with forked(gateway, direction, "a", "b") as call:
        rings, plays = call.branches
        rings.say("180 Ringing")
        call.told(180)
        plays.say("183 Session Progress", "X-Announcement: mailbox", media=True)
        call.plays()
        assert header(call.told(183), "X-Announcement") == "mailbox"
        hear_each_other(call.near, plays.end)
        rings.say("200 OK", media=True)
        call.talk_to(rings)
