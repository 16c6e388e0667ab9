"""The SIP stack of the stand-in on a thread of its own, and its legs as the event loop sees them.

The stack's thread only carries out what the loop puts into a queue, and hands each event to the loop; so every call is
looked at on the loop alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable

import pjsua2 as pj

from gateway.lab.agent import Agent, Event, LabCall, Order, call_settings
from gateway.lab.tone import LOUDNESS_DBFS
from gateway.lab.twilio.legs import Ended, Leg, Referred
from gateway.lab.twilio.messages import Headers, Message, read_message

POLL_SECONDS = 0.01
START_SECONDS = 20.0

log = logging.getLogger(__name__)


class SipLeg:
    """One SIP call."""

    def __init__(self, side: SipSide, number: int, invite: Message | None = None, source: str = "") -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.invite = invite
        """The INVITE that arrived; None for a call that was placed."""
        self.source = source
        self.call_id = invite.header("Call-ID") if invite else ""
        self.answered: asyncio.Future[Headers] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()
        self.on_ring: Callable[[], None] = lambda: None
        self.on_refer: Callable[[str], None] = lambda target: self.answer_refer(603)
        self._referred: asyncio.Future[Referred] | None = None
        self._refer_answer = 0
        self._cancelled = False
        self._side = side

    def ring(self) -> None:
        """180, while nobody has answered."""
        if not self.answered.done():
            self._do(lambda call: call.answer(call_settings((), 180)))

    def answer(self) -> None:
        """200."""
        if not self.answered.done() and not self.ended.done():
            self.answered.set_result(())
            self._do(lambda call: call.answer(call_settings((), 200)))

    def hang_up(self, code: int = 0, headers: Headers = ()) -> None:
        """BYE, CANCEL or a refusal."""
        if not self.ended.done():
            self._cancelled = True
            self._do(lambda call: call.hangup(call_settings(headers, code)))

    def link(self, other: Leg) -> None:
        """Let both hear each other."""
        if isinstance(other, SipLeg):
            self._side.ask(lambda agent: agent.link(self.number, other.number))
        else:
            other.link(self)

    def unlink(self, other: Leg) -> None:
        """End what `link` began."""
        if isinstance(other, SipLeg):
            self._side.ask(lambda agent: agent.unlink(self.number, other.number))
        else:
            other.unlink(self)

    def play(self, hz: int) -> None:
        """A tone, 0 for silence."""
        self._do(lambda call: call.play(hz, LOUDNESS_DBFS) if hz else call.be_silent())

    def press(self, digits: str) -> None:
        """DTMF by RFC 4733."""
        self._do(lambda call: call.dialDtmf(digits))

    def refer(self, uri: str) -> asyncio.Future[Referred]:
        """REFER, and what becomes of it."""
        self._referred = asyncio.get_running_loop().create_future()
        self._do(lambda call: call.refer(uri))
        return self._referred

    def answer_refer(self, code: int) -> None:
        """The final response to a REFER that arrived."""
        self._do(lambda call: call.answerRefer(code, ""))

    def notify_refer(self, code: int) -> None:
        """The last NOTIFY about it."""
        self._do(lambda call: call.notifyRefer(code, True))

    def tap(self, take: Callable[[bytes], None] | None) -> None:
        """Give the audio to `take`, on the loop."""
        if take is None:
            self._do(lambda call: call.untap())
            return
        post = self._side.post
        self._do(lambda call: call.tap(lambda frame: post(take, frame)))

    def _do(self, action: Callable[[LabCall], object]) -> None:
        """Have the stack do something with the call, if it is still there."""

        def carry_out(agent: Agent) -> None:
            call = agent.find(self.number)
            if call is not None:
                action(call)

        self._side.ask(carry_out)

    def take(self, event: Event) -> None:
        """What happened to it."""
        message = read_message(str(event.get("message") or ""))
        match event["event"]:
            case "progress":
                self.on_ring()
            case "answered" if not self.answered.done():
                self.answered.set_result(message.headers)
            case "ended" if not self.ended.done():
                self.ended.set_result(self._ending(int(str(event["code"])), message))
            case "refer":
                self.on_refer(message.header("Refer-To"))
            case "refer-answered":
                self._refer_answer = int(str(event["code"]))
                if self._refer_answer >= 300:
                    self._was_referred(None)
            case "referred" if event["final"]:
                self._was_referred(int(str(event["code"])))
            case "placed":
                self.call_id = str(event["call_id"])

    def _was_referred(self, status: int | None) -> None:
        if self._referred and not self._referred.done():
            self._referred.set_result(Referred(self._refer_answer, status))

    def _ending(self, code: int, message: Message) -> Ended:
        """A response to our own CANCEL or BYE is not the word of the peer, but its headers are."""
        by_peer = bool(message.first_line) and not self._cancelled
        return Ended(200 if self.answered.done() else code, message.headers, by_peer)


class SipSide:
    """Starts the stack at an address; use it in `with`.

    Raises:
        OSError: the address cannot be had.
    """

    def __init__(self, address: str, port: int, on_invite: Callable[[SipLeg], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_invite = on_invite
        self._legs: dict[int, SipLeg] = {}
        self._orders: queue.SimpleQueue[Callable[[Agent], None]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._started: queue.SimpleQueue[Agent | pj.Error] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(address, port), name="sip")
        self._thread.start()
        agent = self._started.get(timeout=START_SECONDS)
        if isinstance(agent, pj.Error):
            self._thread.join()
            raise OSError(f"no SIP at {address} port {port}: {agent.reason}")
        self._new_number = agent.new_number
        self.address, self.port = address, agent.port

    def place(self, order: Order) -> SipLeg:
        """Send an INVITE."""
        leg = SipLeg(self, self._new_number())
        self._legs[leg.number] = leg

        def place(agent: Agent) -> None:
            try:
                call = agent.place(order, leg.number)
                self.post(leg.take, {"event": "placed", "call_id": call.getInfo().callIdString})
            except pj.Error as error:
                log.warning("a call cannot be placed: %s", error.reason)
                self.post(leg.take, {"event": "ended", "code": 503})

        self.ask(place)
        return leg

    def ask(self, order: Callable[[Agent], None]) -> None:
        """Have the stack's thread do something."""
        self._orders.put(order)

    def post(self, take: Callable[..., None], *values: object) -> None:
        """Have the loop do something; from the stack's threads."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(take, *values)

    def close(self) -> None:
        """Hang up everything and end the stack."""
        self._stopping.set()
        self._thread.join()

    def _run(self, address: str, port: int) -> None:
        try:
            agent = Agent(address, port, lambda event: self.post(self._take, event))
        except pj.Error as error:
            self._started.put(error)
            return
        self._started.put(agent)
        try:
            while not self._stopping.is_set():
                agent.poll(POLL_SECONDS)
                while not self._orders.empty():
                    self._carry_out(agent, self._orders.get())
        finally:
            agent.close()

    def _carry_out(self, agent: Agent, order: Callable[[Agent], None]) -> None:
        try:
            order(agent)
        except pj.Error as error:
            log.warning("the stack refuses: %s", error.reason)

    def _take(self, event: Event) -> None:
        number = int(str(event.get("call", 0)))
        if event["event"] == "invite":
            leg = SipLeg(self, number, read_message(str(event["message"])), str(event["source"]))
            self._legs[number] = leg
            self._on_invite(leg)
        elif number in self._legs:
            self._legs[number].take(event)
            if event["event"] == "ended":
                del self._legs[number]
