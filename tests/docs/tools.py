"""promtool, for tests: Debian's own, unpacked into the cache. Installing its package would start a Prometheus."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

from config.pjsip import build

PACKAGE = "prometheus"


def find_promtool() -> Path:
    """The one that is installed, or in the cache, or in the Debian archive (19 MB, once for each machine).

    Raises:
        AssertionError: apt does not give the package.
    """
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    build.CACHE.mkdir(parents=True, exist_ok=True)
    target = build.CACHE / "promtool"
    with (build.CACHE / "promtool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unpack_promtool(target)
    return target


def unpack_promtool(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="promtool-", dir=target.parent) as name:
        folder = Path(name)
        download = ["apt-get", "--quiet", "download", PACKAGE]
        result = subprocess.run(download, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"apt does not give {PACKAGE}: {result.stderr.strip()[-300:]}"
        (package,) = folder.glob(f"{PACKAGE}_*.deb")
        subprocess.run(["dpkg-deb", "-x", package.name, "tree"], cwd=folder, check=True)
        (folder / "tree/usr/bin/promtool").replace(target)


def promtool(*arguments: str, text: str | None = None, folder: Path | None = None) -> None:
    """Let promtool check something; what it complains about fails the test."""
    command = [str(find_promtool()), *arguments]
    result = subprocess.run(command, input=text, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
