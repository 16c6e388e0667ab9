"""Unpacks Debian's Asterisk into the cache and prints where: a real PBX for the demo, the tests and the benchmark.

Nothing is installed, and the machine's own apt stays as it is. `gateway.lab.asterisk` runs what was unpacked.

Usage: python -m config.asterisk.unpack [asterisk | asterisk-22 | asterisk-16]
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.pjsip import build
from gateway.lab.asterisk import UNPACKED, AsteriskError, Tree, read_tree

SUITES = {"asterisk-22": "sid", "asterisk-16": "bullseye"}
"""The newest and the oldest that we support, and where Debian has them."""
NEWEST = "asterisk-22"


def main(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else "asterisk"
    suite = SUITES.get(NEWEST if name == "asterisk" else name)
    if suite is None:
        build.say(f"{name!r} is none of asterisk, {', '.join(SUITES)}\n")
        return 2
    try:
        if find_tree(suite) is None:
            build.say(f"fetching {name} from Debian's archive into {build.CACHE}, once (80 MB)\n")
        print(prepare(suite).root)
    except (AsteriskError, OSError) as error:
        build.say(f"{error}\n")
        return 1
    return 0


def prepare(suite: str = SUITES[NEWEST]) -> Tree:
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
        if mark.read_text().splitlines()[0] == suite:
            return read_tree(mark.parent)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
