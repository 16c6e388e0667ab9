"""A call one side of which asks for a transfer, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.places import Place, own_host
from tests.process.talk import Talk, talking
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer, carrying, header, status

NOWHERE = Place(own_host(), 5060)
"""A host that no trunk names: what a transfer says of hosts counts for nothing."""
BOTH = pytest.mark.parametrize("by", ["caller", "callee"])


def configure(tree: Tree, site: Site) -> None:
    """Calls go to numbers of four digits, and the other side knows them by another number."""
    tree["routes"] = [
        {"from": "pbx", "match": "^(service|[0-9]{4})$", "to": "twilio", "user": "+1555\\1"},
        {"from": "twilio", "match": "^(service|[0-9]{4})$", "to": "pbx", "user": "1\\1"},
    ]
    on = ["invite", "refer"]
    tree["context"]["fields"]["queue"] = {"pbx": "header:X-Queue", "twilio": "header:X-Queue", "on": on}


class Transfer:
    """A call, one side of which asks for a transfer to the other's world; `near` is the place of the caller's."""

    def __init__(self, gateway: Gateway, talk: Talk, by: str, near: WirePeer) -> None:
        self.gateway = gateway
        self.talk = talk
        self.by = by
        self.stays = "callee" if by == "caller" else "caller"
        self.asks, self.other = talk.peer(by), talk.peer(self.stays)
        self.near = near
        self.place = talk.callee if by == "caller" else near
        """Where the target is called."""
        self._number = 20

    def refer(self, target: str = f"sip:2000@{NOWHERE}", *headers: str) -> str:
        """Send REFER; its final response."""
        self._number += 1
        request = carrying(self.talk.request(self.by, "REFER", self._number), f"Refer-To: <{target}>", *headers)
        self.asks.send(request)
        return self.asks.wait_for_final(request)

    def target(self, *known: str) -> str:
        """The INVITE that the target gets, besides those that are known."""
        return another_invite(self.place, self.talk.placed, *known)

    def told(self) -> list[tuple[str, str]]:
        """What the NOTIFYs so far say, each of which is answered: the status, and the state of the subscription."""
        for notify in self.asks.received("NOTIFY"):
            if header(notify, "Via") not in self.asks.settled:
                self.asks.send(self.asks.reply(notify, "200 OK"))
        return self.statuses()

    def statuses(self) -> list[tuple[str, str]]:
        """The same, answered or not."""
        said: dict[str, tuple[str, str]] = {}
        for notify in self.asks.received("NOTIFY"):
            line = notify.rpartition("\r\n\r\n")[2].strip()
            said[header(notify, "CSeq")] = line.removeprefix("SIP/2.0 "), header(notify, "Subscription-State")
        return list(said.values())

    def wait_until_told(self, *lines: str) -> None:
        """Wait until the NOTIFYs say this, of which a final status ends the subscription."""
        wait_until(lambda: len(self.told()) >= len(lines), f"{lines} are told")
        told = self.told()
        assert [line for line, _ in told] == list(lines)
        states = [state.partition(";")[0] for _, state in told]
        assert states == ["active" if line.startswith("1") else "terminated" for line in lines]

    def is_hung_up_on(self) -> None:
        """Who asked gets BYE."""
        self.asks.send(self.asks.reply(self.asks.wait_for("BYE"), "200 OK"))

    def leave(self, who: str) -> None:
        """One of the two hangs up."""
        bye = self.talk.request(who, "BYE", 90)
        peer = self.talk.peer(who)
        peer.send(bye)
        assert status(peer.wait_for_final(bye)) == 200


def another_invite(place: WirePeer, *known: str) -> str:
    """An INVITE that is none of those that are known."""
    ids = {header(one, "Call-ID") for one in known}

    def others() -> list[str]:
        return [one for one in place.received("INVITE") if header(one, "Call-ID") not in ids]

    return wait_until(others, "an INVITE")[0]


@contextmanager
def transferring(
    gateway: Gateway, by: str, *headers: str, direction: str = "to_twilio", **audio: str
) -> Iterator[Transfer]:
    """A call in that direction, and where its caller's side is called."""
    near = gateway.wire(gateway.caller(direction))
    with near as place, talking(gateway, direction, headers=headers, **audio) as talk:
        yield Transfer(gateway, talk, by, place)
