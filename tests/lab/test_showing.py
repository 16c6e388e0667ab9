"""The demo's page is served to a person at a terminal and to nobody else."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

SCRIPT = "from gateway.lab.demo import show_page; show_page('<p>Zoë</p>', None); print('over')"
WAIT_SECONDS = 30


class Terminal:
    """A program that has one."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._shown = ""

    def wait_for(self, pattern: str) -> str:
        """What the pattern's group matches, once it is shown."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (found := re.search(pattern, self._shown)) is None:
            ready = select.select([self._descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, self._shown
            self._shown += os.read(self._descriptor, 4096).decode()
        return found[1]


def heed_control_c() -> None:
    """Whoever runs the tests in the background of a shell has it ignored, and what they start inherits that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def at_a_terminal(**environment: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "CI"}
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", SCRIPT],
        stdin=theirs,
        stdout=theirs,
        env={**plain, **environment},
        preexec_fn=heed_control_c,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_it_is_served_on_loopback_until_control_c() -> None:
    with at_a_terminal() as terminal:
        url = terminal.wait_for(r"As a web page: (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends this\)")
        page = httpx.get(url, trust_env=False, timeout=WAIT_SECONDS)
        assert (page.status_code, page.text) == (200, "<p>Zoë</p>")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert httpx.get(f"{url}etc/passwd", trust_env=False, timeout=WAIT_SECONDS).status_code == 404
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for("(over)")
        assert terminal.process.wait(WAIT_SECONDS) == 0


def test_a_pipeline_with_a_terminal_is_not_kept_waiting() -> None:
    with at_a_terminal(CI="true") as terminal:
        terminal.wait_for("(over)")
        assert terminal.process.wait(WAIT_SECONDS) == 0


@pytest.mark.parametrize("end", ["stdin", "stdout"])
def test_who_has_no_whole_terminal_is_not_kept_waiting(end: str) -> None:
    ours, theirs = pty.openpty()
    ends = {"stdin": theirs, "stdout": theirs, end: subprocess.DEVNULL}
    plain = {name: value for name, value in os.environ.items() if name != "CI"}
    try:
        subprocess.run([sys.executable, "-c", SCRIPT], **ends, env=plain, timeout=WAIT_SECONDS, check=True)
    finally:
        os.close(ours)
        os.close(theirs)
