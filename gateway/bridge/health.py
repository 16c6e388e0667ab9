"""Which trunks can be used: URIs that answer OPTIONS (RFC 3261, section 11), registrations that hold. Pure.

A URI is up until it is known not to be: before the first answer calls go there. Whatever it answers, it is there;
silence, 503 and a connection that fails say that it is not. One that is down is asked on and comes back by itself.

Calls tell too, by silence and by a connection that fails, so that the next one need not find out again. A 503 to a call
may be about that call alone (a callee that is overloaded, a limit of the trunk) and tells nothing. Two things keep one
odd call from doing harm: the last URI of a trunk that is up is left to OPTIONS to judge, as there is no other to call;
and where calls and OPTIONS go on to disagree, calls stay away for longer each time. An answer while the call waited is
newer than what the call found.

Trunks that have the same URI share its OPTIONS, so that it is not asked more often for that. What calls tell is for the
trunk they were on, as whether there is another URI is too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from gateway.core.frozen import frozen
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


@frozen
class Probe:
    """A question to a URI of a trunk; `token` comes back with its end."""

    token: int
    trunk: str
    uri: str


@frozen
class ProbeEnded:
    """The answer to a probe; 408 when there was none, 503 when there was no connection to ask on."""

    token: int
    code: int


@frozen
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
class _Question:
    """One URI, which is asked for all trunks that have it; `trunk` is the one that does."""

    trunk: str
    interval: float
    next_at: float
    answers: bool = True
    """What OPTIONS said last."""
    token: int = 0
    """Of the last probe."""
    asked_at: float = float("-inf")
    answer_by: float | None = None
    """When its silence is known; None while nothing is asked."""
    heard_at: float = float("-inf")
    """When it answered last."""


@dataclass(slots=True)
class _Target:
    """One URI of one trunk."""

    is_up: bool
    missed_at: float = float("-inf")
    """When a call found nobody there last."""
    doubt: float = 0.0
    """For how many seconds after that no answer to OPTIONS counts."""

    def take(self, answers: bool, now: float) -> bool:
        """Whether what OPTIONS say changes anything."""
        if not answers:
            self.missed_at = float("-inf")  # the calls were right, and so will its next answer be
            self.doubt = 0.0
        was_up, self.is_up = self.is_up, answers and now - self.missed_at >= self.doubt
        return was_up is not self.is_up

    def miss(self, now: float) -> None:
        """A call found nobody there."""
        relapsed = now - self.missed_at < RELAPSE_SECONDS
        self.doubt = min(max(FIRST_DOUBT_SECONDS, 2 * self.doubt), LONGEST_DOUBT_SECONDS) if relapsed else 0.0
        self.missed_at = now
        self.is_up = False


class TrunkHealth:
    """What is known of every URI of a plan."""

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}
        self._targets: dict[tuple[str, str], _Target] = {}
        self._asked: dict[int, str] = {}
        self._registrations: dict[str, _Registration] = {}
        self._tokens = itertools.count(1)
        self._patience = 0.0

    def adopt(self, plan: Plan, now: float) -> None:
        """Mind the URIs of `plan` from now on; what is known of those that stay, stays."""
        self._patience = plan.limits.response_seconds
        self._questions = self._questions_of(plan, now)
        self._targets = {
            (trunk.name, uri): self._targets.get((trunk.name, uri)) or _Target(self._questions[uri].answers)
            for trunk in plan.trunks
            for uri in (trunk.uris if trunk.options_interval_seconds else ())
        }
        self._registrations = {
            trunk.name: self._registrations.get(trunk.name) or _Registration()
            for trunk in plan.trunks
            if trunk.register
        }
        self._asked = {token: uri for token, uri in self._asked.items() if uri in self._questions}

    def _questions_of(self, plan: Plan, now: float) -> dict[str, _Question]:
        """Each URI that is asked, as often as that of its trunks wants which wants it most often."""
        wanted = [
            (trunk.options_interval_seconds, trunk.name, uri)
            for trunk in plan.trunks
            if trunk.options_interval_seconds
            for uri in trunk.uris
        ]
        questions: dict[str, _Question] = {}
        for interval, trunk, uri in sorted(wanted, key=itemgetter(0)):
            if uri not in questions:
                question = self._questions.get(uri) or _Question(trunk, interval, now)
                question.trunk, question.interval = trunk, interval
                question.next_at = min(question.next_at, now + interval)
                questions[uri] = question
        return questions

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
        for uri, question in self._questions.items():
            if question.next_at <= now:
                self._asked.pop(question.token, None)
                question.token = next(self._tokens)
                question.asked_at, question.next_at = now, now + question.interval
                question.answer_by = now + min(self._patience, question.interval)
                self._asked[question.token] = uri
                yield Probe(question.token, question.trunk, uri)

    def silent(self, now: float) -> Iterator[ProbeEnded]:
        """Probes whose answer is overdue; the stack itself waits for half a minute. A late one counts all the same."""
        for question in self._questions.values():
            if question.answer_by is not None and question.answer_by <= now:
                question.answer_by = None
                yield ProbeEnded(question.token, SILENCE)

    def take(self, ended: ProbeEnded, now: float) -> list[tuple[str, str, bool]]:
        """Learn from a probe: trunk, URI and whether it is up, of each for which that has changed."""
        uri = self._asked.get(ended.token)
        if uri is None:
            return []
        question = self._questions[uri]
        question.answer_by, question.answers = None, ended.code not in OUT_OF_SERVICE
        if question.answers:
            question.heard_at = now
        targets = [(trunk, target) for (trunk, of), target in self._targets.items() if of == uri]
        return [(trunk, uri, target.is_up) for trunk, target in targets if target.take(question.answers, now)]

    def miss(self, trunk: str, uri: str, called_at: float, now: float) -> bool:
        """Learn from a call that found nobody at a URI; whether it is down for that. It is asked again soon."""
        target = self._targets.get((trunk, uri))
        if target is None or not target.is_up or self._questions[uri].heard_at > called_at:
            return False
        question = self._questions[uri]
        soonest = question.asked_at + min(question.interval, SOONEST_SECONDS)
        question.next_at = min(question.next_at, max(now, soonest))
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
