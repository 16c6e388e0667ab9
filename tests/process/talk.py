"""A call by hand that is up: for tests that speak inside it, and for those that need another call beside theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.process.daemon import Gateway
from tests.process.wire import WirePeer


@dataclass(frozen=True)
class Talk:
    """Both peers and what it takes to speak in their dialogs with the gateway."""

    caller: WirePeer
    callee: WirePeer
    invite: str
    answer: str
    placed: str
    """The INVITE that the callee got."""

    def request(self, by: str, method: str, number: int) -> str:
        """A request of the `caller` or the `callee` in its dialog; `number` is its CSeq."""
        if by == "caller":
            return self.caller.in_dialog(method, self.invite, self.answer, number)
        return self.callee.in_dialog_of_callee(method, self.placed, number)

    def peer(self, name: str) -> WirePeer:
        return self.caller if name == "caller" else self.callee

    def hang_up(self) -> None:
        """The caller ends it, which reaches the callee."""
        self.caller.send(self.request("caller", "BYE", 90))
        self.callee.send(self.callee.reply(self.callee.wait_for("BYE"), "200 OK"))


@contextmanager
def talking(
    gateway: Gateway, direction: str, offer: str | None = None, answer_sdp: str = "", headers: Iterable[str] = ()
) -> Iterator[Talk]:
    """A call that is answered and confirmed. Whoever asks for it hangs up."""
    with gateway.wire_caller(gateway.caller(direction)) as caller, gateway.wire(gateway.callee(direction)) as callee:
        yield talk_between(gateway, caller, callee, caller.invite(*headers, body=offer), answer_sdp)


def talk_between(gateway: Gateway, caller: WirePeer, callee: WirePeer, invite: str, answer_sdp: str = "") -> Talk:
    """The same between peers that the test has made."""
    caller.send(invite)
    placed = callee.wait_for("INVITE")
    callee.answer(placed, answer_sdp)
    answer = caller.wait_for("SIP/2.0 200")
    caller.send(caller.in_dialog("ACK", invite, answer))
    gateway.wait_for_talking()
    return Talk(caller, callee, invite, answer, placed)
