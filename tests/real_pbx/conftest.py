"""Fixtures: one Asterisk of each version with one gateway, for all tests of a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.asterisk import unpack
from config.asterisk.unpack import SUITES
from gateway.lab.asterisk import Tree
from tests.real_pbx.exchange import Exchange, running

TEST_SECONDS = 120
DOWNLOAD_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [suite for suite in SUITES.values() if unpack.find_tree(suite) is None]
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(DOWNLOAD_SECONDS if missing else TEST_SECONDS))


@pytest.fixture(scope="session", params=SUITES)
def tree(request: pytest.FixtureRequest) -> Tree:
    """Asterisk of one version; the first time ever it is fetched."""
    suite = SUITES[request.param]
    if unpack.find_tree(suite) is None:
        say(request, f"fetching {request.param} from Debian's archive into the cache, once (80 MB)")
    return unpack.prepare(suite)


@pytest.fixture(scope="session")
def office(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Asterisk of one version, the gateway and the phones."""
    with running(tree, tmp_path_factory.mktemp(tree.root.name), lambda tree, place: None) as exchange:
        yield exchange


@pytest.fixture
def exchange(office: Exchange, tmp_path: Path) -> Iterator[Exchange]:
    """It, for one test, checked for leaks and complaints after it."""
    with office.watched(tmp_path) as watched:
        yield watched


def say(request: pytest.FixtureRequest, text: str) -> None:
    """Tell whoever watches, though pytest keeps the output of tests to itself."""
    terminal = request.config.pluginmanager.getplugin("terminalreporter")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        terminal.write_line(f"\n{text}")
