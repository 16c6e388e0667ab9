"""A call that does what TwiML says, verb by verb, until it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import TypeVar

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.book import Call
from gateway.lab.twilio.exchange import Exchange
from gateway.lab.twilio.legs import Referred
from gateway.lab.twilio.parameters import Params
from gateway.lab.twilio.stream import MediaStream
from gateway.lab.twilio.target import TargetError, build_target, parse_target
from gateway.lab.twilio.twiml import Document
from gateway.lab.twilio.verbs import (
    Callback,
    Dial,
    Hangup,
    Pause,
    Play,
    Redirect,
    Refer,
    Reject,
    Say,
    StartStream,
    StopStream,
    Verb,
)
from gateway.lab.twilio.webhooks import WebhookFailed

SAY_HZ, PLAY_HZ = 440, 550
"""The stand-in has no voice and no files: `<Say>` is one tone, `<Play>` another."""
CHARACTERS_A_SECOND = 20
SHORTEST_SOUND_SECONDS, LONGEST_SOUND_SECONDS = 0.2, 10.0
PLAY_SECONDS = 1.0
APPLICATION_ERROR = 500
"""What a caller gets when the application fails before the answer; Twilio does not document its code."""
NOT_REFERRED = Referred(400)
"""What the action of `<Refer>` is told of a URI that nobody was asked about."""
MOST_DOCUMENTS = 100
"""A loop of redirects ends here."""

T = TypeVar("T")


class CallOver(Exception):
    """The call has ended, or TwiML ended it."""


class CallRun:
    """One call in the hands of an application. `extra` goes with every request about it."""

    def __init__(self, exchange: Exchange, call: Call, extra: Params | None = None) -> None:
        self.exchange = exchange
        self.call = call
        self.extra = extra or {}
        self.base = ""
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._refused = False

    async def start(self, callback: Callback) -> None:
        """Ask the application, do what it says, hang up."""
        await self._guarded(self._ask_and_perform(callback))

    async def start_with(self, twiml: str) -> None:
        """Do what a document says that came with the request, hang up."""
        await self._guarded(self._read_and_perform(twiml))

    async def start_reading(self, document: Document) -> None:
        """Do what a document says that was asked for already, hang up."""
        await self._guarded(self.perform(document))

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except WebhookFailed:
            self.call.leg.hang_up(0 if self.call.leg.answered.done() else APPLICATION_ERROR)
        except CallOver:
            pass
        finally:
            for stream in self._streams.values():
                stream.cancel()
            self.call.leg.hang_up()

    async def _ask_and_perform(self, callback: Callback) -> None:
        await self.perform(await self.ask(callback))

    async def _read_and_perform(self, twiml: str) -> None:
        await self.perform(self.exchange.webhooks.read(self.call, twiml))

    async def ask(self, callback: Callback, more: Params | None = None) -> Document:
        """The application's answer to a request about this call."""
        params = {**self.exchange.params(self.call), **self.extra, **(more or {})}
        document, self.base = await self.exchange.webhooks.ask(self.call, callback, params, self.base)
        return document

    async def perform(self, document: Document) -> None:
        """Do all verbs, and those of the documents that take over.

        Raises:
            CallOver, WebhookFailed
        """
        for _ in range(MOST_DOCUMENTS):
            following = await self._verbs(document)
            if following is None:
                return
            document = following
        self.exchange.book.complain(Alert(11200, f"more than {MOST_DOCUMENTS} redirections"), self.call)

    async def _verbs(self, document: Document) -> Document | None:
        for verb in document.verbs:
            following = await self._verb(verb)
            if following is not None:
                return following
        return None

    async def _verb(self, verb: Verb) -> Document | None:
        from gateway.lab.twilio.dialing import Dialing  # it plays the screening TwiML of a child with a run of its own

        match verb:
            case Say(text):
                seconds = len(text) / CHARACTERS_A_SECOND
                await self._sound(SAY_HZ, min(max(seconds, SHORTEST_SOUND_SECONDS), LONGEST_SOUND_SECONDS))
            case Play(_, digits):
                await self._play(digits)
            case Pause(seconds):
                self.answer()
                await self.up(asyncio.sleep(seconds))
            case Reject(busy):
                self._reject(busy)
            case Hangup():
                raise CallOver
            case Redirect(to):
                return await self.up(self.ask(to))
            case Refer():
                return await self._refer(verb)
            case StartStream():
                await self._stream(verb)
            case StopStream(name):
                self._stop_stream(name)
            case Dial():
                return await Dialing(self, verb).perform()
        return None

    def answer(self) -> None:
        """Take the call, if that is still to be done."""
        if self.call.answered is None:
            self.call.leg.answer()
            self.call.was_answered()

    async def up(self, work: Awaitable[T]) -> T:
        """Do something for as long as the call is up.

        Raises:
            CallOver: it ended first.
        """
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self.call.leg.ended), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise CallOver
            return task.result()
        finally:
            task.cancel()

    def _reject(self, busy: bool) -> None:
        """By Twilio's table: 486 for busy, 404 for rejected; too late for a call that was answered."""
        self.call.leg.hang_up(0 if self.call.leg.answered.done() else (486 if busy else 404))
        raise CallOver

    async def _sound(self, hz: int, seconds: float) -> None:
        self.answer()
        self.call.leg.play(hz)
        await self.up(asyncio.sleep(seconds))
        self.call.leg.play(0)

    async def _play(self, digits: str) -> None:
        if not digits:
            await self._sound(PLAY_HZ, PLAY_SECONDS)
            return
        self.answer()
        self.call.leg.press(digits.replace("w", ""))
        await self.up(asyncio.sleep(PLAY_SECONDS))

    async def _stream(self, verb: StartStream) -> None:
        self.answer()
        stream = MediaStream(verb, self.call, self.exchange.sid, self.exchange.book)
        if verb.blocking:
            await self.up(stream.run())
        else:
            self._streams[stream.name] = asyncio.create_task(stream.run())

    def _stop_stream(self, name: str) -> None:
        found = self._streams.pop(name, None)
        if found:
            found.cancel()

    async def _refer(self, verb: Refer) -> Document | None:
        """REFER works on SIP legs; without an action the leg is ended after it."""
        self.answer()
        target = self._target(verb.uri)
        went = await self.up(self.call.leg.refer(target)) if target else NOT_REFERRED
        if verb.action is None:
            raise CallOver
        told = {
            "ReferCallStatus": "completed" if went.went_well else "failed",
            "ReferSipResponseCode": str(went.answer),
            "NotifySipResponseCode": "" if went.status is None else str(went.status),
        }
        # Who was transferred hangs up at once, and the action is asked all the same, as that of <Dial> is.
        document = await self.ask(verb.action, told)
        if self.call.leg.ended.done():
            raise CallOver
        return document

    def _target(self, uri: str) -> str:
        """Refer-To; empty for a URI that Twilio would not refer to."""
        try:
            target = parse_target(uri)
        except TargetError as error:
            self.exchange.book.complain(Alert(error.code, error.detail), self.call)
            return ""
        for alert in target.alerts:
            self.exchange.book.complain(alert, self.call)
        return f"<{build_target(target.uri, target.headers)}>"
