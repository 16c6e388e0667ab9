"""The comfortable side of the stand-in for tests and the demo: the process, its JSON, a Voice SDK client."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import httpx
from twilio.http.http_client import TwilioHttpClient
from websockets.sync.client import ClientConnection, connect

from gateway.lab.driver import LabError
from gateway.lab.twilio.parameters import Params

START_SECONDS = 30.0
WAIT_SECONDS = 20.0
ASK_AGAIN_SECONDS = 0.02

Sheet = dict[str, Any]


class TwilioProcess:
    """A stand-in: it starts at once, and in a `with`, or after `wait`, it is up."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        command = [sys.executable, "-m", "gateway", "lab", "twilio", "--config", str(config)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, start_new_session=True
            )
        self.sip = self.url = ""
        self._client = httpx.Client(timeout=WAIT_SECONDS, trust_env=False)

    def wait(self) -> None:
        """Until it is up.

        Raises:
            LabError: it does not start.
        """
        try:
            ready = self._ready()
        except (LabError, KeyboardInterrupt):
            self.kill()
            raise
        self.sip, self.url = str(ready["sip"]), str(ready["http"])
        self._client.base_url = self.url

    def __enter__(self) -> Self:
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """End it; its exit code."""
        self._client.close()
        self._process.terminate()
        try:
            self._process.wait(WAIT_SECONDS)
        finally:
            self.kill()
        return self._process.returncode

    def kill(self) -> None:
        """End it whatever it does; harmless to repeat."""
        self._process.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()

    def page(self, path: str) -> str:
        """A page of the console."""
        return self._client.get(path).raise_for_status().text

    def calls(self) -> list[Sheet]:
        """Every call, the oldest first."""
        return cast(list[Sheet], self._client.get("/lab/calls.json").raise_for_status().json()["calls"])

    def alerts(self) -> list[Sheet]:
        """The debugger, the oldest first."""
        return cast(list[Sheet], self._client.get("/lab/debugger.json").raise_for_status().json()["alerts"])

    def wait_for_call(self, what: Callable[[Sheet], object], name: str = "such a call") -> Sheet:
        """The newest call that `what` is true of, as soon as there is one.

        Raises:
            LabError: there is none in time.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            calls = self.calls()
            found = next((call for call in reversed(calls) if what(call)), None)
            if found:
                return found
            if time.monotonic() > deadline:
                raise LabError(f"the Twilio stand-in has not seen {name}; calls: {json.dumps(calls)[-2000:]}")
            time.sleep(ASK_AGAIN_SECONDS)

    def client(self, identity: str) -> VoiceClient:
        """A Voice SDK client; use it in a `with`."""
        return VoiceClient(f"{self.url.replace('http', 'ws', 1)}/lab/clients/{identity}")

    def _ready(self) -> Sheet:
        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], START_SECONDS)[0]:
            line = self._process.stdout.readline()
            if line:
                return cast(Sheet, json.loads(line))
        raise LabError(f"the Twilio stand-in does not start\n{self._log.read_text(errors='replace')[-2000:]}")


class LabHttpClient(TwilioHttpClient):
    """What the `twilio` library's client sends its requests with, so that they go to the stand-in:

    `Client(sid, token, http_client=LabHttpClient(url))`
    """

    def __init__(self, url: str) -> None:
        super().__init__(timeout=WAIT_SECONDS)
        self._url = url
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        """The same request to the stand-in."""
        return super().request(method, self._url + urlsplit(url).path, *args, **more)


class VoiceClient:
    """A simulated Voice SDK client, registered while it is open; use it in a `with`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        opening = connect(self._url, proxy=None, open_timeout=WAIT_SECONDS)
        self._socket: ClientConnection = self._closing.enter_context(opening)
        self.expect("registered")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def expect(self, event: str) -> Sheet:
        """The next message, which must be this event."""
        message = cast(Sheet, json.loads(self._socket.recv(WAIT_SECONDS)))
        if message["event"] != event:
            raise LabError(f"the client was told {message}, not {event}")
        return message

    def accept(self, call: Sheet) -> None:
        """Take a call that came in."""
        self._tell("accept", call)

    def reject(self, call: Sheet) -> None:
        """Refuse it."""
        self._tell("reject", call)

    def hang_up(self, call: Sheet) -> None:
        """End it."""
        self._tell("hangup", call)

    def connect(self, **params: str) -> None:
        """Call, with these parameters."""
        given: Params = dict(params)
        self._socket.send(json.dumps({"do": "connect", "params": given}))

    def _tell(self, do: str, call: Sheet) -> None:
        self._socket.send(json.dumps({"do": do, "call": call["call"]}))
