"""What a reload may change in a running gateway, what needs a restart, and the open files that it allows itself."""

from __future__ import annotations

import logging
import resource
import threading
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest

import gateway.app
from gateway.app import Operator, Reloads, allow_descriptors, needs_restart
from gateway.core.plan import Admin, Limits, Listener, Media, MediaMode, TlsFiles, Transport
from gateway.errors import StartError, StoppedError
from tests.bridge.samples import CUSTOMER, FIRST, SECOND, plan

RUNNING = plan(listeners=(Listener(Transport.UDP, "10.0.0.1", 5060),), tls=TlsFiles("cert.pem", "key.pem"))


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("sip.listen", {"listeners": (Listener(Transport.UDP, "10.0.0.1", 5070),)}),
        ("sip.public_address", {"public_address": "203.0.113.7"}),
        ("sip.dscp", {"sip_dscp": 24}),
        ("media", {"media": Media(mode=MediaMode.DIRECT)}),
        ("media", {"media": Media(first_port=30_000, last_port=39_999)}),
        ("admin", {"admin": Admin(port=9465)}),
        ("admin", {"admin": Admin(token="changed")}),
        ("limits.calls", {"limits": Limits(calls=501)}),
    ],
)
def test_what_is_bound_when_the_process_starts_needs_a_restart(key: str, change: dict[str, Any]) -> None:
    [problem] = needs_restart("gw.yaml", RUNNING, replace(RUNNING, **change))
    assert str(problem) == f"gw.yaml: {key}: a change of this needs a restart"


def test_everything_that_needs_a_restart_is_said_at_once() -> None:
    wanted = replace(RUNNING, listeners=(), media=Media(codecs=("PCMA",)), limits=Limits(calls=1))
    problems = needs_restart("gw.yaml", RUNNING, wanted)
    assert [problem.path for problem in problems] == ["sip.listen", "media", "limits.calls"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"trunks": plan(uris=(FIRST, SECOND)).trunks},
        {"contract": plan(CUSTOMER).contract},
        {"limits": Limits(calls_per_second=1, ring_seconds=10, call_seconds=60, response_seconds=1, drain_seconds=9)},
        {"hash": "4567"},
    ],
    ids=["nothing", "trunks", "context", "limits", "hash"],
)
def test_what_new_calls_can_use_does_not(change: dict[str, Any]) -> None:
    assert needs_restart("gw.yaml", RUNNING, replace(RUNNING, **change)) == []


def test_no_secret_is_said() -> None:
    assert "changed" not in str(needs_restart("gw.yaml", RUNNING, replace(RUNNING, admin=Admin(token="changed"))))


def test_what_the_stack_refuses_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads the files of sip.tls once more, after the check of the file; variables go where they went."""
    wanted = replace(RUNNING, trunks=plan(uris=(FIRST, SECOND)).trunks)
    monkeypatch.setattr("gateway.app.load", lambda path: Mock(**{"plan.return_value": wanted}))
    engine, write_backs = Mock(), Mock()
    engine.change_plan.side_effect = StartError("no key in key.pem")
    operator = Operator("gw.yaml", Mock(**{"plan.return_value": RUNNING}), engine, Mock(), write_backs)
    assert operator.reload() == ["gw.yaml: no key in key.pem"]
    assert operator.plan is RUNNING
    assert [call.args for call in write_backs.adopt.call_args_list] == [(wanted.trunks,), (RUNNING.trunks,)]


def test_a_reload_that_meets_the_end_is_not_called_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.app.load", lambda path: Mock(**{"plan.return_value": RUNNING}))
    engine, metrics = Mock(), Mock()
    engine.change_plan.side_effect = StoppedError("the gateway is stopping")
    operator = Operator("gw.yaml", Mock(**{"plan.return_value": RUNNING}), engine, metrics, Mock())
    with caplog.at_level(logging.INFO):
        assert operator.reload() == ["the gateway is stopping"]
    assert [(line.levelname, line.message) for line in caplog.records] == [("INFO", "reload given up")]
    metrics.config_reloaded.assert_not_called()


def test_reloads_are_over_before_the_log_is_closed() -> None:
    begun, done = threading.Event(), []

    def reload() -> None:
        begun.wait()
        done.append(None)

    reloads = Reloads(reload)
    reloads.begin()
    reloads.begin()
    begun.set()
    reloads.finish()
    assert len(done) == 2


def test_a_reload_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.app, "RELOAD_SECONDS", 0.01)
    disk = threading.Event()
    reloads = Reloads(disk.wait)
    reloads.begin()
    reloads.finish()
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "reload"] == [True]
    disk.set()
    monkeypatch.undo()
    reloads.finish()


UNLIMITED = resource.RLIM_INFINITY
HUNDRED_CALLS = replace(RUNNING, limits=Limits(calls=100))


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1024, 65_536, [(2960, 65_536)]),
        (1024, UNLIMITED, [(2960, UNLIMITED)]),
        (1024, 2000, [(2000, 2000)]),
        (912, 912, []),
        (4096, 65_536, []),
        (UNLIMITED, UNLIMITED, []),
    ],
)
def test_open_files_for_calls_and_connections(
    soft: int, hard: int, raised: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four a call and 512; and the 2,048 of connections where the system lets us, as few peers have so many."""
    allowed: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: allowed.append(limits))
    allow_descriptors(HUNDRED_CALLS)
    assert allowed == raised


def test_too_few_open_files_for_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (911, 911))
    with pytest.raises(StartError, match=r"^limits.calls 100 needs 912 open files, the system allows 911$"):
        allow_descriptors(HUNDRED_CALLS)
