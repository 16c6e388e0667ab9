"""Both sides of a gateway in one thread: two sockets, a clock, and any number of calls that each play a story."""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.process.places import Place
from tests.process.wire import MEDIA_PORT
from tests.soak.ends import End, Message, parse_message
from tests.soak.stories import Scene, Script, Story

STORY_SECONDS = 45.0
"""How long a story may take; the longest waits for 64 * T1."""
BUFFER_BYTES = 4 * 1024 * 1024
MOST_OCTETS = 65535
SIDES = {"to_twilio": ("pbx", "twilio"), "to_pbx": ("twilio", "pbx")}
"""Who calls and who is called."""


@dataclass(slots=True)
class Call:
    """A story that is being played."""

    story: Story
    direction: str
    scene: Scene
    script: Script
    began: float
    waits_for: tuple[End, tuple[str, ...]] | None = None
    problem: str = ""
    over: bool = False

    @property
    def ends(self) -> tuple[End, End]:
        return self.scene.caller, self.scene.callee


@dataclass
class Swarm:
    """The PBX and the Twilio of one gateway. Calls are found by the ticket that they carry through it."""

    gateway: Place
    places: dict[str, Place]
    seed: int = 1
    calls: dict[str, Call] = field(default_factory=dict)
    finished: list[Call] = field(default_factory=list)
    datagrams: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._tickets = itertools.count(1)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._by_call_id: dict[str, tuple[Call, End]] = {}
        self._now = time.monotonic()

    def __enter__(self) -> Self:
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[str, socket.socket] = {}
        self._mouths: dict[str, socket.socket] = {}
        for side in self.places:
            self.open(side)
        return self

    def open(self, side: str) -> None:
        """Let a side be there."""
        host, port = self.places[side].host, self.places[side].port
        self._sockets[side] = opened = _bound(host, port)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._mouths[side] = _bound(host, MEDIA_PORT)
        self._selector.register(opened, selectors.EVENT_READ, side)

    def __exit__(self, *exception: object) -> None:
        for side in list(self._sockets):
            self.close(side)
        self._selector.close()

    def close(self, side: str) -> None:
        """As if the process of one side were killed: its sockets are gone, and whoever sends there is told so."""
        opened = self._sockets.pop(side)
        self._selector.unregister(opened)
        opened.close()
        self._mouths.pop(side).close()

    # -- calls ---------------------------------------------------------------------------------------------------

    def begin(self, story: Story, direction: str) -> Call:
        """Start to play a story."""
        ticket = f"t{next(self._tickets)}"
        caller, callee = SIDES[direction]
        scene = Scene(
            End(self, self.places[caller], self.gateway, f"soak-{ticket}", ticket),
            End(self, self.places[callee], self.gateway, "", ticket),
            random.Random(f"{self.seed}-{ticket}"),
        )
        call = Call(story, direction, scene, story.script(scene), time.monotonic())
        self.calls[ticket] = call
        self._by_call_id[f"soak-{ticket}"] = call, scene.caller
        self.after(STORY_SECONDS, lambda: self._give_up(call))
        self._go_on(call)
        return call

    def choose(self, stories: tuple[Story, ...]) -> Story:
        """One of them, by their shares."""
        return self._dice.choices(stories, [story.share for story in stories])[0]

    def step(self, most_seconds: float = 0.02) -> None:
        """Deliver what came and do what is due; returns after `most_seconds` or as soon as there was something."""
        due = self._due[0][0] - time.monotonic() if self._due else most_seconds
        for key, _ in self._selector.select(max(0.0, min(most_seconds, due))):
            self._read(key.data)
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def _read(self, side: str) -> None:
        while side in self._sockets:
            try:
                data = self._sockets[side].recv(MOST_OCTETS)
            except BlockingIOError:
                return
            self.datagrams += 1
            self._deliver(parse_message(data.decode(errors="replace")))

    def _deliver(self, message: Message) -> None:
        call_id = message.headers.get("call-id", "")
        found = self._by_call_id.get(call_id) or self._new_callee(message, call_id)
        if found is None:
            return
        call, end = found
        if end.mute or self._is_lost(call):
            return
        end.take(message)
        if call.waits_for and call.waits_for[0] is end:
            self._go_on(call)

    def _new_callee(self, message: Message, call_id: str) -> tuple[Call, End] | None:
        call = self.calls.get(message.headers.get("x-ticket", ""))
        if call is None or message.kind != "INVITE":
            return None
        call.scene.callee.call_id = call_id
        self._by_call_id[call_id] = call, call.scene.callee
        return call, call.scene.callee

    def _is_lost(self, call: Call) -> bool:
        lost = bool(call.scene.loss) and call.scene.dice.random() < call.scene.loss
        self.lost += lost
        return lost

    def _go_on(self, call: Call) -> None:
        """Let the story run until it waits for what is not there yet."""
        while not call.over and (not call.waits_for or _is_there(*call.waits_for)):
            call.waits_for = None
            try:
                wait = next(call.script)
            except StopIteration:
                self._end(call)
                return
            if isinstance(wait, float):
                self.after(wait, lambda: self._go_on(call))
                return
            call.waits_for = wait

    def _give_up(self, call: Call) -> None:
        if not call.over:
            end, kinds = call.waits_for or (call.scene.caller, ("the end",))
            side = "caller" if end is call.scene.caller else "callee"
            call.problem = f"the {side} waits for {' or '.join(kinds)}, and got {', '.join(end.seen) or 'nothing'}"
            self._end(call)

    def _end(self, call: Call) -> None:
        """The story is over; the ends still answer what is repeated to them."""
        call.over = True
        self.finished.append(call)

    def forget(self, call: Call) -> None:
        """Nothing will come for it any more."""
        self.calls.pop(call.scene.caller.ticket, None)
        for end in call.ends:
            self._by_call_id.pop(end.call_id, None)

    # -- the network of its ends ---------------------------------------------------------------------------------

    def send(self, end: End, data: bytes) -> None:
        found = self._by_call_id.get(end.call_id)
        side = self._side(end)
        if side not in self._sockets or (found and self._is_lost(found[0])):
            return
        self._sockets[side].sendto(data, (self.gateway.host, self.gateway.port))

    def speak(self, end: End, packet: bytes) -> None:
        """Audio of this end; nothing when its side is gone."""
        mouth = self._mouths.get(self._side(end))
        if mouth and end.audio_port:
            mouth.sendto(packet, (self.gateway.host, end.audio_port))

    def _side(self, end: End) -> str:
        return next(side for side, place in self.places.items() if place == end.place)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))


def _bound(host: str, port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host, port))
    opened.setblocking(False)
    return opened


def _is_there(end: End, kinds: tuple[str, ...]) -> bool:
    return any(kind in end.seen for kind in kinds)
