"""Twilio's side of a REFER: one of two who talk through `<Dial referUrl>` asks that the other be sent elsewhere.

By Twilio's document (Inbound SIP REFER to Twilio): 202, then `referUrl` is asked with the whole Refer-To, and its TwiML
is for who was referred. Without a `referUrl` it is error 13802. What it answers then is not documented; here it is 603.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.book import Book, Call
from gateway.lab.twilio.exchange import sip_leg
from gateway.lab.twilio.parameters import Params
from gateway.lab.twilio.sip_side import SipLeg
from gateway.lab.twilio.verbs import Dial

TARGET_CHARACTERS = 256
"""Twilio: Refer-To has at most so many."""
GOODBYE_SECONDS = 32.0
"""How long Twilio waits for the BYE of who asked."""
DECLINED, TOO_LONG = 603, 400


@dataclass(frozen=True, slots=True)
class Referral:
    """`by` asks that `call` be sent to `target`, the whole of Refer-To."""

    by: SipLeg
    call: Call
    target: str

    @property
    def params(self) -> Params:
        """What `referUrl` is given besides what every request carries."""
        return {"ReferTransferTarget": self.target}

    async def report(self, code: int) -> None:
        """The last NOTIFY, and the end of who asked."""
        self.by.notify_refer(code)
        await asyncio.wait((self.by.ended,), timeout=GOODBYE_SECONDS)
        self.by.hang_up()


class Referrals:
    """What two who talk ask for; `first` is the only one that is followed."""

    def __init__(self, verb: Dial, book: Book) -> None:
        self._verb = verb
        self._book = book
        self.first: asyncio.Future[Referral] = asyncio.get_running_loop().create_future()

    def watch(self, one: Call, other: Call) -> None:
        """Listen to both."""
        for asks, stays in ((one, other), (other, one)):
            leg = sip_leg(asks)
            if leg:
                leg.on_refer = partial(self._take, leg, asks, stays)

    def _take(self, leg: SipLeg, asks: Call, stays: Call, target: str) -> None:
        if self._verb.refer is None:
            self._book.complain(Alert(13802, f"REFER to {target[:40]!r}"), asks)
            leg.answer_refer(DECLINED)
        elif len(target) > TARGET_CHARACTERS:
            leg.answer_refer(TOO_LONG)
        elif self.first.done():
            leg.answer_refer(DECLINED)
        else:
            leg.answer_refer(202)
            self.first.set_result(Referral(leg, stays, target))
