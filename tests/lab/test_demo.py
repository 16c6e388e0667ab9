"""The demo as a person runs it, and as it looks when something does not arrive."""

from __future__ import annotations

import contextlib
import html
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import StartError
from gateway.lab import demo
from gateway.lab.scenes import CONTRACT

ESSENTIAL = (
    "CUSTOMER_ID = C-4711",
    "X-CustomerID: C-4711",
    "SipHeader_X-CustomerID=C-4711",
    "?X-CustomerID=C-4711",
    "X-PBX-CUSTOMER-ID: C-4711",
    "SipHeader_X-Caller-Name=Zoë Roy",
    "nothing: dropped",
    "nothing: no field names it",
    "62 bytes, 40 allowed (max_bytes)",
    "PASSED: ",
)

ON_THE_PAGE = (
    "CUSTOMER_ID = C-4711",
    "X-PBX-CUSTOMER-ID: C-4711",
    "SipHeader_X-Caller-Name=Zoë Roy",
    "?X-Note=call%20back%3B%20before%20noon",
    "62 bytes, 40 allowed (max_bytes)",
    "660 Hz",
    "40 of 40",
)

HEARD = re.compile(r" (\d+) Hz +(\d+) Hz at -1\d\.\d dBFS")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_demo_passes_and_shows_every_hop(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [Path(sys.executable).with_name("gateway"), "demo", "--page", page]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert [text for text in ESSENTIAL if text not in run.stdout] == []
    heard = [(int(played), int(found)) for played, found in HEARD.findall(run.stdout)]
    assert [played for played, _found in heard] == [440, 660, 550, 880]
    assert all(abs(played - found) <= 5 for played, found in heard)  # what Tone.is_like takes for the same tone
    assert "✗" not in run.stdout
    assert run.stderr == ""
    assert max(map(len, run.stdout.splitlines())) <= 120
    assert "\x1b" not in run.stdout  # no terminal, no colours
    assert list(tmp_path.glob("gateway-demo-*")) == []
    assert f"As a web page: {page}\n" in run.stdout
    words = html.unescape(re.sub("<[^>]*>", "", page.read_text(encoding="utf-8")))
    assert [text for text in ON_THE_PAGE if text not in words] == []


def test_a_value_that_does_not_arrive_fails_the_demo(temporary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(CONTRACT.replace("header:X-CustomerID", "header:X-Customer")) == 1
    page = capsys.readouterr().out
    assert (
        "customer_id reaches Twilio as X-CustomerID: C-4711, read as SipHeader_X-CustomerID=C-4711: there was nothing"
        in page
    )
    assert "no other header reaches Twilio: there was X-Customer\n" in page
    assert (
        "customer_id reaches the PBX as X-PBX-CUSTOMER-ID: C-4711, read as CUSTOMER_ID = C-4711: there was nothing"
        in page
    )
    assert "the receipt says sent of customer_id: it said missing" in page
    assert "FAILED: 4 of 40 checks" in page
    (kept,) = temporary.glob("gateway-demo-*")
    assert page.endswith(f"Configuration, logs and recordings are in {kept}\n")
    assert {"gateway.yaml", "gateway.log", "pbx.log", "twilio.log", "pbx-1.wav"} <= {
        file.name for file in kept.iterdir()
    }


def test_a_call_that_is_refused_is_told_with_the_answer(temporary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = CONTRACT.replace("var:CUSTOMER_ID", "var:CUSTOMER").replace("  uui:", "  missing: reject\n  uui:")
    file = temporary / "page.html"
    assert demo.main(broken, page=str(file)) == 1
    page = capsys.readouterr().out
    assert "call 1 goes through: it does not ring at Twilio" in page
    assert "the PBX was told: 400 " in page
    assert "the PBX was told: 400 " in file.read_text(encoding="utf-8")
    assert "✓ call_sid" in page  # the other call went on


def test_a_gateway_that_does_not_start_is_no_failed_check(temporary: Path) -> None:
    with pytest.raises(StartError, match="the demo does not start: the gateway does not become ready") as error:
        demo.main("context: {fields: {broken: {}}}\n")
    assert "it ended with code 3" in str(error.value)
    assert "context.fields.broken" in str(error.value)


def test_a_page_that_cannot_be_written_is_said_before_anything_starts(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = temporary / "no-such-folder" / "page.html"
    with pytest.raises(StartError, match=f"^the page cannot be written to {page}: No such file or directory$"):
        demo.main(page=str(page))
    assert capsys.readouterr().out == ""


def test_an_interrupted_demo_leaves_no_gateway(
    temporary: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.Stage, "play", interrupt)
    assert demo.main() == 1
    assert "interrupted\n" in capsys.readouterr().out
    (kept,) = temporary.glob("gateway-demo-*")
    assert not any(str(kept).encode() in command for command in command_lines())


def command_lines() -> Iterator[bytes]:
    """Those of all processes; some end while we look."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()
