"""Names are looked up on other threads: what is known is said at once, what is not when it is found, and no later."""

from __future__ import annotations

import queue
from collections.abc import Callable

import pytest

from gateway.sip import resolver
from gateway.sip.resolver import MOST_NAMES, NameResolver, addresses_of
from tests.process.waiting import wait_until

ONE, TWO = ["192.0.2.1"], ["192.0.2.2", "192.0.2.3"]


class NameServer:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def lookup(self, host: str) -> list[str]:
        self.asked.put(host)
        return self.answers.get()


class Bench:
    def __init__(self) -> None:
        self.server = NameServer()
        self.answers: list[tuple[int, list[str]]] = []
        self.names = NameResolver(lambda query, addresses: self.answers.append((query, addresses)), self.server.lookup)

    def answer(self, addresses: list[str], count: int) -> None:
        """Let the name server say this, and wait until so many queries were answered in all."""
        self.server.answers.put(addresses)
        self.wait(lambda: len(self.answers) == count)

    def wait(self, condition: Callable[[], object]) -> None:
        def polled() -> object:
            self.names.poll()
            return condition()

        wait_until(polled, f"answers: {self.answers}")


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time."""

    def set_time(now: float) -> None:
        monkeypatch.setattr(resolver.time, "monotonic", lambda: now)

    return set_time


def test_a_name_is_asked_once_for_all_who_wait(bench: Bench) -> None:
    bench.names.resolve(1, "pbx.example.com")
    bench.names.resolve(2, "pbx.example.com")
    bench.names.poll()
    assert bench.answers == []
    bench.answer(TWO, 2)
    assert bench.answers == [(1, TWO), (2, TWO)]
    assert bench.server.asked.qsize() == 1


def test_what_was_prepared_is_said_at_once(bench: Bench) -> None:
    bench.names.prepare(["pbx.example.com"])
    bench.server.answers.put(ONE)
    bench.names.resolve(1, "pbx.example.com")
    bench.wait(lambda: bench.answers)
    bench.names.resolve(2, "pbx.example.com")
    assert bench.answers == [(1, ONE), (2, ONE)]


def test_a_name_that_is_not_found_fails_and_is_asked_again(bench: Bench) -> None:
    bench.names.resolve(1, "nobody.example.com")
    bench.answer([], 1)
    bench.names.resolve(2, "nobody.example.com")
    bench.answer(ONE, 2)
    assert bench.answers == [(1, []), (2, ONE)]


def test_an_old_answer_is_given_while_a_new_one_is_fetched(bench: Bench, clock: Callable[[float], None]) -> None:
    clock(100)
    bench.names.resolve(1, "pbx.example.com")
    bench.answer(ONE, 1)
    clock(131)
    bench.names.resolve(2, "pbx.example.com")
    assert bench.answers[1:] == [(2, ONE)]
    bench.server.answers.put(TWO)
    number = iter(range(3, 1000))

    def is_new() -> bool:
        bench.names.resolve(next(number), "pbx.example.com")
        return bench.answers[-1][1] == TWO

    bench.wait(is_new)
    assert bench.server.asked.qsize() == 2


def test_a_name_server_that_is_down_takes_nothing_away(bench: Bench, clock: Callable[[float], None]) -> None:
    clock(100)
    bench.names.resolve(1, "pbx.example.com")
    bench.answer(ONE, 1)
    clock(3700)
    bench.names.resolve(2, "pbx.example.com")
    bench.server.answers.put([])
    bench.wait(lambda: bench.server.answers.empty())
    bench.names.resolve(3, "pbx.example.com")
    assert bench.answers[1:] == [(2, ONE), (3, ONE)]


def test_after_a_day_an_answer_is_worth_nothing(bench: Bench, clock: Callable[[float], None]) -> None:
    clock(100)
    bench.names.resolve(1, "pbx.example.com")
    bench.answer(ONE, 1)
    clock(100 + 86401)
    bench.names.resolve(2, "pbx.example.com")
    bench.names.poll()
    assert len(bench.answers) == 1
    bench.answer(TWO, 2)


def test_peers_cannot_make_us_remember_names_without_end(bench: Bench) -> None:
    for number in range(MOST_NAMES):
        bench.names.resolve(number, f"{number}.example.com")
    bench.names.resolve(MOST_NAMES, "one-more.example.com")
    assert bench.answers == [(MOST_NAMES, [])]


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("127.0.0.9", ["127.0.0.9"]), ("localhost", ["127.0.0.1"]), ("a..b", []), ("x" * 300, []), ("name.invalid", [])],
)
def test_the_system_is_asked(host: str, addresses: list[str]) -> None:
    assert addresses_of(host) == addresses
