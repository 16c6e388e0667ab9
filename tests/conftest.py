"""What holds for all tests."""

from __future__ import annotations

import pytest

OURS = {"hypothesispytest": "tests.examples", "xdist": "tests.scheduling"}
"""What we add to a plugin. To import it where that plugin is not would be in vain: tests/pjsip has many processes."""


def pytest_configure(config: pytest.Config) -> None:
    for plugin, addition in OURS.items():
        if config.pluginmanager.has_plugin(plugin):
            config.pluginmanager.import_plugin(addition)
