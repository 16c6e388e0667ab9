"""A real gateway as a process of its own, for the demo: start it, ask its admin interface, stop it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import cast

import httpx

from gateway.lab.driver import LabError

Answer = dict[str, object]

START_SECONDS = 20.0
ANSWER_SECONDS = 20.0
STOP_SECONDS = 20.0
ASK_AGAIN_SECONDS = 0.02
SHOWN_LINES = 5


@dataclass(frozen=True, slots=True)
class Ending:
    """How a gateway ended: its exit code, and the lines of its output that tell of errors."""

    code: int
    errors: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong in its whole life."""
        return self.code == 0 and not self.errors


class GatewayProcess:
    """A running gateway.

    Raises:
        LabError: it does not become ready.
    """

    def __init__(self, config: Path, admin: str, log: Path) -> None:
        self._log = log
        self._client = httpx.Client(base_url=f"http://{admin}", timeout=ANSWER_SECONDS, trust_env=False)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until(self._is_ready, START_SECONDS, "the gateway does not become ready")
        except (LabError, KeyboardInterrupt):
            self.kill()
            raise

    def ask(self, path: str) -> Answer:
        """What the admin interface answers to GET.

        Raises:
            LabError: it does not answer, or not with 200.
        """
        try:
            answer = self._client.get(path)
        except httpx.HTTPError as error:
            raise LabError(f"the gateway does not answer {path}: {error}") from None
        if answer.status_code != HTTPStatus.OK:
            raise LabError(f"the gateway answers {path} with {answer.status_code}: {answer.text[:200]}")
        return cast(Answer, answer.json())

    def ended_call(self, inbound_call_id: str) -> Answer:
        """The record of a call, once it has ended.

        Raises:
            LabError: there is none in time.
        """
        found: list[Answer] = []

        def look() -> bool:
            calls = cast(list[Answer], self.ask("/calls")["calls"])
            found[:] = [call for call in calls if call["inbound_call_id"] == inbound_call_id and call["ended"]]
            return bool(found)

        self._wait_until(look, ANSWER_SECONDS, "the gateway has no record of the call's end")
        return self.ask(f"/calls/{found[0]['id']}")

    def active_calls(self) -> int:
        """Calls in progress."""
        return cast(int, self.ask("/status")["calls"])

    def stop(self) -> Ending:
        """Let it drain and end.

        Raises:
            LabError: it does not end by itself; it is killed then.
        """
        self._process.terminate()
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise LabError(f"the gateway does not stop within {STOP_SECONDS} s") from None
        finally:
            self.kill()
        return Ending(code, tuple(line for line in self._lines() if _is_error(line)))

    def kill(self) -> None:
        """End it whatever it does; harmless to repeat."""
        self._client.close()
        self._process.kill()
        self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return self._client.get("/readyz").status_code == HTTPStatus.OK
        except httpx.HTTPError:
            return False

    def _wait_until(self, condition: Callable[[], bool], timeout: float, failure: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LabError(f"{failure} within {timeout} s")
            try:
                code = self._process.wait(ASK_AGAIN_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            last = "".join(f"\n  log: {line}" for line in self._lines()[-SHOWN_LINES:])
            raise LabError(f"{failure}: it ended with code {code}{last}")

    def _lines(self) -> list[str]:
        return self._log.read_text(errors="replace").splitlines()


def _is_error(line: str) -> bool:
    """Whether a line says that something is wrong; one that is no JSON was not written by the log."""
    try:
        return bool(json.loads(line)["level"] == "ERROR")
    except (ValueError, KeyError, TypeError):
        return True


def free_port(address: str, kind: socket.SocketKind) -> int:
    """A port that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
