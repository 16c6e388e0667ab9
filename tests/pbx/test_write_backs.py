"""The queue before each PBX: who wants a variable set never waits, and everything is reported once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from gateway.core.plan import Trunk, WriteBack
from gateway.core.profiles import PROFILES
from gateway.core.terms import On, Side
from gateway.core.variables import Variable, VariableWrite, WriteResult, Written
from gateway.errors import PbxError
from gateway.pbx import write_backs
from gateway.pbx.ami import AmiChannels
from gateway.pbx.ari import AriChannels
from gateway.pbx.write_backs import WriteBacks, open_channels

ACCESS = WriteBack("ami://pbx.example:5038", "gw", "hunter2", queue=2)
PATIENCE_SECONDS = 10
DONE = Written(WriteResult.WRITTEN)


class Pbx:
    """Channels that let a test see when they are asked, and say how that goes on."""

    def __init__(self, access: WriteBack) -> None:
        self.access = access
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[list[Written] | Exception] = queue.SimpleQueue()
        self.closed = threading.Event()

    def set(self, call_id: str, variables: Sequence[Variable]) -> list[Written]:
        self.asked.put(call_id)
        answer = self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed.set()

    def busy_with(self) -> str:
        return self.asked.get(timeout=PATIENCE_SECONDS)


class Bench:
    """Write-backs to PBXs that open as they are asked for, and what is reported."""

    def __init__(self) -> None:
        self.pbxs: list[Pbx] = []
        self.told: queue.SimpleQueue[tuple[str, str, Written]] = queue.SimpleQueue()
        self.write_backs = WriteBacks(self._tell, self._open)

    def _tell(self, write: VariableWrite, variable: Variable, written: Written) -> None:
        self.told.put((write.call_id, variable.name, written))

    def _open(self, access: WriteBack) -> Pbx:
        self.pbxs.append(Pbx(access))
        return self.pbxs[-1]

    def adopt(self, *trunks: tuple[str, WriteBack | None]) -> None:
        self.write_backs.adopt(
            Trunk(name, Side.PBX, PROFILES["pbx"], (), (), write_back=access) for name, access in trunks
        )

    def write(self, call_id: str, trunk: str = "pbx", names: str = "A") -> None:
        variables = tuple(Variable(name.lower(), name, "value") for name in names)
        self.write_backs.write(VariableWrite("5f0c", trunk, call_id, On.END, variables))

    def next_told(self) -> tuple[str, str, Written]:
        return self.told.get(timeout=PATIENCE_SECONDS)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for pbx in bench.pbxs:
        for _ in range(10):
            pbx.answers.put(PbxError("the test is over"))
    bench.write_backs.close()


def test_each_variable_is_reported(bench: Bench) -> None:
    bench.adopt(("pbx", ACCESS))
    bench.pbxs[0].answers.put([DONE, Written(WriteResult.REFUSED, "why")])
    bench.write("1", names="AB")
    assert [bench.next_told() for _ in "AB"] == [
        ("1", "A", DONE),
        ("1", "B", Written(WriteResult.REFUSED, "why")),
    ]


def test_a_leg_that_is_gone_is_no_channel_without_a_call_id(bench: Bench) -> None:
    bench.adopt(("pbx", ACCESS))
    bench.write("")
    assert bench.next_told() == ("", "A", Written(WriteResult.GONE))
    assert bench.pbxs[0].asked.empty()


def test_who_writes_does_not_wait_and_what_does_not_fit_is_dropped(bench: Bench) -> None:
    """One is being written to a PBX that does not answer, two wait, and more is not kept."""
    bench.adopt(("pbx", ACCESS))
    bench.write("1")
    bench.pbxs[0].busy_with()
    for call_id in ("2", "3", "4", "5"):
        bench.write(call_id)
    dropped = Written(WriteResult.DROPPED, "2 wait already")
    assert [bench.next_told() for _ in range(2)] == [("4", "A", dropped), ("5", "A", dropped)]
    for _ in range(3):
        bench.pbxs[0].answers.put([DONE])
    assert [bench.next_told()[0] for _ in range(3)] == ["1", "2", "3"]


def test_a_pbx_that_hangs_holds_up_no_other(bench: Bench) -> None:
    bench.adopt(("pbx", ACCESS), ("other", replace(ACCESS, username="other")))
    bench.write("1")
    bench.pbxs[0].busy_with()
    bench.pbxs[1].answers.put([DONE])
    bench.write("2", trunk="other")
    assert bench.next_told() == ("2", "A", DONE)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(PbxError("AMI hung up"), "AMI hung up"), (ValueError("a bug"), "internal error")],
    ids=["the PBX", "a bug"],
)
def test_after_a_failure_it_goes_on(bench: Bench, error: Exception, reason: str) -> None:
    bench.adopt(("pbx", ACCESS))
    bench.pbxs[0].answers.put(error)
    bench.pbxs[0].answers.put([DONE])
    bench.write("1")
    bench.write("2")
    assert bench.next_told() == ("1", "A", Written(WriteResult.FAILED, reason))
    assert bench.next_told() == ("2", "A", DONE)


def test_a_trunk_that_has_no_interface_any_more(bench: Bench) -> None:
    bench.adopt(("pbx", ACCESS))
    bench.adopt(("pbx", None))
    bench.write("1")
    assert bench.next_told() == ("1", "A", Written(WriteResult.DROPPED, "the trunk has no write_back any more"))


def test_a_reload_keeps_what_did_not_change_and_ends_what_did(bench: Bench) -> None:
    """What waits for the old one is still written there."""
    bench.adopt(("pbx", ACCESS))
    bench.adopt(("pbx", ACCESS))
    assert len(bench.pbxs) == 1
    bench.write("1")
    bench.adopt(("pbx", replace(ACCESS, timeout_seconds=3)))
    bench.write("2")
    old, new = bench.pbxs
    assert (old.busy_with(), new.busy_with()) == ("1", "2")
    old.answers.put([DONE])
    assert old.closed.wait(PATIENCE_SECONDS)
    assert bench.next_told() == ("1", "A", DONE)
    assert not new.closed.is_set()


def test_the_end_waits_for_what_is_being_written(bench: Bench) -> None:
    bench.adopt(("pbx", ACCESS))
    bench.write("1")
    bench.pbxs[0].answers.put([DONE])
    bench.write_backs.close()
    assert bench.pbxs[0].closed.is_set()
    assert bench.next_told() == ("1", "A", DONE)


def test_the_end_does_not_wait_for_a_pbx_that_hangs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_backs, "CLOSE_SECONDS", 0.01)
    bench.adopt(("pbx", ACCESS))
    bench.write("1")
    bench.pbxs[0].busy_with()
    bench.write_backs.close()
    assert bench.told.empty()


def test_a_url_names_the_interface() -> None:
    assert isinstance(open_channels(ACCESS), AmiChannels)
    ari = open_channels(replace(ACCESS, url="http://pbx.example:8088/ari"))
    assert isinstance(ari, AriChannels)
    ari.close()
