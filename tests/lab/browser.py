"""Chromium without a window, told what to do over its DevTools pipe: opens pages, asks them, takes pictures."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 60
"""A machine that is busy with other tests starts a browser slowly."""
TALKATIVE = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # refused to root without; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)

Message = dict[str, Any]


class BrowserError(AssertionError):
    """The browser did not do what it was told."""


class Browser:
    """One browser with one page. `complaints` is what it wrote to its console since the last `open`."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, answers: int) -> None:
        self._process = process
        self._commands, self._answers = commands, answers
        self._rest = b""
        self._number = 0
        self._session = ""
        self._told: list[Message] = []
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._do(f"{domain}.enable")

    def open(self, url: str, width: int, dark: bool = False) -> None:
        """Load a page on a screen of that width."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        self._do("Emulation.setEmulatedMedia", features=[scheme])
        self._told.clear()
        self._do("Page.navigate", url=url)
        self._wait_for("Page.loadEventFired")

    @property
    def complaints(self) -> list[Message]:
        """Errors, warnings, anything."""
        return [message for message in self._told if message["method"] in TALKATIVE]

    def ask(self, expression: str) -> Any:
        """The value of JavaScript in the page."""
        answer = self._do("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def take_picture(self, path: Path) -> None:
        """Of the whole page, as PNG."""
        picture = self._do("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))

    def _do(self, method: str, **params: object) -> Message:
        self._number += 1
        message: Message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        answer = next(answer for answer in self._read() if answer.get("id") == self._number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: Message = answer["result"]
        return result

    def _wait_for(self, event: str) -> None:
        if not any(message["method"] == event for message in self._told):
            next(message for message in self._read() if message.get("method") == event)

    def _read(self) -> Iterator[Message]:
        """What it says, until it says nothing for too long; events are kept too."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            while b"\0" in self._rest:
                octets, _, self._rest = self._rest.partition(b"\0")
                message: Message = json.loads(octets)
                if "method" in message:
                    self._told.append(message)
                yield message
            ready = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0]
            chunk = os.read(self._answers, 1 << 20) if ready else b""
            if not chunk:
                raise BrowserError(f"the browser is {'gone' if ready else 'silent'} (code {self._process.poll()})")
            self._rest += chunk


@contextmanager
def run_browser(folder: Path) -> Iterator[Browser]:
    """A browser whose files are in `folder`."""
    to_browser, commands = _pipe()
    answers, from_browser = _pipe()
    arguments = ["chromium", *OPTIONS, f"--user-data-dir={folder}/profile", "about:blank"]
    # Chromium reads its pipe at descriptor 3 and writes at 4.
    script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *arguments],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Browser(process, commands, answers)
    finally:
        os.close(commands)
        os.close(answers)
        try:
            process.wait(10)  # it ends when its pipe does
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are none of those that Chromium wants its own at."""
    plain = os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in plain]
    for end in plain:
        os.close(end)
    return ends[0], ends[1]
