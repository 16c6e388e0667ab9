"""Simulated Voice SDK clients: each a WebSocket that registers an identity, is called, and calls.

The lab's own protocol, one JSON object a message (the SDK's is Twilio's affair):
to the client    {"event": "incoming", "call": SID, "from": F, "customParameters": {...}}
                 {"event": "connected" | "ended", "call": SID}
from the client  {"do": "accept" | "reject" | "hangup", "call": SID}
                 {"do": "connect", "params": {...}}
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.lab.twilio.legs import QuietLeg
from gateway.lab.twilio.parameters import Params

Connect = Callable[[str, Params, Callable[[str], QuietLeg]], None]
"""Identity, the parameters of `connect`, and what makes the leg of a new call's sid."""
REJECTED, GONE = 603, 480


class Client:
    """One registered client."""

    def __init__(self, send: Callable[[dict[str, object]], None]) -> None:
        self._send = send
        self._legs: dict[str, QuietLeg] = {}

    def ring(self, call_sid: str, caller: str, parameters: Params) -> QuietLeg:
        """Call it."""
        leg = self.leg(call_sid)
        self._send({"event": "incoming", "call": call_sid, "from": caller, "customParameters": parameters})
        return leg

    def leg(self, call_sid: str) -> QuietLeg:
        """A leg that tells the client what happens to it."""
        leg = QuietLeg(lambda event: self._send({"event": event, "call": call_sid}))
        self._legs[call_sid] = leg
        leg.ended.add_done_callback(lambda _: self._legs.pop(call_sid, None))
        return leg

    def obey(self, command: dict[str, object]) -> None:
        """What the client wants done with a call; one that is over is left alone."""
        leg = self._legs.get(str(command.get("call")))
        if leg is None:
            return
        match command.get("do"):
            case "accept":
                leg.was_answered()
            case "reject":
                leg.was_ended(REJECTED)
            case "hangup":
                leg.was_ended(200)

    def leave(self) -> None:
        """Its connection is gone."""
        for leg in list(self._legs.values()):
            leg.was_ended(GONE)


class Clients:
    """Registered clients by identity; a second of the same identity takes over."""

    def __init__(self) -> None:
        self._by_identity: dict[str, Client] = {}
        self.on_connect: Connect = lambda identity, params, make: None

    def ring(self, identity: str, call_sid: str, caller: str, parameters: Params) -> QuietLeg | None:
        """Call a client; None if nobody is registered."""
        client = self._by_identity.get(identity)
        return client.ring(call_sid, caller, parameters) if client else None

    @property
    def identities(self) -> list[str]:
        """Who is registered."""
        return sorted(self._by_identity)

    async def serve(self, socket: WebSocket) -> None:
        """One connection, from registration to its end."""
        await socket.accept()
        outgoing: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        identity, client = socket.path_params["identity"], Client(outgoing.put_nowait)
        self._by_identity[identity] = client
        outgoing.put_nowait({"event": "registered", "identity": identity})
        sending = asyncio.create_task(_send_all(socket, outgoing))
        try:
            while True:
                self._obey(identity, client, json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, ValueError):
            pass
        finally:
            sending.cancel()
            client.leave()
            if self._by_identity.get(identity) is client:
                del self._by_identity[identity]

    def _obey(self, identity: str, client: Client, command: dict[str, object]) -> None:
        if command.get("do") == "connect":
            given = command.get("params")
            params = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
            self.on_connect(identity, params, client.leg)
        else:
            client.obey(command)


async def _send_all(socket: WebSocket, outgoing: asyncio.Queue[dict[str, object]]) -> None:
    while True:
        await socket.send_text(json.dumps(await outgoing.get()))
