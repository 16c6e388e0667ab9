"""What all calls share: the account, its book, its clients, its conferences; places calls to whoever can be called."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from gateway.lab.agent import Order
from gateway.lab.twilio.alerts import Alert, advise
from gateway.lab.twilio.book import Book, Call
from gateway.lab.twilio.clients import Clients
from gateway.lab.twilio.conferences import Conferences
from gateway.lab.twilio.legs import Ended, QuietLeg
from gateway.lab.twilio.messages import Headers
from gateway.lab.twilio.parameters import API_VERSION, Params
from gateway.lab.twilio.settings import TwilioLab
from gateway.lab.twilio.sip_side import SipLeg, SipSide
from gateway.lab.twilio.target import Target
from gateway.lab.twilio.webhooks import Webhooks

TWILIO_HOST = "sip.twilio.com"
"""Host of the From of Twilio's calls; nobody can choose it."""
STATUS_BY_CODE = {486: "busy", 600: "busy", 480: "no-answer", 408: "no-answer", 487: "canceled"}
PICK_UP_SECONDS = 0.2
"""How long a simulated telephone rings."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for whom: `user` goes into From, `display` beside it, `parent` is the call that dials."""

    user: str
    direction: str
    parent: str = ""
    display: str = ""


class Exchange:
    """The account at work. Everything runs on one event loop."""

    def __init__(self, settings: TwilioLab) -> None:
        self.settings = settings
        self.sid = settings.account.sid
        self.book = Book()
        self.clients = Clients()
        self.conferences = Conferences()
        self.webhooks = Webhooks(settings.account.auth_token, self.book)
        self.sip: SipSide | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Do something beside everything else."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def keep(self, call: Call) -> Call:
        """Put a call into the book and see to its end."""
        call.leg.ended.add_done_callback(lambda done: self._over(call, done.result()))
        return self.book.add(call)

    def params(self, call: Call) -> Params:
        """What every request about a call carries."""
        params = {
            "CallSid": call.sid,
            "AccountSid": self.sid,
            "CallStatus": call.status,
            "ApiVersion": API_VERSION,
            "Direction": call.direction,
            "From": call.caller,
            "To": call.to,
            "Caller": call.caller,
            "Called": call.to,
        }
        return params | ({"ParentCallSid": call.parent} if call.parent else {})

    def place_sip(self, target: Target, caller: Caller, credentials: tuple[str, str] = ("", "")) -> Call:
        """Call a SIP URI."""
        assert self.sip is not None
        call = Call(caller.direction, target.uri, caller.user, QuietLeg(), caller.parent, status="ringing")
        name = f'"{caller.display}" ' if caller.display else ""
        headers: Headers = (
            ("X-Twilio-CallSid", call.sid),
            ("X-Twilio-AccountSid", self.sid),
            *target.headers,
        )
        user = caller.user.removeprefix("client:")
        leg = self.sip.place(Order(target.uri, headers, f"{name}<sip:{user}@{TWILIO_HOST}>", *credentials))
        call.leg, call.invite = leg, headers
        for alert in target.alerts:
            self.book.complain(alert, call)
        self.book.complain(advise(dict(target.headers), f"the INVITE to {target.uri}"), call)
        return self.keep(call)

    def place_client(self, identity: str, parameters: Params, caller: Caller) -> Call:
        """Call a Voice SDK client."""
        call = Call(caller.direction, f"client:{identity}", caller.user, QuietLeg(), caller.parent, status="ringing")
        self.book.complain(advise(parameters, f"the call to client:{identity}"), call)
        call.custom = dict(parameters)
        leg = self.clients.ring(identity, call.sid, caller.user, parameters)
        if leg is None:
            self.book.complain(Alert(32009, f"client:{identity}"), call)
            leg = QuietLeg()
            leg.was_ended(480)
        call.leg = leg
        return self.keep(call)

    def place_number(self, number: str, caller: Caller) -> Call:
        """Call a telephone, which does what the configuration says."""
        leg = QuietLeg()
        call = self.keep(Call(caller.direction, number, caller.user, leg, caller.parent, status="ringing"))
        habit = self.settings.numbers.get(number, "answers")
        if habit == "answers":
            asyncio.get_running_loop().call_later(PICK_UP_SECONDS, leg.was_answered)
        elif habit == "is busy":
            leg.was_ended(486)
        return call

    def _over(self, call: Call, ended: Ended) -> None:
        call.last_word = ended.headers
        call.sip_code = ended.code
        answered = call.leg.answered.done()
        call.was_ended("completed" if answered else STATUS_BY_CODE.get(ended.code, "failed"))
        if call.status_url:
            params = {**self.params(call), "CallDuration": str(call.seconds)}
            self.spawn(self.webhooks.tell(call, call.status_url, params))

    async def close(self) -> None:
        """End what runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.webhooks.close()


def sip_leg(call: Call) -> SipLeg | None:
    """The leg of a call that is SIP."""
    return call.leg if isinstance(call.leg, SipLeg) else None
