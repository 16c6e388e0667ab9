"""What a cell of the call table does, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.bridge.call import State
from gateway.bridge.commands import Command
from gateway.bridge.events import Event
from gateway.bridge.outcome import Outcome


@dataclass(frozen=True)
class Case:
    """In each of these states, an event makes the machine do this."""

    name: str
    states: tuple[State, ...]
    event: Event
    commands: list[Command]
    becomes: State | None = None
    """None: the state stays."""
    outcome: Outcome | None = None
    code: int | None = None
