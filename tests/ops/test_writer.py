"""Log lines get to a descriptor, the thread that logs never waits, and what is lost is said."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from gateway.ops import writer
from gateway.ops.writer import LineWriter

STUCK = "x" * 200_000
"""More than a Linux pipe takes before it blocks (65536 bytes, pipe(7))."""


class Pipe:
    """A stdout with a reader that reads when told to."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)

    def start_reading(self) -> None:
        self._reader.start()

    def read_all(self) -> list[str]:
        """End the writing side and return what came through."""
        os.close(self.writing)
        if not self._reader.ident:
            self._reader.start()
        self._reader.join()
        return self.lines

    def _read(self) -> None:
        with open(self.reading, encoding="utf-8") as reader:
            self.lines = reader.read().splitlines()


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def attach(descriptor: int, capacity: int = 1000) -> LineWriter:
    handler = LineWriter(descriptor, capacity)
    handler.setFormatter(logging.Formatter("%(message)s %(dropped)s", defaults={"dropped": ""}))
    return handler


def write(handler: LineWriter, text: str, *args: object) -> None:
    handler.handle(logging.LogRecord("test", logging.INFO, __file__, 1, text, args, None))


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    handler = attach(pipe.writing)
    for number in range(1000):
        write(handler, "line %d", number)
    handler.close()
    assert [line.strip() for line in pipe.read_all()] == [f"line {number}" for number in range(1000)]
    assert handler.dropped == 0


def test_a_reader_that_does_not_read_stops_nobody_and_the_loss_is_said(pipe: Pipe) -> None:
    handler = attach(pipe.writing, capacity=10)
    write(handler, STUCK)
    for number in range(1000):
        write(handler, str(number))
    dropped = handler.dropped
    pipe.start_reading()
    handler.close()
    lines = pipe.read_all()
    assert dropped > 0
    assert lines[-1] == f"log lines dropped: whoever reads this log is too slow {dropped}"
    assert len(lines) - 1 + dropped == 1001


def test_close_does_not_wait_for_a_stuck_reader(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.05)
    handler = attach(pipe.writing)
    write(handler, STUCK)
    handler.close()
    assert handler._thread.is_alive()
    pipe.start_reading()
    handler._thread.join()
    assert [line.strip() for line in pipe.read_all()] == [STUCK]


def test_a_reader_that_left_costs_lines_not_the_gateway(pipe: Pipe) -> None:
    handler = attach(pipe.writing)
    os.close(pipe.reading)
    write(handler, "nobody reads this")
    handler.close()
    os.close(pipe.writing)
    assert handler.dropped >= 1


def test_after_close_lines_count_as_dropped(pipe: Pipe) -> None:
    handler = attach(pipe.writing)
    handler.close()
    handler.close()
    write(handler, "too late")
    assert handler.dropped == 1
    assert pipe.read_all() == []


def test_a_line_that_cannot_be_formatted_does_not_reach_the_code_that_logs(
    pipe: Pipe, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = attach(pipe.writing)
    write(handler, "%d calls", "many")
    write(handler, "next")
    handler.close()
    assert [line.strip() for line in pipe.read_all()] == ["next"]
    assert "Logging error" in capsys.readouterr().err


def test_no_thread_is_left(pipe: Pipe) -> None:
    threads = set(threading.enumerate())
    LineWriter(pipe.writing).close()
    assert set(threading.enumerate()) == threads
    pipe.read_all()
