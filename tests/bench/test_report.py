"""What the benchmark says of its figures: when a target is met, and what is no figure at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.audio import Tail
from tests.bench.lab import Lab, Ports
from tests.bench.processes import share_cores
from tests.bench.report import add_derived, build_json, build_table, missed, verdict_of
from tests.bench.sipp import setup_milliseconds

MESSAGE = """----------------------------------------------- 2026-01-02 03:04:{second}
UDP message {kind} (837 bytes):

INVITE sip:1@127.0.0.1 SIP/2.0
{header}: bench-7-1

"""


@pytest.mark.parametrize(
    ("value", "target", "below", "verdict"),
    [
        pytest.param(4.9, 5, False, "met", id="less than the most"),
        pytest.param(5, 5, False, "met", id="the most itself"),
        pytest.param(5.1, 5, False, "MISSED", id="more than the most"),
        pytest.param(5, 5, True, "MISSED", id="the bound where it is too much itself"),
        pytest.param(0, 0, False, "met", id="none where none may be"),
        pytest.param(1, 0, False, "MISSED", id="one where none may be"),
        pytest.param(None, 5, False, "", id="not measured"),
        pytest.param(5, None, False, "", id="no target"),
    ],
)
def test_verdict(value: float | None, target: float | None, below: bool, verdict: str) -> None:
    assert verdict_of(value, target, below) == verdict


def test_a_ratio_has_a_target_of_its_own() -> None:
    results = {"gateway": {"cpu_ms_at_50": 4.0}, "asterisk": {"cpu_ms_at_50": 5.0}}
    _, figure, ratio = build_table(results).splitlines()
    assert figure.split()[-8:] == ["4", "ms", "5", "ms", "0.8", "<=", "5", "met"]
    assert ratio.split() == ["ratio", "<=", "0.6", "MISSED"]
    assert missed(results) == ["cpu_ms_at_50"]


def test_without_an_asterisk_there_is_no_ratio_to_miss() -> None:
    results = {"gateway": {"cpu_ms_at_50": 4.0}}
    assert missed(results) == []
    assert "ratio <=" not in build_table(results)


def test_growth_is_of_the_most_calls_by_the_fewest() -> None:
    results = {"gateway": {"sip_ms_with_10": 4.0, "sip_ms_with_100": 5.0, "sip_ms_with_500": 6.0}}
    add_derived(results)
    assert results["gateway"]["sip_growth"] == 1.5
    assert missed(results) == ["sip_growth"]


def test_the_figures_are_json() -> None:
    content = json.loads(build_json({"gateway": {"setup_p99_ms": 11.0}}, {"quick": True}))
    assert content["results"] == {"gateway": {"setup_p99_ms": 11.0}}
    assert content["missed"] == ["setup_p99_ms"]
    assert content["about"] == {"quick": True}


def test_setup_time_is_from_the_first_invite_sent_to_the_first_received(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Ports(1, 2, 3, 4, 5), share_cores(), quick=True)
    sent = [MESSAGE.format(second=second, kind="sent", header="X-PBX-TICKET") for second in ("05.000100", "05.500000")]
    received = [MESSAGE.format(second="05.001600", kind="received", header="X-Ticket")]
    (tmp_path / "pbx.messages").write_text("".join(sent))
    (tmp_path / "twilio.messages").write_text("".join(received))
    assert setup_milliseconds(lab) == [pytest.approx(1.5, abs=1e-3)]


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    tail = Tail(log)
    assert tail.ports() == []
    log.write_text("RTP 20000\nRTP 200")
    assert tail.ports() == [20000]
    log.write_text("RTP 20000\nRTP 20002\n")
    assert tail.ports() == [20002]
    assert tail.ports() == []
