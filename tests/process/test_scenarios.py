"""The SIPp scenarios as a collection: each says what it proves, and each is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.process.sipp import SCENARIOS

FILES = sorted(SCENARIOS.glob("*.xml"))
TESTS = "\n".join(path.read_text() for path in Path(__file__).parents[1].glob("**/*.py"))
OPENING = re.compile(
    r'<\?xml version="1.0" encoding="UTF-8"\?>\n<!-- (.{10,118}\.) -->\n<scenario name="([a-z0-9-]+)">\n'
)


def test_there_is_nothing_else_in_the_folder() -> None:
    assert FILES
    assert sorted(SCENARIOS.iterdir()) == FILES


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_scenario_says_what_it_proves_and_is_used(path: Path) -> None:
    opening = OPENING.match(path.read_text())
    assert opening
    assert opening[2] == path.stem
    assert path.stem.split("-")[0] in ("uac", "uas")
    assert f'"{path.stem}"' in TESTS
