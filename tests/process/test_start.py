"""How the process begins, and how it refuses to: one clear line, nothing that listens, and an exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.process.conftest import StartGateway
from tests.process.daemon import COMMAND, Gateway, Site
from tests.process.process_files import is_bound
from tests.process.waiting import wait_until

NOT_STARTED = 3


def refused(site: Site, tree: object) -> str:
    """Run a configuration that cannot run; what it says."""
    path = site.folder / "gateway.yaml"
    path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree))
    run = subprocess.run([str(COMMAND), "run", str(path)], capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == NOT_STARTED
    assert "Traceback" not in run.stderr
    return run.stderr


def test_a_configuration_that_cannot_work_is_refused_before_anything_listens(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((site.gateway.host, site.gateway.port))  # who tried to listen would say so instead
        tree = site.configuration()
        tree["limits"]["calls"] = 0
        tree["trunks"]["pbx"]["sid"] = "pbx"
        said = refused(site, tree)
    assert "limits.calls" in said
    assert "trunks.pbx.sid" in said
    assert "listen on" not in said


def test_a_sip_port_that_is_taken(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((site.gateway.host, site.gateway.port))
        said = refused(site, site.configuration())
    assert said.startswith(f"cannot listen on udp://{site.gateway}: ")
    assert said.count("\n") == 1
    assert not is_bound(site.admin.host, site.admin.port)


def test_an_admin_port_that_is_taken(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with socket.socket() as taken:
        taken.bind((site.admin.host, site.admin.port))
        taken.listen()
        said = refused(site, site.configuration())
    assert str(site.admin) in said
    assert said.count("\n") == 1
    assert not is_bound(site.gateway.host, site.gateway.port)


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that begins and waits for its configuration: a pipe that nobody has written to."""
    site = Site(tmp_path)
    gateway = Gateway(site, site.configuration())
    os.mkfifo(gateway.config_path)
    gateway.launch()
    yield gateway
    if not gateway.has_exited():  # a failed test left it
        gateway.process.kill()
        gateway.process.wait()


def reads_configuration(gateway: Gateway) -> int:
    """The descriptor to write the configuration to, once the gateway waits for it.

    Until it sleeps a signal may come between the last look of Python for one and the call that waits.
    """

    def reader() -> int | None:
        with contextlib.suppress(OSError):
            return os.open(gateway.config_path, os.O_WRONLY | os.O_NONBLOCK)
        return None

    def sleeps() -> bool:
        return Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    pipe = wait_until(reader, "the configuration is read")
    wait_until(sleeps, "it waits for what is in it")
    assert pipe is not None
    return pipe


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_start_is_an_end_like_another(waiting: Gateway, number: signal.Signals) -> None:
    pipe = reads_configuration(waiting)
    waiting.signal(number)
    wait_until(waiting.has_exited, "the process has ended")
    os.close(pipe)
    waiting.stop()  # says whether it ended well
    assert waiting.log() == []


def test_a_reload_that_is_asked_for_before_the_start_is_done_after_it_and_does_not_hold_the_end(
    waiting: Gateway,
) -> None:
    pipe = reads_configuration(waiting)
    waiting.signal(signal.SIGHUP)
    os.write(pipe, yaml.safe_dump(waiting.configuration).encode())
    os.close(pipe)
    waiting.told(msg="started")
    pipe = reads_configuration(waiting)  # this time for the reload, which gets none
    waiting.stop()
    os.close(pipe)
    assert [line["msg"] for line in waiting.log()] == ["started", "draining", "stopped"]


def test_the_log_begins_and_ends_with_the_process(start_gateway: StartGateway) -> None:
    gateway: Gateway = start_gateway()
    gateway.stop()
    assert [line["msg"] for line in gateway.log()] == ["started", "draining", "stopped"]
    assert gateway.log_path.read_text().count("\n") == 3
