"""Minds the trunks: asks URIs whether they are there, registers, hears from calls who is not (`bridge.health`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateway.bridge.commands import NoteMiss
from gateway.bridge.health import ProbeEnded, RegistrationEnded, TrunkHealth
from gateway.bridge.ports import Ports
from gateway.core.plan import Plan

MIND_SECONDS = 0.1
"""How often it is looked whether a trunk has something due; its intervals are of seconds."""


class Trunks:
    """Keeps their health up to date. `missed` is where calls leave whom they did not find."""

    def __init__(self, ports: Ports, clock: Callable[[], float], missed: deque[NoteMiss]) -> None:
        self.health = TrunkHealth()
        self._sip = ports.sip
        self._observer = ports.observer
        self._clock = clock
        self._missed = missed
        self._mind_at = float("-inf")

    def adopt(self, plan: Plan) -> None:
        """Mind the trunks of `plan` from now on."""
        self.health.adopt(plan, self._clock())

    def mind(self, now: float) -> None:
        """Do what is due, though not after each of the many messages of a call."""
        if now < self._mind_at and not self._missed:
            return
        self._mind_at = now + MIND_SECONDS
        while self._missed:
            miss = self._missed.popleft()
            if self.health.miss(miss.trunk, miss.uri, now - miss.waited, now):
                self._observer.trunk_changed(miss.trunk, miss.uri, False)
        for ended in list(self.health.silent(now)):
            self.learn(ended)
        for probe in self.health.next_probes(now):
            self._sip.probe(probe)
        for trunk in self.health.due_registrations(now):
            self._sip.register(trunk)

    def learn(self, ended: ProbeEnded) -> None:
        """A question to a URI has its answer."""
        for changed in self.health.take(ended, self._clock()):
            self._observer.trunk_changed(*changed)

    def registered(self, ended: RegistrationEnded) -> None:
        """A REGISTER has its answer."""
        self._observer.registration_ended(ended, self.health.take_registration(ended, self._clock()))
