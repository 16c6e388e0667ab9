"""The comfortable side of `gateway.lab.phone`: telephones as Python objects, each a process of its own.

Every wait has a deadline and ends as soon as what it waits for is there. A wait in vain raises LabError with what
happened instead.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.lab.tone import LOUDNESS_DBFS, Sound, Tone, find_tone, read_wav

Event = dict[str, object]
HeaderPairs = Iterable[tuple[str, str]]

TIMEOUT_SECONDS = 20.0
"""Patience with a busy machine: what is waited for takes milliseconds on a quiet one."""
START_SECONDS = 20.0
SETTLE_SECONDS = 0.3
"""What a recording starts with and nobody judges: packets in flight and a jitter buffer that fills."""
SHOWN_LINES = 5


class LabError(Exception):
    """A stand-in did not do, or did not get, what was expected; the text is for a person."""


class Phone:
    """A telephone. Use it in a `with`, or `stop` it; it also ends when this process does.

    Everything it writes is in `folder`: its log, and the recordings that `Call.listen` makes.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._process = process
        self._rest = b""
        self._waiting: list[Event] = []
        self._recordings = itertools.count(1)
        ready = self.expect("ready", START_SECONDS)
        self.uri = str(ready["uri"])
        self.address = str(ready["address"])
        self.port = int(str(ready["port"]))

    @classmethod
    def start(cls, name: str, address: str, folder: Path, port: int = 0) -> Self:
        """A telephone at `address`, once it is ready.

        Raises:
            LabError: it does not start, the address or port cannot be had.
        """
        command = [sys.executable, "-m", "gateway.lab.phone", address, str(port)]
        with _log(folder, name).open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        try:
            return cls(name, process, folder)
        except (LabError, KeyboardInterrupt):
            _end(process)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Hang up everything and end the process; its exit code."""
        return _end(self._process)

    def call(self, uri: str, headers: HeaderPairs = (), caller: str = "") -> Call:
        """Place a call with these headers; `caller` is the name-addr that From shows."""
        self.tell(do="call", uri=uri, headers=list(headers), caller=caller)
        return Call(self, self.expect("placed"))

    def expect_call(self, timeout: float = TIMEOUT_SECONDS) -> Call:
        """The next INVITE that arrives, or has arrived."""
        return Call(self, self.expect("invite", timeout))

    def expect(self, event: str, timeout: float = TIMEOUT_SECONDS, call: int | None = None) -> Event:
        """The first event of that name, of that call, that nobody has taken yet; others are kept for who wants them.

        Raises:
            LabError: it did not come in time, a command failed, or the telephone is gone.
        """
        deadline = time.monotonic() + timeout
        while True:
            for place, candidate in enumerate(self._waiting):
                if candidate["event"] == event and (call is None or candidate.get("call") == call):
                    return self._waiting.pop(place)
                if candidate["event"] in ("failed", "fault"):
                    raise LabError(f"{self.name}: {json.dumps(self._waiting.pop(place))}")
            if not self._read(deadline):
                raise LabError(f"{self.name}: no {event!r} within {timeout:.1f} s{self._instead(call)}")

    def seen(self) -> list[Event]:
        """What has arrived and was not taken, in order; to show that something did not happen."""
        while self._read(time.monotonic()):
            pass
        return list(self._waiting)

    def new_recording(self) -> Path:
        """Where the next recording goes."""
        return self.folder / f"{self.name}-{next(self._recordings)}.wav"

    def tell(self, **command: object) -> None:
        """Give a command as `gateway.lab.phone` documents it.

        Raises:
            LabError: the telephone is gone.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise LabError(f"{self.name}: the telephone is gone{self._instead()}") from None

    def _read(self, deadline: float) -> bool:
        """Take in what the telephone says; False when the deadline passed without a word."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        chunk = os.read(descriptor, 65536)
        if not chunk:
            raise LabError(f"{self.name}: the telephone is gone{self._instead()}")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._waiting.extend(json.loads(line) for line in lines)
        return True

    def _instead(self, call: int | None = None) -> str:
        """What did happen, for an error."""
        events = [event for event in self._waiting if call is None or event.get("call") == call]
        seen = ", ".join(str(event["event"]) for event in events) or "nothing"
        log = _log(self.folder, self.name).read_text(errors="replace").splitlines()[-SHOWN_LINES:]
        return f"; it reported: {seen}" + "".join(f"\n  log: {line}" for line in log)


class Call:
    """One call of a telephone, placed or arrived."""

    def __init__(self, phone: Phone, first: Event) -> None:
        self.phone = phone
        self.number = int(str(first["call"]))
        self.invite = str(first.get("message", ""))
        """The INVITE as it arrived; empty for a call that was placed."""
        self.call_id = str(first.get("call_id", "")) or dict(self.headers)["Call-ID"]

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the INVITE that arrived, as they were spelled, in order."""
        return read_headers(self.invite)

    def answer(self, code: int = 200, headers: HeaderPairs = ()) -> None:
        """Send a response: 180 rings, 183 opens audio early, 200 answers, more refuses."""
        self._tell("answer", code=code, headers=list(headers))

    def hangup(self, code: int = 0, headers: HeaderPairs = ()) -> None:
        """CANCEL, BYE, or the final response `code`, as the call's state asks for."""
        self._tell("hangup", code=code, headers=list(headers))

    def play(self, hz: int, dbfs: float = LOUDNESS_DBFS) -> None:
        """A tone for the other side from now on, or from when audio flows."""
        self._tell("play", hz=hz, dbfs=dbfs)

    def press(self, digits: str) -> None:
        """Send DTMF by RFC 4733."""
        self._tell("press", digits=digits)

    def refer(self, target: str) -> int:
        """Send REFER with this Refer-To; the response to it."""
        self._tell("refer", target=target)
        return int(str(self.expect("refer-answered")["code"]))

    def hold(self, on: bool = True) -> None:
        """Hold the other side by a re-INVITE, or resume."""
        self._tell("hold", on=on)

    def listen(self, seconds: float = 1.0) -> None:
        """Start to record; audio must flow (`expect("audio")`). `sound` and `tone` give what was heard."""
        self._tell("listen", path=str(self.phone.new_recording()), seconds=seconds + SETTLE_SECONDS)

    def sound(self, timeout: float = TIMEOUT_SECONDS) -> Sound:
        """What was heard since `listen`, without its first moments."""
        path = str(self.expect("recorded", timeout)["path"])
        return read_wav(Path(path)).since(SETTLE_SECONDS)

    def tone(self, timeout: float = TIMEOUT_SECONDS) -> Tone | None:
        """The tone that was heard since `listen`; None in silence."""
        return find_tone(self.sound(timeout))

    def expect(self, event: str, timeout: float = TIMEOUT_SECONDS) -> Event:
        """The first such event of this call that nobody has taken yet."""
        return self.phone.expect(event, timeout, self.number)

    def expect_digits(self, count: int, timeout: float = TIMEOUT_SECONDS) -> str:
        """The next `count` DTMF digits."""
        deadline = time.monotonic() + timeout
        return "".join(str(self.expect("digit", deadline - time.monotonic())["digit"]) for _ in range(count))

    def _tell(self, do: str, **details: object) -> None:
        self.phone.tell(do=do, call=self.number, **details)


def read_headers(message: str) -> list[tuple[str, str]]:
    """The headers of a SIP message as they were spelled, folded lines joined (RFC 3261, section 7.3.1).

    Short and separate from the gateway's own parser on purpose: what judges it must not share its mistakes.
    """
    head = message.replace("\r\n", "\n").partition("\n\n")[0].replace("\n ", " ").replace("\n\t", " ")
    pairs = (line.partition(":") for line in head.split("\n")[1:])
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _log(folder: Path, name: str) -> Path:
    return folder / f"{name}.log"


def _end(process: subprocess.Popen[bytes]) -> int:
    """Let a telephone end, or end it; its exit code. Harmless to repeat."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    process.stdout.close()
    return process.wait()
