"""The guard that every pjsua2 callback goes through.

pjsua2 prints what a callback raises and goes on as if nothing had happened, so a call could be lost in silence. Here
the traceback is logged and the owner of the callback is told, which ends the call.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

log = logging.getLogger(__name__)


class Guarded(Protocol):
    """Has callbacks, and says what to do when one of them failed."""

    def callback_failed(self) -> None: ...


G = TypeVar("G", bound=Guarded)
P = ParamSpec("P")


def guarded(callback: Callable[Concatenate[G, P], None]) -> Callable[Concatenate[G, P], None]:
    """Keep an exception of `callback` inside Python, on the record, and let its owner end what it was about."""

    @functools.wraps(callback)
    def call(owner: G, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(owner, *args, **kwargs)
        except Exception:
            log.exception("callback failed", extra={"callback": callback.__name__})
            owner.callback_failed()

    return call
