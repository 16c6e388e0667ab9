"""What is measured: a gateway, and an Asterisk that does the same job, each as a process with its own configuration."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.lab import asterisk
from tests.bench import processes
from tests.bench.lab import FIRST_RTP_PORT, LAST_RTP_PORT, MEASURED, PBX, TWILIO, Lab

START_SECONDS = 20

Fields = tuple[tuple[str, str], ...]
"""PBX variable and header to Twilio, of each."""

# What pbx.xml sends and twilio.xml insists on.
FIELDS: Fields = (
    ("CUSTOMER_ID", "X-CustomerID"),
    ("ACCOUNT", "X-Account"),
    ("QUEUE", "X-Queue"),
    ("LANGUAGE", "X-Language"),
    ("PRODUCT_ID", "X-ProductID"),
    ("AGENT", "X-Agent"),
    ("CAMPAIGN", "X-Campaign"),
    ("PRIORITY", "X-Importance"),
    ("CASE", "X-Case"),
    ("TICKET", "X-Ticket"),
)


class NotReady(Exception):
    """A contender does not do the job at all, so there is nothing to measure; the text says what was seen."""


@dataclass(frozen=True)
class Running:
    """A process that bridges calls from the PBX to Twilio."""

    name: str
    pid: int


Contender = Callable[[frozenset[int]], AbstractContextManager[Running]]
"""Starts one on the cores given."""


def contenders(lab: Lab, tree: asterisk.Tree | None) -> dict[str, Contender]:
    """By name, the gateway first."""
    found: dict[str, Contender] = {"gateway": partial(run_gateway, lab)}
    if tree:
        found["asterisk"] = partial(run_asterisk, lab, tree)
    return found


@contextmanager
def run_gateway(lab: Lab, cores: frozenset[int]) -> Iterator[Running]:
    config = lab.folder / "gateway.yaml"
    config.write_text(gateway_config(lab, FIELDS))
    command = [sys.executable, "-m", "gateway", "run", str(config)]
    process = processes.start(command, cores, lab.folder / "gateway.log")
    try:
        _wait_until_ready(lab, process.poll)
        yield Running("gateway", process.pid)
    finally:
        processes.end(process, signal.SIGINT)


def _wait_until_ready(lab: Lab, poll: Callable[[], int | None]) -> None:
    url = f"http://{MEASURED}:{lab.ports.admin}/readyz"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise NotReady(f"the gateway does not start, see {lab.folder / 'gateway.log'}")


def gateway_config(lab: Lab, fields: Fields) -> str:
    """A configuration file; YAML takes JSON as it is."""
    ports = lab.ports
    sides = {"pbx": (PBX, ports.pbx, {"variables": "asterisk"}), "twilio": (TWILIO, ports.twilio, {})}
    return json.dumps(
        {
            "sip": {"listen": [f"udp://{MEASURED}:{ports.sip}"]},
            "media": {"mode": "relay", "rtp_ports": f"{FIRST_RTP_PORT}-{LAST_RTP_PORT}", "codecs": ["PCMU"]},
            "admin": {"listen": f"{MEASURED}:{ports.admin}"},
            "limits": {"calls": 1000, "calls_per_second": 1000},
            "trunks": {
                side: {"side": side, "uris": [f"sip:{host}:{port}"], "allow": [host], **more}
                for side, (host, port, more) in sides.items()
            },
            "context": {
                "fields": {
                    variable.lower(): {"pbx": f"var:{variable}", "twilio": f"header:{header}"}
                    for variable, header in fields
                }
            },
        }
    )


@contextmanager
def run_asterisk(lab: Lab, tree: asterisk.Tree, cores: frozenset[int]) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="asterisk-", dir=lab.folder))
    with asterisk.Asterisk(tree, asterisk_files(lab), folder, cores) as running:
        yield Running("asterisk", running.pid)


def asterisk_files(lab: Lab) -> dict[str, str]:
    """Its configuration: no call records, no log, only the modules the job needs."""
    return {
        "modules.conf": asterisk.build_modules_conf(asterisk.BRIDGING),
        "cdr.conf": "[general]\nenable=no\n",
        "rtp.conf": f"[general]\nrtpstart={FIRST_RTP_PORT}\nrtpend={LAST_RTP_PORT}\n",
        "pjsip.conf": _pjsip_conf(lab),
        "extensions.conf": _extensions_conf(),
    }


def _pjsip_conf(lab: Lab) -> str:
    text = (Path(__file__).parent / "pjsip.conf").read_text()
    places = {"ASTERISK": lab.ports.sip, "PBX": lab.ports.pbx, "TWILIO": lab.ports.twilio}
    hosts = {"ASTERISK": MEASURED, "PBX": PBX, "TWILIO": TWILIO}
    for name, port in places.items():
        text = text.replace(f"@{name}@", f"{hosts[name]}:{port}")
    return text


def _extensions_conf() -> str:
    """Reads the headers on the incoming channel, adds them on the outgoing one before its INVITE leaves."""
    read = [f"Set(_BENCH_{name}=${{PJSIP_HEADER(read,X-PBX-{name.replace('_', '-')})}})" for name, _ in FIELDS]
    write = [f"Set(PJSIP_HEADER(add,{header})=${{BENCH_{name}}})" for name, header in FIELDS]
    steps = [*read, "Dial(PJSIP/${EXTEN}@twilio,30,b(headers^s^1))", "Hangup()"]
    incoming = [f"exten => _[+0-9].,{number},{step}" for number, step in enumerate(steps, 1)]
    handler = [f"exten => s,{number},{step}" for number, step in enumerate([*write, "Return()"], 1)]
    return "\n".join(["[from-pbx]", *incoming, "[headers]", *handler, ""])
