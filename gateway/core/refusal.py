"""The answer of a check that does not raise: the value, or a `Refusal` that says why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value was not accepted, in words a person understands and without the value itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Oversize(Refusal):
    """A limit of size was passed; the reason has the size and the limit, `excess` is how far it was passed."""

    excess: int = 1
