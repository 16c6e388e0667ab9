"""Twilio's edge for the tests: Kamailio, as strict as the real one, in front of a user agent that only it can reach."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.process.authority import Authority
from tests.process.places import Place, own_place
from tests.process.process_files import is_bound
from tests.process.waiting import wait_until

CONFIGURATION = Path(__file__).parent
DOMAIN = "acme.sip.twilio.com"
USERNAME, PASSWORD = "gw-user", "Correct-Horse-7"
STOP_SECONDS = 10


@dataclass
class Edge:
    """Where it is, who may call it, and whether its domain is one of Secure Media."""

    folder: Path
    authority: Authority
    allowed: str
    """Address in the domain's access control list."""
    place: Place = field(default_factory=own_place)
    inside: Place = field(default_factory=own_place)
    agent: Place = field(default_factory=own_place)
    """The user agent that takes and makes its calls."""
    domain: str = DOMAIN
    secure: bool = False
    in_service: bool = True
    """Whether it does more than answer 503."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def tls_port(self) -> int:
        return self.place.port + 1 if self.place.port < 65535 else self.place.port - 1

    def uri(self, transport: str) -> str:
        """What a trunk calls."""
        port = self.tls_port if transport == "tls" else self.place.port
        return f"sip:{self.domain}:{port};transport={transport}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Be there."""
        try:
            self.start()
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Return when it listens."""
        self._write_files()
        log = self.folder / "kamailio.log"
        command = ["kamailio", "-DD", "-E", "-f", str(self.folder / "kamailio.cfg"), "-m", "16", "-M", "8"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "-Y", str(self.folder)], stdout=output, stderr=output, start_new_session=True
            )
        self.process = process
        wait_until(lambda: self._is_there(process, log), "Kamailio listens", 20)

    def stop(self) -> None:
        """End it in order."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def die(self) -> None:
        """Be gone at once, with all that it was doing."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self.process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Do nothing for a while, though the system goes on to take connections and packets for it."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def _is_there(self, process: subprocess.Popen[bytes], log: Path) -> bool:
        assert process.poll() is None, log.read_text(errors="replace")
        return is_bound(self.place.host, self.place.port) and is_bound(self.inside.host, self.inside.port)

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        certificate = self.authority.certify(f"*.{self.domain.partition('.')[2]}")
        shutil.copy(certificate.certificate, self.folder / "edge.pem")
        shutil.copy(certificate.private_key, self.folder / "edge.key")
        shutil.copy(self.authority.file, self.folder / "authorities.pem")
        values = {
            "HOST": self.place.host,
            "PORT": self.place.port,
            "TLS_PORT": self.tls_port,
            "INSIDE": self.inside,
            "INSIDE_HOST": self.inside.host,
            "AGENT": self.agent,
            "ALLOWED": self.allowed,
            "DOMAIN": self.domain,
            "SECURE": "yes" if self.secure else "no",
            "IN_SERVICE": "yes" if self.in_service else "no",
            "USERNAME": USERNAME,
            "PASSWORD": PASSWORD,
            "FOLDER": self.folder,
        }
        for name in ("kamailio.cfg", "tls.cfg"):
            text = (CONFIGURATION / name).read_text()
            for key, value in values.items():
                text = text.replace(f"@{key}@", str(value))
            (self.folder / name).write_text(text)
