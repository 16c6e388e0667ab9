"""A real Asterisk that was unpacked and never installed (config/asterisk/unpack.py), run from there.

It needs no root: the tree's own dynamic loader starts it, and asterisk.conf names every folder. Each one has its own
configuration, folder and address, so several can run at once, and it is ended by its own process id.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from gateway.lab.driver import LabError

START_SECONDS = 30
STOP_SECONDS = 10
UNPACKED = "unpacked.txt"
"""What makes a folder a tree, with two lines: the Debian suite, then the package's version."""

BRIDGING = (
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_pubsub",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_header_funcs",
    "res_pjsip_authenticator_digest",
    "res_pjsip_caller_id",
    "res_pjsip_rfc3326",
    "res_rtp_asterisk",
    "chan_pjsip",
    "app_dial",
    "app_stack",
    "pbx_config",
    "codec_ulaw",
    "bridge_simple",
    "bridge_native_rtp",
)
"""The modules that a bridge of PJSIP channels with a b() handler needs, and no more."""
MODULES = (
    *BRIDGING,
    "res_pjsip_diversion",
    "res_pjsip_refer",
    "res_musiconhold",
    "res_http_websocket",
    "res_websocket_client",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "res_stasis_device_state",
    "res_ari",
    "res_ari_model",
    "res_ari_channels",
    "res_ari_asterisk",
    "res_ari_endpoints",
    "res_ari_events",
    "app_stasis",
    "app_system",
    "app_transfer",
    "app_while",
    "func_channel",
    "func_strings",
    "func_global",
    "bridge_holding",
    "bridge_softmix",
    "bridge_builtin_features",
)
"""What our samples use, with phones and ARI: all that Debian has would take three times as long to load."""


class AsteriskError(LabError):
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


def read_tree(root: Path) -> Tree:
    """What was unpacked there.

    Raises:
        AsteriskError: nothing was.
    """
    try:
        return Tree(root, (root / UNPACKED).read_text().splitlines()[1])
    except (OSError, IndexError):
        raise AsteriskError(f"{root} is no unpacked Asterisk") from None


def build_modules_conf(names: Iterable[str]) -> str:
    """The file that loads these modules and no other."""
    return "\n".join(["[modules]", "autoload=no", *(f"load={name}.so" for name in names), ""])


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
            self.wait_until(lambda: b"Asterisk Ready." in self.console.read_bytes(), "Asterisk does not start")
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

    def wait_until(self, condition: Callable[[], bool], failure: str) -> None:
        """Come back as soon as it is so.

        Raises:
            AsteriskError: it ended, or it is not so in time.
        """
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AsteriskError(f"{failure}, see {self.console}")
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
