"""What happens in a call of the soak: a story for each race, with the outcomes it may have.

A story is a generator: it makes the ends speak and yields what it waits for, `(end, kinds)`: any of these kinds of
message, now or already there; or a number of seconds. It is over when the gateway is done with both ends.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass

from tests.soak.ends import End

Wait = tuple[End, tuple[str, ...]] | float
Script = Generator[Wait, None, None]

COMPLETED, CANCELLED = "success/completed", "client-error/cancelled"


@dataclass(slots=True)
class Scene:
    """The two ends of a call and the dice."""

    caller: End
    callee: End
    dice: random.Random
    loss: float = 0.0
    """Share of datagrams that get lost, each way."""


@dataclass(frozen=True, slots=True)
class Story:
    """`share` is how often it is played, compared to the others."""

    name: str
    script: Callable[[Scene], Script]
    outcomes: tuple[str, ...]
    share: float = 4.0


FINALS = tuple(f"{code} INVITE" for code in (200, 302, 408, 480, 486, 487, 488, 500, 502, 503, 504, 603))


# ---- parts ----


def _ring(scene: Scene, *headers: str) -> Script:
    scene.caller.call(*headers)
    yield scene.callee, ("INVITE",)
    scene.callee.answer("180 Ringing")
    yield scene.caller, ("180 INVITE",)


def _talk(scene: Scene) -> Script:
    yield from _ring(scene)
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, ("200 INVITE",)
    scene.caller.acknowledge()
    yield scene.callee, ("ACK",)
    yield scene.dice.uniform(0.05, 0.4)


def _hang_up(scene: Scene, first: End) -> Script:
    other = scene.callee if first is scene.caller else scene.caller
    first.ask("BYE")
    yield other, ("BYE",)
    yield first, ("200 BYE", "481 BYE")


# ---- stories ----


def caller_hangs_up(scene: Scene) -> Script:
    yield from _talk(scene)
    yield from _hang_up(scene, scene.caller)


def callee_hangs_up(scene: Scene) -> Script:
    yield from _talk(scene)
    yield from _hang_up(scene, scene.callee)


def bye_crosses_bye(scene: Scene) -> Script:
    yield from _talk(scene)
    ends = [scene.caller, scene.callee]
    scene.dice.shuffle(ends)
    for end in ends:
        end.ask("BYE")
    for end in ends:
        yield end, ("200 BYE", "481 BYE")


def busy(scene: Scene) -> Script:
    yield from _ring(scene)
    scene.callee.answer("486 Busy Here")
    yield scene.caller, ("486 INVITE",)
    yield scene.callee, ("ACK",)


def redirected(scene: Scene) -> Script:
    scene.caller.call()
    yield scene.callee, ("INVITE",)
    scene.callee.answer("302 Moved Temporarily")
    yield scene.caller, ("502 INVITE",)


def cancelled(scene: Scene) -> Script:
    yield from _ring(scene)
    scene.caller.ask("CANCEL")
    yield scene.callee, ("CANCEL",)
    yield scene.caller, ("487 INVITE",)


def cancelled_before_ringing(scene: Scene) -> Script:
    """The gateway may cancel only what was answered with 100 or more (RFC 3261, section 9.1)."""
    scene.caller.call()
    yield scene.callee, ("INVITE",)
    scene.caller.ask("CANCEL")
    yield scene.caller, ("487 INVITE",)
    scene.callee.answer("180 Ringing")
    yield scene.callee, ("CANCEL",)


def cancel_crosses_200(scene: Scene) -> Script:
    """Whoever is first wins; the other side is told."""
    yield from _ring(scene)
    scene.callee.takes_cancel = False
    steps: list[Callable[[], object]] = [
        lambda: scene.caller.ask("CANCEL"),
        lambda: scene.callee.answer("200 OK", body=True),
    ]
    scene.dice.shuffle(steps)
    steps[0]()
    yield scene.dice.choice((0.0, 0.0, 0.002, 0.01))
    steps[1]()
    yield scene.caller, ("200 INVITE", "487 INVITE")
    if "200 INVITE" in scene.caller.seen:
        scene.caller.acknowledge()
        scene.caller.ask("BYE")
    yield scene.callee, ("BYE",)


def lost_200_of_the_callee(scene: Scene) -> Script:
    scene.callee.lost["200 INVITE"] = 1
    yield from caller_hangs_up(scene)


def lost_200_of_the_gateway(scene: Scene) -> Script:
    scene.caller.unheard["200 INVITE"] = 1
    yield from callee_hangs_up(scene)


def lost_ack(scene: Scene) -> Script:
    """The gateway repeats its 200, and the ACK is sent again."""
    scene.caller.lost["ACK"] = 1
    yield from _ring(scene)
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, ("200 INVITE",)
    scene.caller.acknowledge()
    yield 1.2
    yield from _hang_up(scene, scene.callee)


def late_ack(scene: Scene) -> Script:
    yield from _ring(scene)
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, ("200 INVITE",)
    yield 2.5
    scene.caller.acknowledge()
    yield 0.1
    yield from _hang_up(scene, scene.caller)


def bye_before_ack(scene: Scene) -> Script:
    yield from _ring(scene)
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, ("200 INVITE",)
    scene.caller.ask("BYE")
    scene.caller.acknowledge()
    yield scene.callee, ("BYE",)


def answer_and_bye_at_once(scene: Scene) -> Script:
    """The callee's BYE is there before the caller's ACK."""
    scene.caller.takes_200 = True
    yield from _ring(scene)
    scene.callee.answer("200 OK", body=True)
    yield scene.callee, ("ACK",)
    scene.callee.ask("BYE")
    yield scene.caller, ("BYE",)


def never_acknowledged(scene: Scene) -> Script:
    yield from _ring(scene)
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, ("BYE",)
    yield scene.callee, ("BYE",)


def everything_twice(scene: Scene) -> Script:
    scene.caller.copies = scene.callee.copies = scene.dice.choice((2, 3))
    yield from scene.dice.choice((caller_hangs_up, callee_hangs_up, busy, cancelled))(scene)


def a_tenth_is_lost(scene: Scene) -> Script:
    """Each way, on both sides."""
    scene.loss = 0.1
    scene.caller.takes_200 = True
    scene.caller.call()
    yield scene.callee, ("INVITE",)
    scene.callee.answer("180 Ringing")
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, FINALS
    yield 0.3
    scene.caller.ask("BYE")
    yield scene.callee, ("BYE", "CANCEL")


def callee_is_silent(scene: Scene) -> Script:
    scene.callee.mute = True
    scene.caller.call()
    yield scene.caller, ("504 INVITE",)


def callee_vanishes(scene: Scene) -> Script:
    yield from _talk(scene)
    scene.callee.mute = True
    scene.caller.ask("BYE")
    yield scene.caller, ("200 BYE",)


def early_media_of_forks(scene: Scene) -> Script:
    """Three branches ring and play, and a fourth answers."""
    scene.caller.call()
    yield scene.callee, ("INVITE",)
    scene.callee.answer("180 Ringing", tag="one")
    scene.callee.answer("183 Session Progress", body=True, tag="two")
    yield scene.caller, ("183 INVITE",)
    scene.callee.answer("180 Ringing", tag="three")
    scene.callee.answer("200 OK", body=True, tag="four")
    yield scene.caller, ("200 INVITE",)
    scene.caller.acknowledge()
    yield scene.callee, ("ACK",)
    yield from _hang_up(scene, scene.caller)


def late_offer(scene: Scene) -> Script:
    scene.caller.call(body=False)
    yield scene.callee, ("INVITE",)
    scene.callee.answer("200 OK", body=True)
    yield scene.caller, ("200 INVITE",)
    scene.caller.acknowledge(body=True)
    yield scene.callee, ("ACK",)
    yield 0.1
    yield from _hang_up(scene, scene.callee)


def new_offer(scene: Scene) -> Script:
    yield from _talk(scene)
    end = scene.dice.choice((scene.caller, scene.callee))
    key = end.ask("INVITE", body=True)
    yield end, ("200 INVITE",)
    yield 0.1
    end.acknowledge(int(key.split()[1]))
    yield from _hang_up(scene, scene.caller)


def new_offer_crosses_bye(scene: Scene) -> Script:
    yield from _talk(scene)
    scene.callee.ask("INVITE", body=True)
    scene.caller.ask("BYE")
    yield scene.callee, ("BYE",)
    yield scene.caller, ("200 BYE",)


def digits(scene: Scene) -> Script:
    yield from _talk(scene)
    for digit in "12":
        scene.caller.ask("INFO", kind="application/dtmf-relay", text=f"Signal={digit}\r\nDuration=60\r\n")
    yield scene.caller, ("200 INFO",)
    yield from _hang_up(scene, scene.caller)


def odd_requests(scene: Scene) -> Script:
    yield from _talk(scene)
    scene.caller.ask("MESSAGE", kind="text/plain", text="hello")
    scene.callee.ask("OPTIONS")
    scene.callee.ask("FROBNICATE")
    yield scene.caller, ("405 MESSAGE",)
    yield scene.callee, ("501 FROBNICATE",)
    yield from _hang_up(scene, scene.callee)


RACES = (
    Story("BYE crosses BYE", bye_crosses_bye, (COMPLETED,)),
    Story("CANCEL crosses 200", cancel_crosses_200, (CANCELLED, COMPLETED)),
    Story("the callee's 200 is lost", lost_200_of_the_callee, (COMPLETED,)),
    Story("the gateway's 200 is lost", lost_200_of_the_gateway, (COMPLETED,)),
    Story("the ACK is lost", lost_ack, (COMPLETED,)),
    Story("the ACK is late", late_ack, (COMPLETED,)),
    Story("BYE before ACK", bye_before_ack, (COMPLETED,)),
    Story("everything twice", everything_twice, (COMPLETED, CANCELLED, "client-error/busy")),
    Story(
        "10 % is lost each way",
        a_tenth_is_lost,
        (COMPLETED, "upstream-error/no-response", "indeterminate/peer-vanished", "indeterminate/ack-missing"),
    ),
)
"""What arrives late, out of order, twice or never: test_races.py plays each a few times."""

STORIES = (
    *RACES,
    Story("the caller hangs up", caller_hangs_up, (COMPLETED,), 20),
    Story("the callee hangs up", callee_hangs_up, (COMPLETED,), 12),
    Story("busy", busy, ("client-error/busy",)),
    Story("redirected", redirected, ("upstream-error/redirected",), 2),
    Story("cancelled", cancelled, (CANCELLED,)),
    Story("cancelled before it rings", cancelled_before_ringing, (CANCELLED,)),
    Story("200 and BYE at once", answer_and_bye_at_once, (COMPLETED,)),
    Story("no ACK at all", never_acknowledged, ("indeterminate/ack-missing",), 0.5),
    Story("the callee is silent", callee_is_silent, ("upstream-error/no-response",), 1),
    Story("the callee vanishes", callee_vanishes, (COMPLETED,), 1),
    Story("forks with early media", early_media_of_forks, (COMPLETED,)),
    Story("a late offer", late_offer, (COMPLETED,)),
    Story("a new offer", new_offer, (COMPLETED,)),
    Story("a new offer crosses BYE", new_offer_crosses_bye, (COMPLETED,)),
    Story("digits by INFO", digits, (COMPLETED,)),
    Story("odd requests", odd_requests, (COMPLETED,)),
)
