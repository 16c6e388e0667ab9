"""Transfers that the other side is asked to do: REFER goes there, and what it tells of it comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.process.daemon import Gateway, Site, Tree
from tests.process.transfers import Transfer, transferring
from tests.process.wire import WirePeer, carrying, header, status

TARGET = "sip:2000@elsewhere.example"


def configure(tree: Tree, site: Site) -> None:
    for trunk in tree["trunks"].values():
        trunk["transfer"] = "relay"
    for name, priority in (("X-Queue", 20), ("X-Note", 10)):
        place = f"header:{name}"
        field = {"pbx": place, "twilio": place, "on": ["refer"], "priority": priority}
        tree["context"]["fields"][name.removeprefix("X-").lower()] = field


class Asked:
    """The other side, which was asked for a transfer."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.peer: WirePeer = transfer.other
        self._number = 40

    def refer(self) -> str:
        return self.peer.wait_for("REFER")

    def answer(self, line: str) -> None:
        self.peer.send(self.peer.reply(self.refer(), line))

    def tell(self, line: str, state: str = "active;expires=60") -> str:
        """Send NOTIFY; its answer."""
        self._number += 1
        talk, by = self.transfer.talk, self.transfer.stays
        headers = ("Event: refer", f"Subscription-State: {state}")
        request = talk.request(by, "NOTIFY", self._number)
        notify = carrying(request, *headers, body=f"SIP/2.0 {line}\r\n", kind="message/sipfrag;version=2.0")
        self.peer.send(notify)
        return self.peer.wait_for_final(notify)


def begin(transfer: Transfer, target: str = TARGET, *headers: str) -> str:
    """Send REFER, and do not wait for its answer."""
    request = carrying(transfer.talk.request(transfer.by, "REFER", 21), f"Refer-To: <{target}>", *headers)
    transfer.asks.send(request)
    return request


@pytest.fixture(params=["caller", "callee"])
def transfer(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Transfer]:
    with transferring(gateway, request.param) as transfer:
        yield transfer


def test_the_other_side_does_it_and_both_are_left(gateway: Gateway, transfer: Transfer) -> None:
    request, other = begin(transfer), Asked(transfer)
    home = gateway.twilio.place if transfer.by == "caller" else gateway.pbx.place
    assert header(other.refer(), "Refer-To") == f"<sip:2000@{home}>"
    other.answer("202 Accepted")
    assert status(transfer.asks.wait_for_final(request)) == 202
    assert status(other.tell("180 Ringing")) == 200
    transfer.wait_until_told("100 Trying", "180 Ringing")
    assert status(other.tell("200 OK", "terminated;reason=noresource")) == 200
    transfer.wait_until_told("100 Trying", "180 Ringing", "200 OK")
    transfer.is_hung_up_on()
    other.peer.send(other.peer.reply(other.peer.wait_for("BYE"), "200 OK"))
    (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
    assert line["transfers"] == {"completed": 1}
    assert gateway.counted("gateway_transfers_total", mode="relay", result="completed") == 1


@pytest.mark.parametrize(("line", "code"), [("603 Decline", 603), ("405 Method Not Allowed", 502), ("404 X", 404)])
def test_the_other_side_does_not_take_it_on(gateway: Gateway, transfer: Transfer, line: str, code: int) -> None:
    request, other = begin(transfer), Asked(transfer)
    other.answer(line)
    assert status(transfer.asks.wait_for_final(request)) == code
    gateway.wait_for_talking()
    transfer.talk.hang_up()
    gateway.assert_outcomes("to_twilio", "success/completed")
    assert transfer.told() == []


def test_the_other_side_fails(gateway: Gateway, transfer: Transfer) -> None:
    """It tells before it answers, as NOTIFY may overtake a 202."""
    request, other = begin(transfer), Asked(transfer)
    other.refer()
    assert status(other.tell("100 Trying")) == 200
    assert status(transfer.asks.wait_for_final(request)) == 202
    other.answer("202 Accepted")
    assert status(other.tell("486 Busy Here", "terminated;reason=noresource")) == 200
    transfer.wait_until_told("100 Trying", "100 Trying", "486 Busy Here")
    gateway.wait_for_talking()
    transfer.talk.hang_up()
    (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
    assert line["transfers"] == {"failed": 1}


def test_who_asked_leaves_before_it_is_known(gateway: Gateway, transfer: Transfer) -> None:
    request, other = begin(transfer), Asked(transfer)
    other.answer("202 Accepted")
    assert status(transfer.asks.wait_for_final(request)) == 202
    transfer.leave(transfer.by)
    other.peer.send(other.peer.reply(other.peer.wait_for("BYE"), "200 OK"))
    (line,) = gateway.assert_outcomes("to_twilio", "success/completed")
    assert line["transfers"] == {"abandoned": 1}
    assert status(other.tell("200 OK", "terminated;reason=noresource")) == 481


def test_context_goes_behind_refer_to(gateway: Gateway) -> None:
    with transferring(gateway, "caller") as transfer:
        note = "n" * 210
        request = begin(
            transfer,
            f"{TARGET};maddr={gateway.pbx.place.host}?X-Queue=re%20pairs&X-Private=1",
            f"X-Note: {note}",
            "X-Else: 1",
        )
        other = Asked(transfer)
        assert header(other.refer(), "Refer-To") == f"<sip:2000@{other.peer.place}?X-Queue=re%20pairs>"
        other.answer("603 Decline")
        assert status(transfer.asks.wait_for_final(request)) == 603
        (call,) = gateway.wait_for_talking()
        receipt = gateway.ask(f"/calls/{call['id']}")["receipt"]
        carried = {entry["field"]: entry["outcome"] for entry in receipt if entry["on"] == "refer"}
        assert carried == {"queue": "sent", "note": "dropped"}
        transfer.talk.hang_up()
        gateway.assert_outcomes("to_twilio", "success/completed")
