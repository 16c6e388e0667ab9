"""The command line: what is called with what, and the exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.errors import ConfigError, Problem, StartError
from tests.settings.samples import SOUND


@pytest.fixture
def sound_file(tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text(SOUND)
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["run"],
        ["check"],
        ["check", "a.yaml", "b.yaml"],
        ["run", "a.yaml", "--log-level", "LOUD"],
        ["demo", "a.yaml"],
        ["calls", "--adm", "http://127.0.0.1:1"],
        ["status", "--admin"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: gateway")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert [word for word in ("run", "check", "demo", "calls", "status", "drain", "reload") if word not in text] == []


def test_check_says_what_would_run(sound_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", sound_file]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{sound_file}: no problems; this is what would run")
    assert printed.err == ""


def test_check_says_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(SOUND + "limits: {calls: 0}\nmedia: {mode: direct}\n")
    assert main(["check", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"{file}: limits.calls: must be a whole number of calls from 1 to 1000, not '0'",
        f"{file}: media.mode: 'direct' is not available in this version; it can be relay",
    ]


def test_check_of_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "/nowhere/gateway.yaml"]) == 1
    assert capsys.readouterr().err == "/nowhere/gateway.yaml: cannot be read: No such file or directory\n"


def test_run_hands_over_and_gives_back_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def run(path: str, level: str) -> int:
        asked.append((path, level))
        return 0

    monkeypatch.setattr("gateway.app.run", run)
    assert main(["run", "a.yaml"]) == 0
    assert main(["run", "b.yaml", "--log-level", "DEBUG"]) == 0
    assert asked == [("a.yaml", "INFO"), ("b.yaml", "DEBUG")]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConfigError([Problem("a.yaml", "sip", "is missing"), Problem("a.yaml", "", "is odd")]),
            "a.yaml: sip: is missing\na.yaml: is odd\n",
        ),
        (StartError("port 5060 is taken"), "port 5060 is taken\n"),
    ],
    ids=["a bad file", "a machine that cannot"],
)
def test_a_gateway_that_could_not_start_is_3(
    error: Exception, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(path: str, level: str) -> int:
        raise error

    monkeypatch.setattr("gateway.app.run", run)
    assert main(["run", "a.yaml"]) == 3
    assert capsys.readouterr().err == text


def demo_module(outcome: int | Exception) -> types.ModuleType:
    def demo(asterisk: str | None, page: str | None) -> int:
        assert asterisk is page is None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    module = types.ModuleType("gateway.lab.demo")
    module.main = demo  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(("outcome", "code"), [(0, 0), (1, 1), (StartError("no build of PJSIP"), 3)])
def test_demo_gives_back_its_verdict(
    outcome: int | Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gateway.lab.demo", demo_module(outcome))
    assert main(["demo"]) == code
    assert capsys.readouterr().err == (f"{outcome}\n" if code == 3 else "")


def test_a_demo_without_the_packages_of_the_lab_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.lab.demo", raising=False)
    monkeypatch.setitem(sys.modules, "gateway.lab.cloud", None)
    assert main(["demo"]) == 3
    assert capsys.readouterr().err.endswith("; install the gateway with its extra [lab]\n")


def test_check_needs_no_sip_stack_and_runs_as_a_module(sound_file: str) -> None:
    block = "import sys, runpy; sys.modules['pjsua2'] = None; runpy.run_module('gateway', run_name='__main__')"
    command = [sys.executable, "-W", "error", "-c", block, "check", sound_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=25, env=os.environ | {"LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "no problems" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "stream"),
    [
        (["--help"], "stdout"),
        (["check", "FILE"], "stdout"),
        (["contract", "FILE"], "stdout"),
        (["check", "/nowhere/gateway.yaml"], "stderr"),
        (["status", "--admin", "http://127.0.0.1:1"], "stderr"),
    ],
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(arguments: list[str], stream: str, sound_file: str) -> None:
    """As with `| head`: the signal that ends other tools ends us, and nothing is said."""
    command = [sys.executable, "-m", "gateway", *(sound_file if word == "FILE" else word for word in arguments)]
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    done = subprocess.run(command, **streams, text=True, timeout=25)
    os.close(writing)
    assert (done.returncode, done.stdout or "", done.stderr or "") == (-signal.SIGPIPE, "", "")


@pytest.mark.parametrize("command", ["check", "contract"])
def test_output_that_cannot_be_written_is_one_clear_line(command: str, sound_file: str) -> None:
    with Path("/dev/full").open("w") as full:
        run = [sys.executable, "-m", "gateway", command, sound_file]
        done = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, timeout=25)
    said = "gateway: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_without_anywhere_to_print_it_works_all_the_same(sound_file: str) -> None:
    command = f"exec {sys.executable} -m gateway check {sound_file} >&-"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=25)
    assert (done.returncode, done.stderr) == (0, "")
