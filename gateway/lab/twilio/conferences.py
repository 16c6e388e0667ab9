"""Conferences: everybody in one hears everybody else."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.lab.twilio.legs import Leg
from gateway.lab.twilio.parameters import new_sid


@dataclass(slots=True)
class Conference:
    """One conference and the legs in it."""

    name: str
    sid: str = field(default_factory=lambda: new_sid("CF"))
    members: dict[str, Leg] = field(default_factory=dict)
    """By CallSid."""

    async def attend(self, call_sid: str, leg: Leg) -> None:
        """Be in it until the leg ends."""
        for other in self.members.values():
            leg.link(other)
        self.members[call_sid] = leg
        try:
            await leg.ended
        finally:
            del self.members[call_sid]
            for other in self.members.values():
                other.unlink(leg)


class Conferences:
    """Those that there are, by name; one is made by whoever comes first."""

    def __init__(self) -> None:
        self._by_name: dict[str, Conference] = {}

    def find(self, name_or_sid: str) -> Conference:
        """The conference of that name, or of that sid."""
        for conference in self._by_name.values():
            if conference.sid == name_or_sid:
                return conference
        return self._by_name.setdefault(name_or_sid, Conference(name_or_sid))
