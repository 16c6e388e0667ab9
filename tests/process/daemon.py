"""A whole running gateway: its own addresses, configuration and log, and the invariants that hold for every test."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.process.places import Place, free_port, own_host, own_place
from tests.process.process_files import half_closed, open_files, udp_ports
from tests.process.sipp import Peer, Sipp
from tests.process.waiting import wait_until
from tests.process.wire import WirePeer

COMMAND = Path(sys.executable).parent / "gateway"
START_SECONDS, STOP_SECONDS = 30, 20
DIRECTIONS = ("to_twilio", "to_pbx")
LABEL = re.compile(r'(\w+)="(.*?)"')

Tree = dict[str, Any]


def total(metrics: str, name: str, labels: Mapping[str, str]) -> float:
    """The sum of a metric's samples with these labels in what /metrics says.

    To parse all samples for it would cost more than the call that a test makes.
    """
    assert f"\n{name}" in metrics, f"no {name} in {metrics}"
    samples = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", metrics, re.MULTILINE)
    return sum(float(value) for words, value in samples if labels.items() <= dict(LABEL.findall(words)).items())


@dataclass
class Site:
    """The addresses of one gateway and its two sides, and the folder of the test that looks at it."""

    folder: Path
    gateway: Place = field(default_factory=own_place)
    pbx: Place = field(default_factory=own_place)
    twilio: Place = field(default_factory=own_place)
    admin: Place = field(init=False)

    def __post_init__(self) -> None:
        self.admin = Place(self.gateway.host, free_port(self.gateway.host))

    def configuration(self) -> Tree:
        """What most tests run on; each may change its own copy."""
        return {
            "sip": {"listen": [f"udp://{self.gateway}", f"tcp://{self.gateway}"]},
            "media": {"rtp_ports": "20000-20999"},
            "admin": {"listen": str(self.admin)},
            "limits": {"calls": 20, "calls_per_second": 1000, "drain_seconds": 5},
            "trunks": {
                "pbx": self.trunk("pbx", self.pbx) | {"variables": "asterisk"},
                "twilio": self.trunk("twilio", self.twilio) | {"profile": "sip-domain"},
            },
            "context": {"fields": {"customer_id": {"pbx": "var:CUSTOMER_ID", "twilio": "header:X-CustomerID"}}},
        }

    def trunk(self, side: str, *places: Place) -> Tree:
        """A trunk that calls these places in order, and is called from the first."""
        return {"side": side, "uris": [f"sip:{place}" for place in places], "allow": [f"{places[0].host}/32"]}


class Gateway:
    """The process. Everything is asked of it from outside: HTTP, log, /proc."""

    def __init__(self, site: Site, configuration: Tree) -> None:
        self.site = site
        self.configuration = configuration
        self.folder = site.folder
        self.config_path = site.folder / "gateway.yaml"
        self.log_path = site.folder / "gateway.log"
        self._errors_path = site.folder / "gateway.stderr"
        self.environment: dict[str, str] = {}
        """What it finds in its environment besides what the tests have."""
        self.allowed_errors: set[str] = set()
        """Messages of level ERROR that a test brings about on purpose."""
        self._peers: list[Sipp] = []
        self._seen = 0
        self._metrics = ""

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run it and return when it says that calls are welcome."""
        self.write_configuration()
        self.launch()
        try:
            wait_until(self.is_ready, "the gateway is ready", START_SECONDS)
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise
        self._files = open_files(self.process.pid)
        self._ports = udp_ports(self.process.pid)

    def launch(self) -> None:
        """Run it with the configuration as it lies there, and wait for nothing."""
        with self.log_path.open("wb") as log, self._errors_path.open("wb") as errors:
            command = [str(COMMAND), "run", str(self.config_path)]
            environment = os.environ | self.environment
            self.process = subprocess.Popen(command, stdout=log, stderr=errors, env=environment)

    def write_configuration(self) -> None:
        self.config_path.write_text(yaml.safe_dump(self.configuration))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def has_exited(self) -> bool:
        return self.process.poll() is not None

    def stop(self) -> None:
        """Drain it and look at what it leaves."""
        self.leave()
        self.assert_left_well()

    def leave(self) -> None:
        """Have it drain and end."""
        if not self.has_exited():
            self.signal(signal.SIGTERM)

    def assert_left_well(self) -> None:
        """It is gone within its time, with an exit code of 0, and neither traceback nor assertion."""
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"no end within {STOP_SECONDS} s of SIGTERM; calls: {self.log()[-3:]}") from None
        errors = self._errors_path.read_text()
        assert (code, errors) == (0, ""), f"the gateway of {self.site.folder}"
        self.assert_no_errors_logged()

    # -- one test ------------------------------------------------------------------------------------------------

    @contextmanager
    def watched(self, folder: Path) -> Iterator[Gateway]:
        """Let one test use it, and fail the test for whatever the gateway still holds or complains about."""
        self.folder = folder
        self._metrics = self.metrics()
        self._seen = len(self.log_path.read_bytes())
        try:
            yield self
            self.assert_no_errors_logged()
            if not self.has_exited():
                self.assert_nothing_left(lingering=True)
        except BaseException:
            self.stop_peers()
            self.end_calls()
            raise
        self.stop_peers()

    def end_calls(self) -> None:
        """End what a failed test has left up, so that the next one does not fail for it."""
        for call in [] if self.has_exited() else self.active_calls():
            self.request(f"/calls/{call['id']}", "DELETE")

    def assert_nothing_left(self, *, lingering: bool = False) -> None:
        """No call, file descriptor or UDP port that was not there before the first call.

        `lingering` lets connections stay that the peer has closed and that a transaction still holds.
        """
        wait_until(lambda: self.ask("/calls")["active"] == 0, lambda: f"all calls have ended: {self.ask('/calls')}")
        pid = self.process.pid
        wait_until(lambda: udp_ports(pid) == self._ports, "RTP ports are closed")

        def are_closed() -> bool:
            more = len(open_files(pid)) - len(self._files)
            return more <= 0 or lingering and more <= half_closed(pid)

        wait_until(are_closed, lambda: f"files are closed; before {self._files}, now {open_files(pid)}")

    def assert_no_errors_logged(self) -> None:
        errors = [line for line in self.log() if line["level"] in ("ERROR", "CRITICAL")]
        assert [line for line in errors if line["msg"] not in self.allowed_errors] == []

    # -- peers ---------------------------------------------------------------------------------------------------

    @property
    def pbx(self) -> Peer:
        return self._peer("pbx", self.site.pbx)

    @property
    def twilio(self) -> Peer:
        return self._peer("twilio", self.site.twilio)

    @property
    def stranger(self) -> Peer:
        """An address that no trunk allows."""
        return self._peer("stranger", Place(own_host(), 5060))

    def caller(self, direction: str) -> Peer:
        return self.pbx if direction == "to_twilio" else self.twilio

    def callee(self, direction: str) -> Peer:
        return self.twilio if direction == "to_twilio" else self.pbx

    def _peer(self, side: str, place: Place) -> Peer:
        return Peer(side, place, self.site.gateway, self.folder, self._peers)

    def wire(self, peer: Peer, place: Place | None = None) -> WirePeer:
        """A socket where this peer is called, or at another place of it, for SIP by hand."""
        return WirePeer(self.site.gateway, place or peer.place)

    def settle(self, peer: Peer, method: str) -> None:
        """Answer a request that is still being sent to where nobody listens any more."""
        with self.wire(peer) as settling:
            settling.wait_for(method)

    def wire_caller(self, peer: Peer) -> WirePeer:
        """A socket at the address of this peer that only calls: its port is its own."""
        return self.wire_from(peer.place.host)

    def wire_from(self, host: str) -> WirePeer:
        """A socket that only calls, at any address."""
        return WirePeer(self.site.gateway, host)

    def stop_peers(self) -> None:
        """End what a failed test has left running."""
        while self._peers:
            self._peers.pop().stop()

    # -- answers -------------------------------------------------------------------------------------------------

    def request(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and body of an admin request; 0 when nobody answers."""
        connection = http.client.HTTPConnection(self.site.admin.host, self.site.admin.port, timeout=10)
        try:
            connection.request(method, path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def ask(self, path: str) -> Tree:
        """The JSON of an admin resource."""
        status, body = self.request(path)
        assert status == 200, (path, status, body)
        answer: Tree = json.loads(body)
        return answer

    def is_ready(self) -> bool:
        assert not self.has_exited(), f"the gateway ended at once: {self._errors_path.read_text()}"
        return self.request("/readyz")[0] == 200

    def active_calls(self) -> list[Tree]:
        return [call for call in self.ask("/calls")["calls"] if call["state"] != "ended"]

    def wait_for_talking(self, calls: int = 1) -> list[Tree]:
        """Wait until so many calls are answered and confirmed, and give their summaries."""

        def talking() -> list[Tree]:
            return [call for call in self.active_calls() if call["state"] == "talking"]

        return wait_until(lambda: len(found := talking()) == calls and found, f"{calls} answered calls")

    def log(self) -> list[Tree]:
        """The lines that were logged since the test began."""
        lines = self.log_path.read_bytes()[self._seen :].decode().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def told(self, count: int = 1, **fields: str) -> list[Tree]:
        """The log's lines with these fields, once there are `count`: a line follows what it tells of."""

        def lines() -> list[Tree]:
            return [line for line in self.log() if fields.items() <= line.items()]

        return wait_until(lambda: len(found := lines()) >= count and found, f"{count} of {fields} in the log")

    def metrics(self) -> str:
        """What /metrics says."""
        status, text = self.request("/metrics")
        assert status == 200
        return text

    def measured(self, name: str, **labels: str) -> float:
        """What a metric is now, summed over the labels that are not given."""
        return total(self.metrics(), name, labels)

    def counted(self, name: str, **labels: str) -> float:
        """By how much a metric, summed over the labels that are not given, grew since the test began."""
        return self._grown(self.metrics(), name, labels)

    def _grown(self, metrics: str, name: str, labels: Mapping[str, str]) -> float:
        before = total(self._metrics, name, labels) if self._metrics else 0
        return total(metrics, name, labels) - before

    # -- verdicts ------------------------------------------------------------------------------------------------

    def ended_calls(self) -> list[Tree]:
        """The log's lines of calls that ended."""
        return [line for line in self.log() if line["msg"] == "call ended"]

    def assert_rejected(self, *reasons: str) -> None:
        """So many INVITEs were turned away, each for its reason, and no other."""
        name = "gateway_rejected_total"
        wait_until(lambda: self.counted(name) == len(reasons), f"{reasons} are counted, and nothing else")
        for reason in set(reasons):
            assert self.counted(name, reason=reason) == reasons.count(reason)

    def assert_outcomes(self, direction: str, *reasons: str) -> list[Tree]:
        """These calls ended, in this order, and nothing else was counted or logged: each outcome `result/reason`."""
        lines = wait_until(
            lambda: len(found := self.ended_calls()) >= len(reasons) and found,
            lambda: f"calls have ended: {self.log()}",
        )
        told = [(line["direction"], f"{line['result']}/{line['reason']}") for line in lines]
        assert told == [(direction, reason) for reason in reasons]
        metrics, name = self.metrics(), "gateway_calls_total"
        for reason in set(reasons):
            result, _, word = reason.partition("/")
            labels = {"direction": direction, "result": result, "reason": word}
            assert self._grown(metrics, name, labels) == reasons.count(reason)
        assert self._grown(metrics, name, {}) == len(reasons)
        return lines
