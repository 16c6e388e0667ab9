"""Signals that come before the gateway serves: nobody knows of it yet, so it need not do more than leave.

Importing what the gateway is made of is most of its start, so this imports nothing of it.
"""

from __future__ import annotations

import os
import signal

ENDING = (signal.SIGTERM, signal.SIGINT)


def mind_start() -> None:
    """From here on SIGTERM and SIGINT end the process as done, and SIGHUP waits for `welcome_reloads`."""
    for number in ENDING:
        signal.signal(number, _leave)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def welcome_reloads() -> None:
    """Let SIGHUP come through, one that waited as well; on the main thread."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def ignore_all() -> None:
    """The end has begun and is short: nothing makes it shorter, and a default action would hide the exit code."""
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _leave(*_: object) -> None:
    os._exit(0)  # an exception could be raised where it is lost: in a callback of the stack, or in a finaliser
