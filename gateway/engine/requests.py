"""What other threads want of the SIP thread: requests wait in a queue until it has a moment."""

from __future__ import annotations

import concurrent.futures
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from gateway.errors import StoppedError

ANSWER_SECONDS = 5.0
"""How long a request waits for the SIP thread."""

T = TypeVar("T")


class Requests:
    """Posted on any thread, served on the one that calls `serve`."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._closed = False
        self._asking = threading.Lock()

    def post(self, request: Callable[[], None]) -> None:
        """Have something done; does not wait. `request` must not raise."""
        self._waiting.put(request)

    def ask(self, question: Callable[[], T]) -> T:
        """Have something answered; raises what `question` raises.

        Raises:
            TimeoutError: no answer came within ANSWER_SECONDS.
            StoppedError: none will come.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def answer() -> None:
            try:
                future.set_result(question())
            except Exception as error:
                future.set_exception(error)

        with self._asking:
            if self._closed:
                raise StoppedError("the gateway is stopping")
            self.post(answer)
        return future.result(ANSWER_SECONDS)

    def serve(self) -> None:
        """Do what is asked for by now."""
        while not self._waiting.empty():
            self._waiting.get()()

    def close(self) -> None:
        """Do what is asked for by now, and say no to what comes later."""
        with self._asking:
            self._closed = True
        self.serve()
