"""The deployment samples are sound, and their numbers fit the gateway's own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from gateway.app import DESCRIPTORS_PER_CALL, MOST_CONNECTIONS, SPARE_DESCRIPTORS
from gateway.bridge.outcome import OUTCOMES
from gateway.core.locators import parse_locator, target_header
from gateway.core.networks import PUBLISHED_RANGES
from gateway.core.plan import Dialect, Limits
from gateway.core.receipt import Outcome
from gateway.ops.metrics import Build, Metrics
from gateway.settings.model import MOST_CALLS
from gateway.sip.shell import SipShell
from tests.docs.documents import ROOT
from tests.docs.tools import promtool
from tests.ops import samples

CONFIG = ROOT / "config"
UNIT = CONFIG / "systemd/gateway.service"
PROMETHEUS = CONFIG / "prometheus"
FIRST_DOWNLOAD = pytest.mark.timeout(300)


def unit_value(name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    return str(value)


# ---- systemd ----


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a command that is here in place of the one that is installed there."""
    here = shutil.which("true")
    assert here
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/gateway/bin/gateway", here))
    result = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    complaints = [line for line in result.stderr.splitlines() if UNIT.name in line]
    assert (result.returncode, complaints) == (0, [])


def test_the_unit_gives_a_drain_its_time() -> None:
    assert int(unit_value("TimeoutStopSec")) >= Limits().drain_seconds + 60


def test_the_unit_allows_the_files_of_most_calls() -> None:
    needed = DESCRIPTORS_PER_CALL * MOST_CALLS + SPARE_DESCRIPTORS + MOST_CONNECTIONS
    assert int(unit_value("LimitNOFILE")) >= needed


# ---- compose ----


def test_the_container_gets_the_same() -> None:
    file = CONFIG / "compose/compose.yaml"
    service = yaml.safe_load(file.read_text())["services"]["gateway"]
    assert (file.parent / service["build"] / "Dockerfile").resolve() == ROOT / "Dockerfile"
    assert service["stop_grace_period"] == f"{unit_value('TimeoutStopSec')}s"
    assert service["ulimits"]["nofile"] == int(unit_value("LimitNOFILE"))


# ---- Prometheus ----


def exposed() -> str:
    """/metrics of a gateway that has seen nothing yet."""
    plan = samples.plan(samples.field("customer_id"))
    return Metrics(Build("1", "2"), plan, SipShell.reject_reasons).render(samples.status()).decode()


@FIRST_DOWNLOAD
def test_prometheus_takes_the_samples() -> None:
    promtool("check", "config", "prometheus.yml", folder=PROMETHEUS)


@FIRST_DOWNLOAD
def test_prometheus_takes_our_metrics() -> None:
    promtool("check", "metrics", text=exposed())


@FIRST_DOWNLOAD
def test_alerts_ring_when_they_should() -> None:
    promtool("test", "rules", "alerts_test.yml", folder=Path(__file__).parent)


def test_alerts_ask_for_what_there_is() -> None:
    """A name or a label value that is misspelt would never ring."""
    text = exposed()
    expressions = " ".join(rule["expr"] for rule in alerts())
    names = set(re.findall(r"\bgateway_\w+", expressions))
    assert names and not [name for name in names if not re.search(rf"^{name}[{{ ]", text, re.MULTILINE)]
    words = {word for _, values in re.findall(r'(\w+)=~?"([a-z|-]+)"', expressions) for word in values.split("|")}
    known = {*SipShell.reject_reasons, "limit-calls", "limit-rate", "failure", "gateway", *Outcome}
    known |= {of.reason for of in OUTCOMES} | {of.result.value for of in OUTCOMES}
    assert words and words <= known


def alerts() -> list[dict[str, str]]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    rules: list[dict[str, str]] = group["rules"]
    return rules


def test_every_alert_is_tried() -> None:
    tried = yaml.safe_load((Path(__file__).parent / "alerts_test.yml").read_text())["tests"]
    names = {case["alertname"] for test in tried for case in test["alert_rule_test"]}
    assert names == {rule["alert"] for rule in alerts()}


# ---- PBXs ----


def test_variables_of_asterisk_are_those_of_the_gateway() -> None:
    """The dialplan builds the header that `var:NAME` stands for."""
    dialplan = (CONFIG / "asterisk/extensions.conf").read_text()
    name = "CUSTOMER_ID"
    assert name in dialplan
    built = "X-PBX-" + name.replace("_", "-")
    assert "X-PBX-${STRREPLACE(name,_,-)}" in dialplan
    assert target_header(parse_locator(f"var:{name}"), Dialect.ASTERISK) == built


def test_freepbx_reads_as_asterisk_does() -> None:
    """But for where the names come from, it is the dialplan that the tests run."""

    def reading(folder: str, file: str) -> list[str]:
        lines = (CONFIG / folder / file).read_text().partition("[gateway-read]\n")[2].splitlines()
        return [line.partition(",")[2] for line in lines if line.startswith(" same")]

    assert reading("freepbx", "extensions_custom.conf") == reading("asterisk", "extensions.conf") != []


def test_headers_that_cisco_passes_on_are_those_of_the_gateway() -> None:
    fields = yaml.safe_load((CONFIG / "cisco/gateway.yaml").read_text())["context"]["fields"].values()
    wanted = {field["pbx"].partition(":")[2] for field in fields if field["pbx"].startswith("header:")}
    (allowed,) = re.findall(r"allowHeaders = \{(.*)\}", (CONFIG / "cisco/normalization.lua").read_text())
    assert set(re.findall(r'"([\w-]+)"', allowed)) == wanted
    cube = (CONFIG / "cisco/cube.txt").read_text()
    assert set(re.findall(r"^ sip-header ([\w-]+)$", cube, re.MULTILINE)) == wanted
    assert set(re.findall(r"sip-header ([\w-]+) modify", cube)) == wanted


@pytest.mark.parametrize("file", sorted(path.name for path in (CONFIG / "freeswitch").glob("*.xml")))
def test_variables_of_freeswitch_are_those_of_the_gateway(file: str) -> None:
    text = (CONFIG / "freeswitch" / file).read_text()
    ElementTree.fromstring(text)
    for header, variable in re.findall(r"sip_h_([\w-]+)=\$\{(\w+)\}", text):
        assert target_header(parse_locator(f"var:{variable}"), Dialect.FREESWITCH) == header
    for variable, header in re.findall(r'"(\w+)=\$\{sip_h_([\w-]+)\}"', text):
        assert target_header(parse_locator(f"var:{variable}"), Dialect.FREESWITCH) == header


def test_the_firewall_lets_in_what_the_gateway_does() -> None:
    text = (ROOT / "config/nftables/gateway.nft").read_text()
    found = re.search(r"set twilio \{.*?elements = \{(.*?)\}", text, re.DOTALL)
    assert found
    assert found[1].replace(",", " ").split() == [str(network) for network in PUBLISHED_RANGES["twilio"]]
