"""README.md says what is there: its commands, paths, settings, metrics and outcomes exist, and its lists are whole."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel
from starlette.routing import Route

from gateway import cli
from gateway.bridge import admission
from gateway.bridge.outcome import OUTCOMES, answer_for_code, outcome_for_code
from gateway.core.networks import PUBLISHED_RANGES
from gateway.ops.admin import AdminApi
from gateway.ops.metrics import Build, Metrics
from gateway.settings import load
from gateway.settings.model import CallerIdentity, Configuration, ContextField, Trunk
from gateway.sip.shell import SipShell
from tests.docs.documents import ROOT, Document, read, words
from tests.gateway_yaml import GatewayYaml
from tests.ops import samples

README = read("README.md")
TLS = ROOT / "tests/settings/tls"
FOLDERS = ("config/", "gateway/", "tests/", "sipp-scenarios/")
WRONG_USAGE = 2


# ---- Commands ----


def gateway_commands() -> Iterator[list[str]]:
    """Each use of the gateway's command line, without its name."""
    for line in README.commands() + README.codes():
        parts = shlex.split(line) if line in README.commands() else line.split()
        for number, part in enumerate(parts):
            if part == "gateway" and number + 1 < len(parts) and (number == 0 or "=" in parts[number - 1]):
                yield parts[number + 1 :]


def test_every_command_and_option_exists(capsys: pytest.CaptureFixture[str]) -> None:
    used = list(gateway_commands())
    assert {command for command, *_ in used} >= {"run", "check", "calls", "status", "drain", "reload"}
    for command, *arguments in used:
        below = takewhile(lambda word: re.fullmatch("[a-z]+", word), arguments)  # such as `lab twilio`
        with pytest.raises(SystemExit) as end:
            cli.main([command, *below, "--help"])
        text = capsys.readouterr().out
        assert end.value.code == 0, command
        for argument in arguments:
            assert not argument.startswith("--") or f"{argument} " in text, (command, argument)


def test_every_command_of_the_gateway_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    known = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    shown = {command for command, *_ in gateway_commands()} | {"demo"}  # which README runs as `make demo`
    assert set(known) <= shown


def test_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["no-such-command"])
    assert end.value.code == WRONG_USAGE
    codes = f"{cli.DONE} done, {cli.FAILED} the check or the request failed, {WRONG_USAGE} wrong usage"
    assert f"Exit codes of `gateway`: {codes}, {cli.NOT_STARTED} could not start." in README.text


def test_every_make_verb_exists() -> None:
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [*README.commands(), *README.codes()]
    used = {verb for text in texts for verb in re.findall(r"\bmake (?:--silent )?([a-z]+)", text)}
    assert used >= {"demo", "test", "setup"}
    assert used <= verbs


def test_every_path_exists() -> None:
    named = [code for code in README.codes() if code.startswith(FOLDERS)]
    linked = [link for link in README.links() if not link.startswith("#")]
    used = [word for line in README.commands() for word in line.split() if word.startswith(FOLDERS)]
    assert named and linked and used
    assert [path for path in named + linked + used if not (ROOT / path).exists()] == []


def test_every_link_inside_leads_somewhere() -> None:
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in README.headings()}
    assert {link[1:] for link in README.links() if link.startswith("#")} <= anchors


# ---- Configuration ----


def fill_in(text: str) -> str:
    """With files and a secret that are there."""
    for path, file in (("certificate", "certificate.pem"), ("private_key", "key.pem"), ("ca_list", "certificate.pem")):
        text = re.sub(rf"{path}: /\S+", f"{path}: {TLS / file}", text)
    return text


def merge(whole: object, part: object) -> object:
    if isinstance(whole, dict) and isinstance(part, dict):
        return whole | {key: merge(whole.get(key), value) for key, value in part.items()}
    return part


def yaml_blocks() -> list[str]:
    return README.blocks("yaml")


@pytest.mark.parametrize("number", range(len(yaml_blocks())))
def test_every_configuration_loads(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is read as a change to the first whole one."""
    monkeypatch.setenv("TWILIO_SIP_PASSWORD", "a password")
    monkeypatch.setenv("ASTERISK_PASSWORD", "a password")
    whole = yaml.load(
        next(block for block in yaml_blocks() if "sip:\n  listen" in block and "trunks:" in block), GatewayYaml
    )
    configuration = merge(whole, yaml.load(fill_in(yaml_blocks()[number]), GatewayYaml))
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(configuration))
    load(str(file)).plan()


def model_of(annotation: object) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def setting_exists(name: str) -> bool:
    model: type[BaseModel] | None = Configuration
    for part in name.split("."):
        fields = {} if model is None else {field.alias or key: field for key, field in model.model_fields.items()}
        if part not in fields:
            return False
        found = fields[part].annotation
        model = model_of(found) or next(filter(None, map(model_of, getattr(found, "__args__", ()))), None)
    return True


def test_every_setting_exists() -> None:
    sections = "|".join(Configuration.model_fields)
    named = [code for code in README.codes() if re.fullmatch(rf"(?:{sections})\.[a-z_.]+", code)]
    assert len(set(named)) > 10
    assert [name for name in named if not setting_exists(name)] == []


def test_every_setting_with_a_value_exists() -> None:
    """Such as `direct_media: no`; the words before the colon are keys of a trunk, a field or a section."""
    keys = {alias for model in (Trunk, CallerIdentity, ContextField) for alias in names_of(model)} | {"missing"}
    named = [code.partition(": ")[0] for code in README.codes() if re.fullmatch(r"[a-z_]+: [a-z0-9-]+", code)]
    assert named
    assert [name for name in named if name not in keys] == []


def names_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or key for key, field in model.model_fields.items()]


def test_what_is_refused_as_not_available_is_among_the_limits() -> None:
    messages = (ROOT / "tests/settings/bad/expected.txt").read_text()
    refused = re.findall(r"'([^':]+)[^']*' (?:looks like IPv6, which )?is not available in this version", messages)
    limits = README.section("Limits").text
    assert refused
    assert [word for word in refused if word not in limits and "IPv6" not in limits] == []


# ---- What operators see ----


def http_paths() -> set[str]:
    text = "\n".join([*README.commands(), *README.codes()])
    asked = re.findall(r"(?:http://[\d.]+:9464|(?:GET|POST|DELETE) )(/[a-z]+)", text)
    return set(asked)


def test_every_http_path_both_ways() -> None:
    api = AdminApi.__new__(AdminApi)  # its routes are asked for, not its answers
    served = {"/" + route.path.split("/")[1] for route in api.routes() if isinstance(route, Route)}
    assert http_paths() == served


def test_every_metric_both_ways() -> None:
    plan = samples.plan(samples.field("customer_id"))
    text = Metrics(Build("1", "2"), plan, ["loop"]).render(samples.status()).decode()
    exposed: dict[str, set[str]] = {}
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name, labels in re.findall(r"^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        full = name if name in kinds else f"{name}_count"  # a gauge or counter that ends so
        exposed.setdefault(full, set()).update(set(re.findall(r'(\w+)="', labels)) - {"le"})
    ours = {name: labels for name, labels in exposed.items() if not name.startswith("process_")}
    rows = README.section("Metrics").table("Metric")
    assert {words(name)[0]: set(words(labels)) for name, labels, _ in rows} == ours
    histograms = {words(row[0])[0] for row in rows if row[2].startswith("histogram: ")}
    assert histograms == {name for name, kind in kinds.items() if kind == "histogram"}


def test_every_outcome_both_ways() -> None:
    rows = README.section("How calls end").table("Result")
    assert {(words(row[0])[0], words(row[1])[0]) for row in rows} == {(of.result.value, of.reason) for of in OUTCOMES}


def test_what_each_code_means_and_becomes() -> None:
    checked = 0
    for _, reason, when, answer in README.section("How calls end").table("Result"):
        for code in map(int, re.findall(r"\b[3-6]\d\d\b", when)):
            assert outcome_for_code(code).reason == words(reason)[0], code
            if answer == "the same code":
                assert answer_for_code(code) == code
            if re.fullmatch(r"\d+", answer):
                assert answer_for_code(code) == int(answer)
            checked += 1
    assert checked > 10


def test_every_rejection_both_ways() -> None:
    rows = README.section("How calls end").table("Reason")
    assert {words(row[0])[0] for row in rows} == {*admission.REJECT_REASONS, *SipShell.reject_reasons}
    answers = {words(row[0])[0]: row[2] for row in rows}
    for rejection in (admission.DRAINING, admission.FULL, admission.TOO_FAST, admission.LOOP, admission.TOO_MANY_HOPS):
        retry = [f"`{name}: {value}`" for name, value in rejection.headers if name == "Retry-After"]
        assert answers[rejection.reason] == ", ".join([str(rejection.code), *retry])


# ---- The lab ----


def test_every_way_both_ways() -> None:
    tests = (ROOT / "tests/lab/twilio/test_ways.py").read_text()
    rows = README.section("Develop without Twilio").table("Way")
    assert [words(row[1])[0] for row in rows] == re.findall(r"^def (test_\w+)", tests, re.MULTILINE)


# ---- The world outside ----


def test_the_addresses_of_twilio() -> None:
    text = README.section("Ports").text
    networks = {str(network) for network in PUBLISHED_RANGES["twilio"]}
    assert set(re.findall(r"`(\d+\.\d+\.\d+\.\d+/30)`", text)) == networks


@pytest.mark.parametrize(
    ("language", "files"),
    [
        pytest.param("ini", ["config/asterisk/extensions.conf", "config/asterisk/manager.conf"], id="Asterisk"),
        pytest.param("xml", ["config/freeswitch/to-twilio.xml"], id="FreeSWITCH"),
    ],
)
def test_dialplans_are_excerpts(language: str, files: list[str]) -> None:
    whole = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    lines = [line for block in Document(README.section("The PBX").text).blocks(language) for line in block.splitlines()]
    assert lines
    assert [line for line in lines if line not in whole] == []
