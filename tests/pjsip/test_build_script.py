"""The build script's answers to what cannot be built: one line that says what is wrong and what would be right."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "config/pjsip/build.py"


def run_script(cache: Path, source: Path | str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "PJPROJECT_SOURCE": str(source)}
    command = [sys.executable, str(SCRIPT)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def write_source(folder: Path, version: str) -> Path:
    """A source folder of that version, with nothing else in it."""
    names = ("MAJOR", "MINOR", "REV")
    lines = [f"export PJ_VERSION_{name} := {number}\n" for name, number in zip(names, version.split("."), strict=False)]
    folder.mkdir()
    (folder / "version.mak").write_text("".join(lines))
    return folder


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    result = run_script(tmp_path, "/nowhere/pjproject.tar.gz")
    assert result.returncode == 1
    assert result.stderr == "pjsip: PJPROJECT_SOURCE=/nowhere/pjproject.tar.gz is neither a file nor a folder\n"


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>")
    result = run_script(tmp_path, tmp_path / "page.html")
    assert result.returncode == 1
    assert f"pjsip: {tmp_path}/page.html cannot be unpacked: tar ended with 2, see {tmp_path}" in result.stderr


@pytest.mark.parametrize("version", ["2.16", "2.9.1", "1.17"])
def test_a_source_that_is_too_old(tmp_path: Path, version: str) -> None:
    result = run_script(tmp_path, write_source(tmp_path / "source", version))
    assert result.returncode == 1
    assert f"pjsip: PJSIP {version} is too old, 2.17 or newer is needed" in result.stderr


def test_a_folder_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    result = run_script(tmp_path, tmp_path / "source")
    assert result.returncode == 1
    assert "pjsip: this is no pjproject source: it has no version.mak" in result.stderr


def test_a_failed_build_leaves_its_log_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "pbx-twilio-gateway"
    run_script(tmp_path, write_source(tmp_path / "source", "2.17"))
    assert sorted(path.name for path in cache.iterdir()) == ["build.log", "lock", "wheels"]
    assert list((cache / "wheels").iterdir()) == []


def test_what_was_built_is_found_in_the_cache_at_once() -> None:
    """The wheel that these tests run on is the one that the script answers with, without a step or a download."""
    started = time.monotonic()
    command = [sys.executable, str(SCRIPT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stderr == ""
    assert Path(result.stdout.strip()).name.startswith("gateway_pjsip-")
    assert time.monotonic() - started < 10
