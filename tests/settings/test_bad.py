"""One bad file for each message, with the exact text that a person gets to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import load

FOLDER = Path(__file__).parent / "bad"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))


def expected_text(name: str) -> str:
    lines = (FOLDER / "expected.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith(f"{name}: "))


@pytest.mark.parametrize("name", FILES)
def test_each_bad_file_is_refused_with_its_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(ConfigError) as caught:
        load(name)
    assert str(caught.value) == expected_text(name)


def test_every_text_belongs_to_a_file() -> None:
    lines = (FOLDER / "expected.txt").read_text(encoding="utf-8").splitlines()
    assert {line.partition(":")[0] for line in lines if not line.startswith("#")} == set(FILES)


def test_no_two_files_are_about_the_same_thing() -> None:
    texts = [expected_text(name).partition(": ")[2] for name in FILES]
    assert len(set(texts)) == len(texts)
