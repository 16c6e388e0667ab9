"""The calls of a process: feeds their machines, keeps their timers and carries their commands out through the ports."""

from __future__ import annotations

from gateway.engine.loop import STOP_SECONDS, Engine

__all__ = ["STOP_SECONDS", "Engine"]
