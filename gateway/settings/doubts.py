"""What a configuration without problems may still fail at: warnings for `gateway check`, which refuse nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gateway.core.plan import Plan
from gateway.settings.certificates import certificate_problems


def doubts(plan: Plan, now: datetime) -> Iterator[str]:
    """Each with its place in the file."""
    for problem in certificate_problems(plan.tls, now) if plan.tls else ():
        yield f"{problem.place}: {problem.text}; {problem.advice}"
