"""The Dockerfile keeps its promises: which packages go where, who runs it, and a health check that tells the truth."""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

from gateway.core.plan import Admin
from tests.docs.documents import ROOT
from tests.process.places import free_port

Instruction = tuple[str, str]
COMPILERS = ("gcc", "g++", "make", "swig")
HEALTHY, UNHEALTHY = 0, 1


def read_stages() -> list[list[Instruction]]:
    """The instructions of each stage, continued lines joined, FROM first."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[list[Instruction]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, " ".join(rest.split())))
    return stages


BUILD, RUN = read_stages()


def values(stage: list[Instruction], name: str) -> list[str]:
    return [value for instruction, value in stage if instruction == name]


def packages(section: str) -> list[str]:
    """The names in one section of the package list."""
    found, wanted = False, []
    for line in (ROOT / "config/apt-packages.txt").read_text().splitlines():
        found = line == f"[{section}]" if line.startswith("[") else found
        if found and line and line[0] not in "[#":
            wanted.append(line)
    return wanted


def installed(stage: list[Instruction]) -> list[str]:
    """What the stage's own sed takes from the package list."""
    script = next(found[1] for run in values(stage, "RUN") if (found := re.search(r"sed -n '([^']+)'", run)))
    command = ["sed", "-n", script, str(ROOT / "config/apt-packages.txt")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_each_stage_installs_its_section() -> None:
    assert installed(BUILD) == packages("build")
    assert installed(RUN) == packages("run")


def test_the_last_stage_has_what_runs_and_no_compiler() -> None:
    assert "python3" in packages("run")
    assert not [name for name in packages("run") if name in COMPILERS or name.endswith("-dev")]
    assert not [run for run in values(RUN, "RUN") if "pip" in run]


def test_both_stages_are_the_same_debian() -> None:
    """A wheel fits the Python it was built with, and so do its libraries."""
    images = {values(stage, "FROM")[0].partition(" ")[0] for stage in (BUILD, RUN)}
    assert images == {"debian:12-slim"}


def test_nobody_runs_it_as_root() -> None:
    (user,) = values(RUN, "USER")
    uid, _, gid = user.partition(":")
    assert int(uid) > 0 and int(gid) > 0
    (run,) = values(RUN, "RUN")
    assert f"groupadd --gid {gid} " in run and f"useradd --uid {uid} --gid {gid} " in run


def test_what_is_copied_is_there_and_not_ignored() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for stage in (BUILD, RUN):
        for copy in values(stage, "COPY"):
            *sources, _ = copy.split()
            for source in sources if not copy.startswith("--from=") else []:
                assert (ROOT / source).exists()
                assert any(fnmatch(source, pattern) for pattern in kept), source


def test_it_runs_and_drains() -> None:
    assert json.loads(values(RUN, "ENTRYPOINT")[0]) == ["gateway"]
    assert json.loads(values(RUN, "CMD")[0]) == ["run", "/etc/gateway/gateway.yaml"]
    assert values(RUN, "STOPSIGNAL") == ["SIGTERM"]


# ---- The health check ----


def health_command(port: int) -> list[str]:
    """The command of the health check, asking another port."""
    (check,) = values(RUN, "HEALTHCHECK")
    command: list[str] = json.loads(check.partition("CMD ")[2])
    default = str(Admin().port)
    assert command[-1].count(default) == 1
    return [*command[:-1], command[-1].replace(default, str(port))]


@contextmanager
def answering(port: int, code: int) -> Iterator[None]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with http.server.HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "verdict"),
    [pytest.param(200, HEALTHY, id="alive"), pytest.param(500, UNHEALTHY, id="broken")],
)
def test_the_health_check_believes_the_answer(code: int, verdict: int) -> None:
    port = free_port("127.0.0.1")
    with answering(port, code):
        assert subprocess.run(health_command(port), check=False).returncode == verdict


def test_the_health_check_needs_an_answer(tmp_path: Path) -> None:
    command = health_command(free_port("127.0.0.1"))
    assert subprocess.run(command, stderr=subprocess.DEVNULL, cwd=tmp_path, check=False).returncode == UNHEALTHY
