"""What each cell of the call table does about hold and audio."""

from __future__ import annotations

from gateway.bridge import outcome as outcomes
from gateway.bridge.call import State
from gateway.bridge.commands import Hangup, Offer, Role, StartTimer, StopTimer
from gateway.bridge.events import AudioHeard, Event, Glare, HoldChanged, Timer, TimerFired
from tests.bridge.cases import Case

NOT_UP = (State.CALLING, State.RINGING, State.ANSWERED)
UP = (State.TALKING, State.TRANSFERRING, State.FORWARDING, State.RELAYING)
TIMERS = {Role.INBOUND: Timer.INBOUND_OFFER, Role.OUTBOUND: Timer.OUTBOUND_OFFER}

INSIDE_EVENTS: dict[str, Event] = {
    "HoldChanged": HoldChanged(Role.INBOUND, True),
    "Glare": Glare(Role.INBOUND, 1.5),
    "AudioHeard": AudioHeard(100),
    "silence": TimerFired(Timer.SILENCE),
    "inbound-offer": TimerFired(Timer.INBOUND_OFFER),
    "outbound-offer": TimerFired(Timer.OUTBOUND_OFFER),
}

INSIDE = [
    Case("a hold before the call is up is kept for later", NOT_UP, HoldChanged(Role.INBOUND, True), []),
    *(
        Case(
            f"the {role} leg holds",
            UP,
            HoldChanged(role, True),
            [StopTimer(TIMERS[role.other]), Offer(role.other, True)],
        )
        for role in TIMERS
    ),
    *(
        Case(
            f"offers cross on the {role} leg",
            (State.ANSWERED, *UP),
            Glare(role, 1.5),
            [StartTimer(timer, 1.5)],
        )
        for role, timer in TIMERS.items()
    ),
    *(
        Case(
            f"the {role} leg is offered again",
            (State.ANSWERED, *UP),
            TimerFired(timer),
            [Offer(role, False)],
        )
        for role, timer in TIMERS.items()
    ),
    Case("audio came", UP, AudioHeard(100), [StartTimer(Timer.SILENCE, 200)]),
    Case(
        "who waits for a transfer may be silent",
        (State.TRANSFERRING, State.FORWARDING, State.RELAYING),
        TimerFired(Timer.SILENCE),
        [StartTimer(Timer.SILENCE, 300)],
    ),
    Case(
        "no audio came for too long",
        (State.TALKING,),
        TimerFired(Timer.SILENCE),
        [Hangup(Role.INBOUND), Hangup(Role.OUTBOUND)],
        State.ENDING,
        outcomes.MEDIA_TIMEOUT,
    ),
]
