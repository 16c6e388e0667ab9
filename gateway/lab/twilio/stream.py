"""Media Streams: the caller's audio on a WebSocket, with Twilio's messages `connected`, `start`, `media` and `stop`.

What the other side sends back is read and not played.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from array import array

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from gateway.lab.twilio.alerts import Alert
from gateway.lab.twilio.book import Book, Call
from gateway.lab.twilio.parameters import new_sid
from gateway.lab.twilio.verbs import StartStream

OPEN_SECONDS = 5.0
FRAME_MILLISECONDS = 20
MOST_WAITING = 500
"""Frames that wait for a slow application: ten seconds."""
_BIAS, _CLIP = 0x84, 32635


class MediaStream:
    """One stream; `run` it as a task, cancel it to end it."""

    def __init__(self, verb: StartStream, call: Call, account_sid: str, book: Book) -> None:
        self.name = verb.name
        self._verb = verb
        self._call = call
        self._account_sid = account_sid
        self._book = book
        self._sid = new_sid("MZ")
        self._number = 0
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)

    async def run(self) -> None:
        """Stream until cancelled, or until the application closes the connection."""
        try:
            async with connect(self._verb.url, proxy=None, open_timeout=OPEN_SECONDS) as socket:
                with contextlib.suppress(ConnectionClosed):
                    await self._talk(socket)
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            self._book.complain(Alert(31920, f"{self._verb.url}: {error}"), self._call)

    async def _talk(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        await self._send(socket, "start", **self._start())
        self._call.custom.update(self._verb.parameters)
        self._call.leg.tap(self._take)
        listening = asyncio.create_task(_drain(socket))
        sending = asyncio.create_task(self._pump(socket))
        try:
            await asyncio.wait((listening, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._call.leg.tap(None)
            listening.cancel()
            sending.cancel()
            with contextlib.suppress(ConnectionClosed):
                await self._send(socket, "stop", accountSid=self._account_sid, callSid=self._call.sid)

    def _start(self) -> dict[str, object]:
        return {
            "streamSid": self._sid,
            "accountSid": self._account_sid,
            "callSid": self._call.sid,
            "tracks": ["inbound"],
            "customParameters": dict(self._verb.parameters),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }

    def _take(self, frame: bytes) -> None:
        if not self._frames.full():
            self._frames.put_nowait(frame)

    async def _pump(self, socket: ClientConnection) -> None:
        chunk = 0
        while True:
            payload = base64.b64encode(build_mulaw(await self._frames.get())).decode()
            chunk += 1
            timestamp = str(chunk * FRAME_MILLISECONDS)
            await self._send(socket, "media", track="inbound", chunk=str(chunk), timestamp=timestamp, payload=payload)

    async def _send(self, socket: ClientConnection, event: str, **details: object) -> None:
        self._number += 1
        message = {"event": event, "sequenceNumber": str(self._number), event: details, "streamSid": self._sid}
        await socket.send(json.dumps(message))


async def _drain(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


def build_mulaw(samples: bytes) -> bytes:
    """16-bit samples of this machine's byte order as G.711 mu-law."""
    return bytes(map(_mulaw, array("h", samples)))


def _mulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) & 0xFF
