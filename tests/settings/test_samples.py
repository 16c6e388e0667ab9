"""The samples of the configuration: each loads as shipped, with examples that hold both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.terms import Direction
from gateway.settings import build_report, load

CONFIG = Path(__file__).parents[2] / "config"
SAMPLES = sorted(path.relative_to(CONFIG).as_posix() for path in CONFIG.rglob("gateway.yaml"))


def test_every_pbx_has_a_sample() -> None:
    folders = {"3cx", "asterisk", "avaya", "cisco", "freepbx", "freeswitch", "genesys"}
    assert {f"{folder}/gateway.yaml" for folder in folders} | {"gateway.yaml"} <= set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_loads_and_its_examples_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_SIP_PASSWORD", "hunter2")
    settings = load(str(CONFIG / name))
    examples = settings.configuration.context.examples.values()
    assert {example.direction for example in examples} == set(Direction)
    assert "GOES TO" in build_report(settings)
