"""The demo with a real Asterisk as the PBX, and how that Asterisk is had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.lab.asterisk import Tree
from gateway.lab.office import build_dialplan, replaced
from gateway.lab.scenes import TO_TWILIO

ROOT = Path(__file__).parents[2]
ESSENTIAL = (
    "X-CustomerID: C-4711",
    "SipHeader_X-Caller-Name=Zoë Roy",
    "CUSTOMER_ID = C-4711",
    "NOTE = call back; before noon",
    "X-Queue: gold card",
    "nothing: no field names it",
    "PASSED: ",
)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=100,
        check=False,
    )


def test_the_demo_passes_with_it(tree: Tree, tmp_path: Path) -> None:
    """Whatever the page shows on the PBX's side was read from Asterisk."""
    shown = run(Path(sys.executable).with_name("gateway"), "demo", "--asterisk", tree.root, TMPDIR=str(tmp_path))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert [text for text in (*ESSENTIAL, f"(Asterisk {tree.version})") if text not in shown.stdout] == []
    assert "✗" not in shown.stdout
    assert shown.stderr == ""
    assert list(tmp_path.glob("gateway-demo-*")) == []


def test_the_recipe_prints_where_it_unpacked(tree: Tree) -> None:
    printed = run(sys.executable, "-m", "config.asterisk.unpack", tree.root.name)
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, f"{tree.root}\n", "")


def test_the_recipe_knows_what_it_can_unpack() -> None:
    refused = run(sys.executable, "-m", "config.asterisk.unpack", "freeswitch")
    assert refused.returncode == 2
    assert refused.stderr == "'freeswitch' is none of asterisk, asterisk-22, asterisk-16\n"


def test_a_folder_without_an_asterisk(tmp_path: Path) -> None:
    refused = run(Path(sys.executable).with_name("gateway"), "demo", "--asterisk", tmp_path)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert f"{tmp_path} is no unpacked Asterisk" in refused.stderr


def test_a_comment_sign_of_a_value_is_none_in_the_dialplan() -> None:
    assert "(add,User-to-User)=0038382D31323037\\;encoding=hex)" in build_dialplan(TO_TWILIO, "100")


def test_a_sample_that_changed_is_noticed() -> None:
    with pytest.raises(ValueError, match=r"'10\.0\.0\.20' is not in the sample"):
        replaced("bind=0.0.0.0", {"10.0.0.20": "127.0.0.1"})
