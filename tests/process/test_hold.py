"""Hold on a trunk with `hold: relay`: the other side is held too, and what is in the way of that ends no call."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.talk import Talk, talking
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, sdp, status

HELD = ("sendonly", "inactive")
OTHER = {"caller": "callee", "callee": "caller"}


def configure(tree: Tree, site: Site) -> None:
    for trunk in tree["trunks"].values():
        trunk["hold"] = "relay"


@pytest.fixture(params=["to_twilio", "to_pbx"])
def direction(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(gateway: Gateway, direction: str) -> Iterator[Talk]:
    """A call that must still be there at the end of the test."""
    with talking(gateway, direction) as talk:
        yield talk
        gateway.wait_for_talking()
        talk.hang_up()
        gateway.assert_outcomes(direction, "success/completed")


def offer(talk: Talk, by: str, method: str, number: int, body: str) -> None:
    """One side makes an offer inside the call, which is taken."""
    peer = talk.peer(by)
    request = carrying(talk.request(by, method, number), body=body)
    peer.send(request)
    assert status(peer.wait_for_final(request)) == 200
    if method == "INVITE":
        peer.send(talk.request(by, "ACK", number))


def offers(peer: WirePeer, after: str) -> list[str]:
    """The offers that a peer got inside the call, each once, `after` the INVITE that began it if that came here."""
    found = {header(invite, "CSeq"): invite for invite in peer.received("INVITE") if invite != after}
    return list(found.values())


def wait_for_offer(talk: Talk, to: str, count: int = 1) -> str:
    peer = talk.peer(to)
    return wait_until(lambda: len(found := offers(peer, talk.placed)) >= count and found, f"offer {count} to the {to}")[
        -1
    ]


def is_hold(message: str) -> bool:
    found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\r$", message, re.MULTILINE)
    return found is not None and found[1] in HELD


def take(talk: Talk, to: str, invite: str, direction: str, body: str = "") -> None:
    """Answer an offer of the gateway, and return when it knows."""
    peer = talk.peer(to)
    peer.send(peer.reply(invite, "200 OK", body=(body or sdp(peer.place.host)) + f"a={direction}\r\n"))
    number = header(invite, "CSeq").split()[0]
    wait_until(lambda: [ack for ack in peer.received("ACK") if header(ack, "CSeq").split()[0] == number], "its ACK")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize(
    "hold",
    [
        pytest.param(sdp("127.0.0.1") + "a=sendonly\r\n", id="sendonly"),
        pytest.param(sdp("127.0.0.1") + "a=inactive\r\n", id="inactive"),
        pytest.param(sdp("0.0.0.0"), id="RFC 2543"),
    ],
)
def test_hold_and_resume(talk: Talk, by: str, method: str, hold: str) -> None:
    other = OTHER[by]
    offer(talk, by, method, 10, hold)
    held = wait_for_offer(talk, other)
    assert is_hold(held)
    take(talk, other, held, "recvonly")
    offer(talk, by, method, 11, sdp("127.0.0.1"))
    resumed = wait_for_offer(talk, other, 2)
    assert not is_hold(resumed)
    take(talk, other, resumed, "sendrecv")


@pytest.mark.parametrize("by", ["caller", "callee"])
def test_offers_that_cross(talk: Talk, by: str) -> None:
    """RFC 3261, section 14.1: 491 on both sides, and ours is made again."""
    other = OTHER[by]
    peer = talk.peer(other)
    offer(talk, by, "INVITE", 10, sdp("127.0.0.1") + "a=sendonly\r\n")
    ours = wait_for_offer(talk, other)
    theirs = carrying(talk.request(other, "INVITE", 20), body=sdp("127.0.0.1"))
    peer.send(theirs)
    assert status(peer.wait_for_final(theirs)) == 491
    peer.send(talk.request(other, "ACK", 20))
    peer.send(peer.reply(ours, "491 Request Pending"))
    again = wait_for_offer(talk, other, 2)
    assert is_hold(again)
    take(talk, other, again, "recvonly")


@pytest.mark.parametrize("code", ["488 Not Acceptable Here", "500 Server Internal Error", "603 Decline"])
def test_an_offer_that_is_refused_leaves_the_call_as_it_was(talk: Talk, code: str) -> None:
    offer(talk, "caller", "INVITE", 10, sdp("127.0.0.1") + "a=sendonly\r\n")
    peer = talk.callee
    peer.send(peer.reply(wait_for_offer(talk, "callee"), code))
    offer(talk, "caller", "INVITE", 11, sdp("127.0.0.1"))
    take(talk, "callee", wait_for_offer(talk, "callee", 2), "sendrecv")


def test_an_offer_that_crosses_a_bye(gateway: Gateway) -> None:
    with talking(gateway, "to_twilio") as talk:
        offer(talk, "caller", "INVITE", 10, sdp("127.0.0.1") + "a=sendonly\r\n")
        ours = wait_for_offer(talk, "callee")
        bye = talk.request("callee", "BYE", 20)
        talk.callee.send(bye)
        assert status(talk.callee.wait_for_final(bye)) == 200
        talk.callee.send(talk.callee.reply(ours, "487 Request Terminated"))
        talk.caller.send(talk.caller.reply(talk.caller.wait_for("BYE"), "200 OK"))
        gateway.assert_outcomes("to_twilio", "success/completed")
