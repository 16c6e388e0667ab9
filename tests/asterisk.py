"""A real Asterisk for tests and benchmarks: Debian's, unpacked into the cache and run from there, never installed.

It needs no root: the tree's own dynamic loader starts it, and asterisk.conf names every folder. Each one has its own
configuration, folder and address, so several can run at once, and it is ended by its own process id.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from config.pjsip import build

START_SECONDS = 30
STOP_SECONDS = 10
UNPACKED = "unpacked.txt"
"""Written last, so that a folder without it is no tree: the suite, then the package's version."""


class AsteriskError(Exception):
    """Asterisk cannot be had or does not start; the text is the whole message to the user."""


@dataclass(frozen=True)
class Tree:
    """An unpacked Asterisk with everything it is linked with."""

    root: Path
    version: str

    @property
    def libraries(self) -> list[Path]:
        """Where Debian keeps the libraries: all over the place until everything moved into /usr."""
        machine = f"{platform.machine()}-linux-gnu"
        return [self.root / "usr/lib" / machine, self.root / "lib" / machine, self.root / "usr/lib"]

    @property
    def modules(self) -> Path:
        """Asterisk's modules: beside the libraries since 20, before that where no architecture is named."""
        found = [folder / "asterisk/modules" for folder in self.libraries]
        return next(folder for folder in found if folder.is_dir())

    def command(self, configuration: Path) -> list[str]:
        """What runs it in the foreground, with its own C library instead of this machine's."""
        loader = next(found for folder in self.libraries for found in folder.glob("ld-linux-*.so.*"))
        libraries = ":".join(map(str, self.libraries))
        program = self.root / "usr/sbin/asterisk"
        return [str(loader), "--library-path", libraries, str(program), "-f", "-C", str(configuration)]


def prepare(suite: str = "sid") -> Tree:
    """The Asterisk of a Debian suite: from the cache, else from the Debian archive (80 MB, 280 unpacked, 20 s).

    Raises:
        AsteriskError: the archive does not give it.
    """
    build.CACHE.mkdir(parents=True, exist_ok=True)
    with (build.CACHE / "asterisk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return find_tree(suite) or unpack(suite)


def find_tree(suite: str) -> Tree | None:
    for mark in sorted(build.CACHE.glob(f"asterisk-*/{UNPACKED}")):
        found, version = mark.read_text().splitlines()
        if found == suite:
            return Tree(mark.parent, version)
    return None


def unpack(suite: str) -> Tree:
    work = Path(tempfile.mkdtemp(prefix="unpack-", dir=build.CACHE))
    try:
        packages = download(suite, work)
        tree = work / "tree"
        make_merged_folders(tree)
        for package in packages:
            run(["dpkg-deb", "-x", str(package), str(tree)], f"{package.name} cannot be unpacked")
        version = version_of(packages)
        (tree / UNPACKED).write_text(f"{suite}\n{version}\n")
        target = build.CACHE / f"asterisk-{version.split('.')[0]}"
        shutil.rmtree(target, ignore_errors=True)
        tree.rename(target)
        return Tree(target, version)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make_merged_folders(tree: Path) -> None:
    """Newer packages are made for systems where /lib is a link into /usr; older ones put a folder in its place."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")


def version_of(packages: Sequence[Path]) -> str:
    """`22.10.1` of `asterisk_1%3a22.10.1+dfsg+~cs6.17.60671434-1_amd64.deb`."""
    for package in packages:
        if found := re.match(r"asterisk_(?:\d+%3a)?([\d.]+)", package.name):
            return found[1]
    raise AsteriskError("the Debian archive gave no package asterisk")


def download(suite: str, work: Path) -> list[Path]:
    """Asterisk with all it depends on, by an apt that thinks nothing is installed; the machine's own stays as it is."""
    apt = work / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    try:
        archive = build.find_debian_archive()
    except build.BuildError as error:
        raise AsteriskError(str(error)) from None
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed_by = f"[signed-by={keyring}] " if keyring.exists() else ""
    (apt / "sources.list").write_text(f"deb {signed_by}{archive} {suite} main\n")
    (apt / "apt.conf").write_text(f'{build.private_apt_configuration(apt)} Dir::State::Status "{apt}/status";\n')
    apt_get = ["apt-get", "-q", "-c", str(apt / "apt.conf")]
    failure = f"the Debian archive does not give asterisk of {suite}"
    run([*apt_get, "update"], failure)
    run([*apt_get, "install", "--yes", "--download-only", "--no-install-recommends", "asterisk"], failure)
    return sorted((apt / "cache/archives").glob("*.deb"))


def run(command: list[str], failure: str) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        raise AsteriskError(f"{failure}: {result.stdout.strip()[-300:]}")


class Asterisk:
    """One running Asterisk with the configuration files given; a context manager that is ready when entered.

    `files` are names and texts of what stands in /etc/asterisk elsewhere; asterisk.conf is ours. Without a logger.conf
    among them, errors and warnings go to `console.txt` in `folder` and nothing else is written.
    """

    def __init__(self, tree: Tree, files: Mapping[str, str], folder: Path, cores: Set[int] | None = None) -> None:
        self._tree = tree
        self._files = {"logger.conf": "[general]\n[logfiles]\nconsole => error,warning\n", **files}
        self._folder = folder
        self._cores = cores or os.sched_getaffinity(0)
        self._process: subprocess.Popen[bytes] | None = None
        self.console = folder / "console.txt"

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        if self._process is None:
            raise AsteriskError("Asterisk was not started")
        return self._process.pid

    def __enter__(self) -> Asterisk:
        configuration = self._write_configuration()
        with self.console.open("wb") as console:
            self._process = subprocess.Popen(
                self._tree.command(configuration),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=lambda: os.sched_setaffinity(0, self._cores),
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while b"Asterisk Ready." not in self.console.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AsteriskError(f"Asterisk does not start, see {self.console}")
            time.sleep(0.05)

    def _write_configuration(self) -> Path:
        own = {name: self._folder / name for name in ("etc", "var", "run", "log", "spool")}
        for folder in own.values():
            folder.mkdir(parents=True, exist_ok=True)
        for name, text in self._files.items():
            (own["etc"] / name).write_text(text)
        data = self._tree.root / "usr/share/asterisk"
        places = {"etc": own["etc"], "mod": self._tree.modules, "data": data, "agi": data / "agi-bin"}
        places |= {name: own["var"] for name in ("varlib", "db", "key", "cache")}
        places |= {name: own[name] for name in ("run", "log", "spool")}
        lines = [f"ast{name}dir => {path}" for name, path in places.items()]
        options = ["maxfiles = 20000", "nocolor = yes", "documentation_language = en_US"]
        path = own["etc"] / "asterisk.conf"
        path.write_text("\n".join(["[directories]", *lines, "[options]", *options, ""]))
        return path
