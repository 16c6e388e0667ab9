"""`<Dial>`: calls its nouns, connects the first that answers, and tells the action URL how it went."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, assert_never

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.book import Call
from gateway.lab.twilio.exchange import Caller, Exchange, sip_leg
from gateway.lab.twilio.parameters import Params, dial_headers, screening_headers, split_uri
from gateway.lab.twilio.referrals import Referral, Referrals
from gateway.lab.twilio.run import CallOver, CallRun
from gateway.lab.twilio.target import TargetError, parse_target
from gateway.lab.twilio.twiml import Document
from gateway.lab.twilio.verbs import Callback, ClientNoun, ConferenceNoun, Dial, Noun, NumberNoun, SipNoun
from gateway.lab.twilio.webhooks import WebhookFailed


@dataclass(frozen=True, slots=True)
class Attempt:
    """One noun that rings."""

    noun: Noun
    call: Call


class Referring(Exception):
    """The conversation ended with a REFER."""

    def __init__(self, referral: Referral) -> None:
        super().__init__(referral.target)
        self.referral = referral


class Dialing:
    """One `<Dial>` of a call."""

    def __init__(self, run: CallRun, verb: Dial) -> None:
        self._run = run
        self._exchange: Exchange = run.exchange
        self._parent = run.call
        self._verb = verb
        self._referrals = Referrals(verb, run.exchange.book)

    async def perform(self) -> Document | None:
        """Dial, and ask the action URL what follows; None without one.

        Raises:
            CallOver: the caller has hung up.
        """
        if not self._verb.answer_on_bridge:
            self._run.answer()
        for noun in self._verb.nouns:
            if isinstance(noun, ConferenceNoun):
                return await self._attend(noun)
        attempts = [attempt for noun in self._verb.nouns if (attempt := self._place(noun))]
        told = {"DialCallStatus": "failed"}
        try:
            if attempts:
                told = await self._ring(attempts)
        except Referring as referring:
            return await self._refer(referring.referral)
        return await self._follow(told)

    async def _refer(self, referral: Referral) -> Document | None:
        """Ask `referUrl` for who was referred: of the caller this call goes on with it, of the other its own does."""
        assert self._verb.refer is not None
        run = self._run if referral.call is self._parent else CallRun(self._exchange, referral.call)
        run.base = self._run.base
        try:
            document = await run.ask(self._verb.refer, referral.params)
        except WebhookFailed:
            referral.call.leg.hang_up()
            await referral.report(500)
            raise CallOver from None
        if run is self._run:
            self._exchange.spawn(referral.report(200))
            return document
        self._exchange.spawn(run.start_reading(document))
        await referral.report(200)
        raise CallOver

    async def _follow(self, told: Params) -> Document | None:
        """The action URL is asked even when the caller has left; only its answer has no use then."""
        document = await self._run.ask(self._verb.action, told) if self._verb.action else None
        if self._parent.leg.ended.done():
            raise CallOver
        return document

    async def _attend(self, noun: ConferenceNoun) -> Document | None:
        self._run.answer()
        await self._exchange.conferences.find(noun.name).attend(self._parent.sid, self._parent.leg)
        raise CallOver

    # -- the children --------------------------------------------------------------------------------------------

    def _place(self, noun: Noun) -> Attempt | None:
        caller = Caller(self._caller(), "outbound-dial", self._parent.sid)
        match noun:
            case SipNoun(uri, username, password):
                try:
                    call = self._exchange.place_sip(parse_target(uri), caller, (username, password))
                except TargetError as error:
                    self._exchange.book.complain(Alert(error.code, error.detail), self._parent)
                    return None
            case ClientNoun(identity, parameters):
                call = self._exchange.place_client(identity, dict(parameters), caller)
            case NumberNoun(number):
                call = self._exchange.place_number(number, caller)
            case ConferenceNoun():
                return None
            case _:
                assert_never(noun)
        return Attempt(noun, call)

    def _caller(self) -> str:
        given = self._verb.caller_id or self._parent.caller
        return split_uri(given)[0] if given.startswith("sip:") else given

    async def _ring(self, attempts: list[Attempt]) -> Params:
        """Ring all until one answers; what the action URL is told of it."""
        try:
            winner = await asyncio.wait_for(self._first_answer(attempts), self._verb.timeout_seconds)
        except TimeoutError:
            winner = None
            for attempt in attempts:
                attempt.call.was_ended("no-answer")
        for attempt in attempts:
            if attempt is not winner:
                attempt.call.leg.hang_up()
        if winner is None:
            await asyncio.wait([attempt.call.leg.ended for attempt in attempts])
            return self._told(attempts[0].call, attempts[0].call.status)
        referral = await self._talk(winner.call)
        if referral:
            raise Referring(referral)
        return self._told(winner.call, "completed")

    async def _first_answer(self, attempts: list[Attempt]) -> Attempt | None:
        """The attempt that answered and that its screening let through; None when all failed or the caller left."""
        ringing: dict[asyncio.Future[Any], Attempt] = {
            asyncio.ensure_future(self._answer(attempt)): attempt for attempt in attempts
        }
        left = self._parent.leg.ended
        pending: set[asyncio.Future[Any]] = {*ringing, left}
        try:
            while len(pending) > 1 and not left.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for one in done - {left}:
                    if one.result():
                        return ringing[one]
            return None
        finally:
            for one in ringing:
                one.cancel()

    async def _answer(self, attempt: Attempt) -> bool:
        """Whether it answered, and wants the call."""
        leg = attempt.call.leg
        await asyncio.wait((leg.answered, leg.ended), return_when=asyncio.FIRST_COMPLETED)
        if not leg.answered.done():
            return False
        attempt.call.was_answered()
        screen = attempt.noun.screen if isinstance(attempt.noun, SipNoun) else None
        if screen and not await self._screen(attempt.call, screen):
            return False
        self._referrals.watch(self._parent, attempt.call)
        return True

    async def _screen(self, call: Call, screen: Callback) -> bool:
        """TwiML for the called side alone; it is connected unless that hangs up."""
        leg = sip_leg(call)
        more = {**screening_headers(call.leg.answered.result()), "SipCallId": leg.call_id if leg else ""}
        run = CallRun(self._exchange, call, more)
        run.base = self._run.base
        try:
            await run.perform(await run.ask(screen))
        except (CallOver, WebhookFailed):
            call.leg.hang_up()
            return False
        return not call.leg.ended.done()

    # -- the conversation ----------------------------------------------------------------------------------------

    async def _talk(self, child: Call) -> Referral | None:
        """Connect both until one hangs up or is referred, or `timeLimit` is over; end the called side if it may go."""
        self._run.answer()
        parent = self._parent.leg
        parent.link(child.leg)
        referral = self._referrals.first
        ends: list[asyncio.Future[Any]] = [parent.ended, child.leg.ended, referral]
        await asyncio.wait(ends, timeout=self._verb.limit_seconds, return_when=asyncio.FIRST_COMPLETED)
        parent.unlink(child.leg)
        if referral.done():
            return referral.result()
        child.leg.hang_up()
        await child.leg.ended
        return None

    def _told(self, child: Call, status: str) -> Params:
        told = {
            "DialCallSid": child.sid,
            "DialCallStatus": status,
            "DialCallDuration": str(child.seconds),
            "DialBridged": "true" if status == "completed" else "false",
        }
        leg = sip_leg(child)
        if leg is None:
            return told
        # "the final BYE/200" of Twilio's document: whatever came last from there, a failure, a BYE or the 200 to ours.
        code = str(child.sip_code or 0)
        return {**told, "DialSipResponseCode": code, "DialSipCallId": leg.call_id, **dial_headers(child.last_word)}
