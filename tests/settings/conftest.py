"""A file to load, as text: what the tests of settings have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import Settings, load
from tests.settings.samples import Loader


@pytest.fixture
def load_text(tmp_path: Path) -> Loader:
    """Load a configuration given as text."""

    def load_it(text: str) -> Settings:
        path = tmp_path / "gateway.yaml"
        path.write_text(text, encoding="utf-8")
        return load(str(path))

    return load_it


@pytest.fixture
def complaints(load_text: Loader) -> Callable[[str], list[str]]:
    """What is wrong with a configuration given as text: `PLACE: TEXT` for each problem, in order."""

    def complaints_of(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text)
        return [f"{problem.path}: {problem.text}" for problem in caught.value.problems]

    return complaints_of
