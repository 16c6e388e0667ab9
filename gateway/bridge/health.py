"""Which trunks can be used: URIs that answer OPTIONS (RFC 3261, section 11), registrations that hold. Pure.

A URI is up until it is known not to be: before the first answer calls go there. Whatever it answers, it is there;
silence, 503 and a connection that fails say that it is not. One that is down is asked on and comes back by itself.

Calls tell too, by silence and by a connection that fails, so that the next one need not find out again. A 503 to a call
may be about that call alone (a callee that is overloaded, a limit of the trunk) and tells nothing. Two things keep one
odd call from doing harm: the last URI of a trunk that is up is left to OPTIONS to judge, as there is no other to call;
and where calls and OPTIONS go on to disagree, calls stay away for longer each time. An answer while the call waited is
newer than what the call found.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.plan import Plan, Trunk

SILENCE = 408
REGISTER_AGAIN_SECONDS = 30.0
"""What is refused now may be allowed soon, and a registrar that is asked more often may take offence."""
OUT_OF_SERVICE = frozenset({SILENCE, 503})
SOONEST_SECONDS = 15.0
"""Between two OPTIONS to one URI, however much calls would like to know: Twilio bans who asks more often."""
RELAPSE_SECONDS = 900.0
"""So long after calls found nobody, the same again says that the answer to OPTIONS in between was worth little."""
FIRST_DOUBT_SECONDS, LONGEST_DOUBT_SECONDS = 30.0, 480.0


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to a URI of a trunk; `token` comes back with its end."""

    token: int
    trunk: str
    uri: str


@dataclass(frozen=True, slots=True)
class ProbeEnded:
    """The answer to a probe; 408 when there was none, 503 when there was no connection to ask on."""

    token: int
    code: int


@dataclass(frozen=True, slots=True)
class RegistrationEnded:
    """The answer to a REGISTER of a trunk, first or refreshing; 408 when there was none."""

    trunk: str
    code: int
    is_active: bool


@dataclass(slots=True)
class _Registration:
    """What the registrar last said of a trunk."""

    code: int = 0
    is_active: bool = False
    retry_at: float | None = None


@dataclass(slots=True)
class _Target:
    """One URI of one trunk."""

    interval: float
    next_at: float
    is_up: bool = True
    token: int = 0
    """Of the last probe."""
    asked_at: float = float("-inf")
    answer_by: float | None = None
    """When its silence is known; None while nothing is asked."""
    heard_at: float = float("-inf")
    """When it answered last."""
    missed_at: float = float("-inf")
    """When a call found nobody there last."""
    doubt: float = 0.0
    """For how many seconds after that no answer to OPTIONS counts."""

    def miss(self, now: float) -> None:
        """A call found nobody there."""
        relapsed = now - self.missed_at < RELAPSE_SECONDS
        self.doubt = min(max(FIRST_DOUBT_SECONDS, 2 * self.doubt), LONGEST_DOUBT_SECONDS) if relapsed else 0.0
        self.missed_at = now
        self.is_up = False


class TrunkHealth:
    """What is known of every URI of a plan."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, str], _Target] = {}
        self._asked: dict[int, tuple[str, str]] = {}
        self._registrations: dict[str, _Registration] = {}
        self._tokens = itertools.count(1)
        self._patience = 0.0

    def adopt(self, plan: Plan, now: float) -> None:
        """Mind the URIs of `plan` from now on; what is known of those that stay, stays."""
        self._patience = plan.limits.response_seconds
        targets = {}
        for trunk in plan.trunks:
            for uri in trunk.uris if trunk.options_interval_seconds else ():
                target = self._targets.get((trunk.name, uri)) or _Target(0, now)
                target.interval = trunk.options_interval_seconds or 0
                target.next_at = min(target.next_at, now + target.interval)
                targets[trunk.name, uri] = target
        self._targets = targets
        self._registrations = {
            trunk.name: self._registrations.get(trunk.name) or _Registration()
            for trunk in plan.trunks
            if trunk.register
        }
        self._asked = {token: key for token, key in self._asked.items() if key in targets}

    def in_order(self, trunk: Trunk) -> tuple[str, ...]:
        """The URIs of a trunk as a call should try them: those that are down last, as nothing is left to lose then."""
        return tuple(sorted(trunk.uris, key=lambda uri: not self.is_up(trunk, uri)))

    def is_up(self, trunk: Trunk, uri: str) -> bool:
        """Whether calls should go to a URI; one that is not asked counts as up."""
        target = self._targets.get((trunk.name, uri))
        return target is None or target.is_up

    def is_usable(self, trunk: Trunk) -> bool:
        """Whether a trunk has a URI that is up, and is registered if it is to be."""
        registration = self._registrations.get(trunk.name)
        is_known = registration is None or registration.is_active
        return is_known and len(self.down(trunk)) < len(trunk.uris)

    def down(self, trunk: Trunk) -> tuple[str, ...]:
        """The URIs of a trunk that calls stay away from while there is another."""
        return tuple(uri for uri in trunk.uris if not self.is_up(trunk, uri))

    def next_probes(self, now: float) -> Iterator[Probe]:
        """What to ask now."""
        for (trunk, uri), target in self._targets.items():
            if target.next_at <= now:
                self._asked.pop(target.token, None)
                target.token = next(self._tokens)
                target.asked_at, target.next_at = now, now + target.interval
                target.answer_by = now + min(self._patience, target.interval)
                self._asked[target.token] = trunk, uri
                yield Probe(target.token, trunk, uri)

    def silent(self, now: float) -> Iterator[ProbeEnded]:
        """Probes whose answer is overdue; the stack itself waits for half a minute. A late one counts all the same."""
        for target in self._targets.values():
            if target.answer_by is not None and target.answer_by <= now:
                target.answer_by = None
                yield ProbeEnded(target.token, SILENCE)

    def take(self, ended: ProbeEnded, now: float) -> tuple[str, str, bool] | None:
        """Learn from a probe: trunk, URI and whether it is up, if that has changed."""
        key = self._asked.get(ended.token)
        if key is None:
            return None
        target = self._targets[key]
        target.answer_by = None
        answers = ended.code not in OUT_OF_SERVICE
        if answers:
            target.heard_at = now
        else:
            target.missed_at = float("-inf")  # the calls were right, and so will its next answer be
            target.doubt = 0.0
        was_up, target.is_up = target.is_up, answers and now - target.missed_at >= target.doubt
        return (*key, target.is_up) if was_up is not target.is_up else None

    def miss(self, trunk: str, uri: str, called_at: float, now: float) -> bool:
        """Learn from a call that found nobody at a URI; whether it is down for that. It is asked again soon."""
        target = self._targets.get((trunk, uri))
        if target is None or not target.is_up or target.heard_at > called_at:
            return False
        target.next_at = min(target.next_at, max(now, target.asked_at + min(target.interval, SOONEST_SECONDS)))
        others = (other for (owner, _), other in self._targets.items() if owner == trunk and other is not target)
        if not any(other.is_up for other in others):
            return False
        target.miss(now)
        return True

    def due_registrations(self, now: float) -> list[str]:
        """Trunks to be registered again, after they were refused or heard nothing."""
        due = []
        for trunk, registration in self._registrations.items():
            if registration.retry_at is not None and registration.retry_at <= now:
                registration.retry_at = None
                due.append(trunk)
        return due

    def take_registration(self, ended: RegistrationEnded, now: float) -> bool:
        """Learn from an answer to REGISTER; whether it is another than the last one."""
        registration = self._registrations.get(ended.trunk)
        if registration is None:
            return False
        registration.retry_at = None if ended.is_active else now + REGISTER_AGAIN_SECONDS
        changed = (registration.code, registration.is_active) != (ended.code, ended.is_active)
        registration.code, registration.is_active = ended.code, ended.is_active
        return changed
