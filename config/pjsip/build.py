#!/usr/bin/env python3
"""Build PJSIP and its Python binding into a wheel: once for each machine, then from a cache.

Prints the wheel's path on stdout and what it does on stderr. Needs only the standard library and the packages listed
in config/apt-packages.txt. The wheel fits the Python that runs this script.

1. The cache is asked first, with a hash over everything that shapes the build, and without the network.
2. The source is what PJPROJECT_SOURCE names (a release tarball or a folder), else the copy of PJSIP that Debian ships
   inside its source package asterisk, fetched by apt, which checks its signature.
3. Everything happens in a folder of the cache that is removed at the end, unless KEEP_BUILD=1.
4. One build at a time; who comes second waits and finds the wheel ready.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pbx-twilio-gateway"
LOG = CACHE / "build.log"

OLDEST_VERSION = (2, 17)

# Audio only, no sound card, and none of the codecs that a telephone network does not speak: less to compile, less to
# attack. TLS (OpenSSL) and Opus are found by themselves. SRTP comes from Debian, so that Debian fixes it. A resampler
# must be there even where no audio is touched: without one, a call with Opus or G.722 ends as "488".
CONFIGURE_OPTIONS = shlex.split("""
    --enable-epoll --with-external-srtp --enable-speex-resample --disable-sound --disable-video --disable-upnp
    --disable-speex-aec --disable-speex-codec --disable-l16-codec --disable-gsm-codec --disable-g7221-codec
    --disable-ilbc-codec --disable-opencore-amr --disable-silk --disable-bcg729 --disable-lyra --disable-libyuv
    --disable-libwebrtc --disable-sdl --disable-ffmpeg --disable-v4l2 --disable-openh264 --disable-vpx
    LIBS=-lspeexdsp
""")
# What we change in upstream's code; each says why.
PATCHES = (
    "accept.patch",
    "addresses.patch",
    "body-length.patch",
    "bridge.patch",
    "dtls.patch",
    "epoll.patch",
    "late-ack.patch",
    "lean-calls.patch",
    "message-buffers.patch",
    "name.patch",
    "notify.patch",
    "odd-headers.patch",
    "offers.patch",
    "other-uri.patch",
    "places.patch",
    "pools.patch",
    "prack.patch",
    "printing.patch",
    "refer.patch",
    "relay.patch",
    "rest.patch",
    "rtp-ports.patch",
    "rtp-source.patch",
    "srtp-keys.patch",
    "srtp-refused.patch",
    "try-later.patch",
)
# And what of our own is compiled with it.
SOURCES = ("follow.c", "follow.h", "relay.c", "relay.h", "rest.c", "rest.h")
# Hidden: what is called inside the one library that this becomes need not be looked up as if another could replace it.
C_FLAGS = "-O2 -fPIC -fvisibility=hidden -DNDEBUG"

# -threads: the GIL is released in every call into PJSIP, else its threads and ours wait for each other for ever.
SWIG_OPTIONS = ["-c++", "-threads", "-python"]
# 167,000 generated lines with nothing hot in them: -O2 -g would take three times as long.
BINDING_FLAGS = ["-O1", "-g0", "-fPIC", "-fvisibility=hidden"]

LIBRARIES = ["pjlib", "pjlib-util", "pjmedia", "pjsip", "pjnath"]
TOOLS = ["gcc", "g++", "make", "pkg-config", "swig", "strip", "tar", "patch"]


class BuildError(Exception):
    """The wheel cannot be had; the text is the whole message to the user."""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        print(find_or_build_wheel())
    except (BuildError, OSError) as error:
        say(f"pjsip: {error}\n")
        return 1
    return 0


def find_or_build_wheel() -> Path:
    source = os.environ.get("PJPROJECT_SOURCE", "")
    build_id = hash_build_inputs(hash_source(Path(source).expanduser()) if source else "debian")
    if wheel := find_wheel(build_id):
        return wheel
    (CACHE / "wheels").mkdir(parents=True, exist_ok=True)
    with one_build_at_a_time():
        return find_wheel(build_id) or build_wheel(source, build_id)


def say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done now and, once it is, how long it took."""
    say(f"pjsip: {what} ... ")
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say("failed\n")
        raise
    say(f"{time.monotonic() - started:.1f} s\n")


# ---- The cache ----


def hash_build_inputs(source: str) -> str:
    """Everything that makes two wheels differ, known before anything is downloaded."""
    inputs = hashlib.sha256()
    for file in sorted(path for path in HERE.iterdir() if path.is_file()):
        inputs.update(file.read_bytes())
    machine = [sysconfig.get_config_var("SOABI"), sysconfig.get_platform(), *platform.libc_ver()]
    for text in [source, *CONFIGURE_OPTIONS, C_FLAGS, *SWIG_OPTIONS, *BINDING_FLAGS, *machine]:
        inputs.update(b"\0" + text.encode())
    return inputs.hexdigest()[:12]


def hash_source(source: Path) -> str:
    """The identity of a source that the user names: its content, whatever its name and dates are."""
    if source.is_file():
        return hashlib.sha256(source.read_bytes()).hexdigest()
    if not source.is_dir():
        raise BuildError(f"PJPROJECT_SOURCE={source} is neither a file nor a folder")
    content = hashlib.sha256()
    for file in sorted(source.rglob("*")):
        if file.is_file() and ".git" not in file.parts:
            content.update(f"{file.relative_to(source)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()


def find_wheel(build_id: str) -> Path | None:
    """The hash alone decides: the version in the name is what the source turned out to be."""
    return next((CACHE / "wheels").glob(f"gateway_pjsip-*+gw.{build_id}-*.whl"), None)


@contextmanager
def one_build_at_a_time() -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("wait for another build"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ---- The build ----


def build_wheel(source: str, build_id: str) -> Path:
    check_tools()
    LOG.write_bytes(b"")
    work = Path(tempfile.mkdtemp(prefix="build-", dir=CACHE))
    started = time.monotonic()
    try:
        tree = work / "pjproject"
        tree.mkdir()
        unpack_source(source, tree, work)
        version = read_version(tree)
        say(f"pjsip: building PJSIP {version}, once for this machine (two to four minutes on two cores)\n")
        module_folder = compile_module(tree)
        wheel = write_wheel(module_folder, tree / "COPYING", f"{version}+gw.{build_id}", work)
        target = CACHE / "wheels" / wheel.name
        os.replace(wheel, target)
    finally:
        if os.environ.get("KEEP_BUILD") == "1":
            say(f"pjsip: the build stays in {work}\n")
        else:
            shutil.rmtree(work, ignore_errors=True)
    say(f"pjsip: {target.name} is in the cache, after {time.monotonic() - started:.0f} s\n")
    return target


def check_tools() -> None:
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        missing.append("Python.h (python3-dev)")
    if missing:
        raise BuildError(f"missing: {', '.join(missing)}; config/apt-packages.txt lists what a build needs")


def run(command: list[str], folder: Path, failure: str = "the build failed") -> None:
    """Run a command, its output in the log."""
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        result = subprocess.run(command, cwd=folder, env=clean_environment(), stdout=log, stderr=log, check=False)
    if result.returncode:
        raise BuildError(f"{failure}: {command[0]} ended with {result.returncode}, see {LOG}")


def clean_environment() -> dict[str, str]:
    """Without what a calling make or a developer's shell would add to the compilers' options."""
    return {key: value for key, value in os.environ.items() if not re.match(r"MAKE|MFLAGS|C(XX|PP)?FLAGS|LDFLAGS", key)}


def read_version(tree: Path) -> str:
    try:
        text = (tree / "version.mak").read_text()
    except FileNotFoundError:
        raise BuildError("this is no pjproject source: it has no version.mak") from None
    parts = {name: value for name, value in re.findall(r"PJ_VERSION_(MAJOR|MINOR|REV)\s*:=\s*(\d+)", text)}
    version = (int(parts.get("MAJOR", 0)), int(parts.get("MINOR", 0)), int(parts.get("REV", 0)))
    said = ".".join(map(str, version if version[2] else version[:2]))
    if version < OLDEST_VERSION:
        raise BuildError(f"PJSIP {said} is too old, 2.17 or newer is needed; PJPROJECT_SOURCE can name another source")
    return said


def compile_module(tree: Path) -> Path:
    """Compile everything; answers with the folder that holds pjsua2.py and the extension."""
    shutil.copy(HERE / "config_site.h", tree / "pjlib/include/pj/config_site.h")
    # A driver for a sound card which Debian leaves out of its copy; we have no use for any.
    makefile = tree / "pjmedia/build/Makefile"
    makefile.write_text(makefile.read_text().replace(" bdimad_dev.o", ""))
    for name in SOURCES:
        shutil.copy(HERE / name, tree / "pjmedia/src/pjmedia")
    for patch in PATCHES:
        run(["patch", "--strip=1", "--input", str(HERE / patch)], tree, f"{patch} does not fit this PJSIP")
    with step("configure"):
        run(["./configure", *CONFIGURE_OPTIONS, f"CFLAGS={C_FLAGS}", f"CXXFLAGS={C_FLAGS}"], tree)
    with step("compile the libraries (about a minute)"):
        run(["make", "-j", str(os.cpu_count() or 1), "lib"], tree)
    return compile_binding(tree)


def compile_binding(tree: Path) -> Path:
    swig = tree / "pjsip-apps/src/swig"
    folder = swig / "python"
    includes = [f"-I{tree / library / 'include'}" for library in LIBRARIES]
    module = f"_pjsua2{sysconfig.get_config_var('EXT_SUFFIX')}"
    with step("generate the Python binding"):
        command = ["swig", *includes, f"-I{swig}", f"-I{HERE}", *SWIG_OPTIONS, "-module", "pjsua2"]
        run([*command, "-outdir", ".", "-o", "binding.cpp", str(HERE / "gateway.i")], folder)
    with step("compile the Python binding (one to two minutes)"):
        python = f"-I{sysconfig.get_paths()['include']}"
        run(["g++", *ask_makefile("cflags", folder), *BINDING_FLAGS, python, f"-I{HERE}", "-c", "binding.cpp"], folder)
    with step("link"):
        libraries = [f"-l{name}" for name in ask_makefile("libs", folder)]
        run(["g++", "-shared", "-o", module, "binding.o", *ask_makefile("ldflags", folder), *libraries], folder)
        run(["strip", "--strip-unneeded", module], folder)
        run([sys.executable, "-c", "import pjsua2"], folder)
    return folder


def ask_makefile(target: str, folder: Path) -> list[str]:
    """Upstream's own answer to which options its headers and static libraries need."""
    command = ["make", "--no-print-directory", "-f", "helper.mak", target]
    answer = subprocess.run(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, check=False)
    if answer.returncode:
        raise BuildError(f"pjproject does not say its {target}: make ended with {answer.returncode}")
    return answer.stdout.decode().split()


# ---- The source ----


def unpack_source(source: str, tree: Path, work: Path) -> None:
    if not source:
        with step("fetch PJSIP from the Debian archive"):
            source = str(fetch_from_debian(work))
    path = Path(source).expanduser()
    with step(f"unpack {path.name}"):
        if path.is_dir():
            # What an earlier build left in the user's folder was made with other options.
            stale = shutil.ignore_patterns(".git", "*.o", "*.a", "*.so*", "*.depend", "build.mak", "os-auto.mak")
            shutil.copytree(path, tree, ignore=stale, symlinks=True, dirs_exist_ok=True)
        else:
            run(["tar", "-xf", str(path.resolve()), "--strip-components=1"], tree, f"{path} cannot be unpacked")


def fetch_from_debian(work: Path) -> Path:
    """Download Debian's copy with an apt of our own: the machine's sources and lists stay as they are."""
    if not shutil.which("apt-get"):
        raise BuildError("no apt-get here to fetch PJSIP with; set PJPROJECT_SOURCE to a release tarball of PJSIP")
    apt = work / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "source"):
        (apt / folder).mkdir(parents=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed_by = f"[signed-by={keyring}] " if keyring.exists() else ""
    (apt / "sources.list").write_text(f"deb-src {signed_by}{find_debian_archive()} sid main\n")
    (apt / "apt.conf").write_text(private_apt_configuration(apt))
    apt_get = ["apt-get", "-c", str(apt / "apt.conf")]
    failure = "the Debian archive does not give its copy of PJSIP (PJPROJECT_SOURCE can name a release tarball)"
    run([*apt_get, "update"], apt, failure)
    run([*apt_get, "source", "--download-only", "asterisk"], apt / "source", failure)
    if found := sorted((apt / "source").glob("asterisk_*.orig-Xpjproject.tar.*")):
        return found[0]
    raise BuildError("Debian's source package asterisk no longer holds PJSIP; set PJPROJECT_SOURCE to a release of it")


def private_apt_configuration(apt: Path) -> str:
    # apt gives its downloads to a user of its own, who may not enter a private home; it would say so each time.
    sandbox = 'APT::Sandbox::User "root";' if os.geteuid() == 0 else ""
    return f"""
        Dir::Etc::SourceList "{apt}/sources.list";
        Dir::Etc::SourceParts "/dev/null";
        Dir::State::Lists "{apt}/lists";
        Dir::Cache "{apt}/cache";
        Acquire::Languages "none";
        Acquire::AllowInsecureRepositories "false";
        APT::Get::AllowUnauthenticated "false";
        #clear APT::Update::Post-Invoke;
        #clear APT::Update::Post-Invoke-Success;
        {sandbox}
    """


def find_debian_archive() -> str:
    """The address from which this machine takes its own packages, so that mirrors and proxies are respected."""
    query = ["apt-get", "indextargets", "--format", "$(LABEL)|$(COMPONENT)|$(REPO_URI)"]
    answer = subprocess.run(query, stdout=subprocess.PIPE, text=True, check=False).stdout
    targets = [line.split("|") for line in answer.splitlines()]
    # Before the first apt-get update nobody has a label; the archive's path is then the next best sign.
    for label, component, address in targets:
        if component == "main" and (label == "Debian" or (not label and re.search(r"/debian/?$", address))):
            return address
    raise BuildError("no Debian archive among apt's sources; set PJPROJECT_SOURCE to a release tarball of PJSIP")


# ---- The wheel ----


def write_wheel(folder: Path, license_text: Path, version: str, work: Path) -> Path:
    """A wheel is a zip archive with three files of metadata (PEP 427); no packaging tool needs to be here."""
    abi = "cp" + sysconfig.get_config_var("SOABI").split("-")[1]
    interpreter = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tag = f"{interpreter}-{abi}-{re.sub('[-.]', '_', sysconfig.get_platform())}"
    info = f"gateway_pjsip-{version}.dist-info"
    files = {path.name: path.read_bytes() for path in [folder / "pjsua2.py", *folder.glob("_pjsua2.*.so")]}
    files[f"{info}/licenses/COPYING"] = license_text.read_bytes()
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: gateway-pjsip\nVersion: {version}\nLicense: GPL-2.0-or-later\n"
        "Summary: PJSIP and its Python binding pjsua2, built for a gateway\n"
    ).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: gateway\nRoot-Is-Purelib: false\nTag: {tag}\n".encode()
    lines = [f"{name},sha256={encode_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    wheel = work / f"gateway_pjsip-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return wheel


def encode_digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
