"""Fixtures: a gateway for a module, which each test uses and none may leave dirty, and gateways of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process.daemon import Gateway, Site, Tree

TEST_SECONDS = 120
"""How long a test may take on a busy machine, where a gateway alone may need many seconds to start."""

Change = Callable[[Tree, Site], None]
ShareGateway = Callable[[Change], Gateway]
StartGateway = Callable[..., Gateway]
Leaving = list[Gateway]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


def as_it_is(tree: Tree, site: Site) -> None:
    """What most tests run on."""


@pytest.fixture(scope="session")
def leaving() -> Iterator[Leaving]:
    """Where gateways are left to end. What is wrong with an end fails the test that is next, or the last of all."""
    leaving: Leaving = []
    yield leaving
    for gateway in leaving:
        gateway.assert_left_well()


def leave(gateway: Gateway, leaving: Leaving) -> None:
    """Have it end while other tests run, and look at those that have."""
    gateway.leave()
    leaving.append(gateway)
    for gone in [other for other in leaving if other.has_exited()]:
        leaving.remove(gone)
        gone.assert_left_well()


def run_gateway(folder: Path, change: Change = as_it_is, environment: Mapping[str, str] | None = None) -> Gateway:
    """One that calls are welcome at."""
    site = Site(folder)
    tree = site.configuration()
    change(tree, site)
    gateway = Gateway(site, tree)
    gateway.environment.update(environment or {})
    gateway.start()
    return gateway


@pytest.fixture(scope="module")
def module_gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, leaving: Leaving
) -> Iterator[Gateway]:
    """The module's gateway; functions `configure(tree, site)` and `environment(site)` of the module may change both."""
    site = Site(tmp_path_factory.mktemp("gateway"))
    tree = site.configuration()
    getattr(request.module, "configure", as_it_is)(tree, site)
    gateway = Gateway(site, tree)
    gateway.environment.update(getattr(request.module, "environment", lambda site: {})(site))
    gateway.start()
    yield gateway
    leave(gateway, leaving)


@pytest.fixture
def gateway(module_gateway: Gateway, tmp_path: Path) -> Iterator[Gateway]:
    """The module's gateway for one test, checked for leaks and complaints after it."""
    with module_gateway.watched(tmp_path) as watched:
        yield watched


@pytest.fixture(scope="module")
def changed_gateways(leaving: Leaving) -> Iterator[dict[Change, Gateway]]:
    """More gateways of a module, by what is different with them."""
    gateways: dict[Change, Gateway] = {}
    yield gateways
    for gateway in gateways.values():
        leave(gateway, leaving)


@pytest.fixture
def share_gateway(
    changed_gateways: dict[Change, Gateway], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ShareGateway]:
    """Gives the module's gateway with a change for one test, checked after it; the first that asks for it starts it."""
    with ExitStack() as stack:

        def share(change: Change) -> Gateway:
            if change not in changed_gateways:
                changed_gateways[change] = run_gateway(tmp_path_factory.mktemp("gateway"), change)
            return stack.enter_context(changed_gateways[change].watched(tmp_path))

        yield share


@pytest.fixture
def start_gateway(tmp_path: Path, leaving: Leaving) -> Iterator[StartGateway]:
    """Starts gateways of the test's own, for tests that stop one or need limits that nobody else can live with."""
    started: list[Gateway] = []

    def start(change: Change = as_it_is, environment: Mapping[str, str] | None = None) -> Gateway:
        started.append(run_gateway(tmp_path, change, environment))
        return started[-1]

    yield start
    for gateway in started:
        try:
            if not gateway.has_exited():
                gateway.assert_nothing_left(lingering=True)
        finally:
            gateway.stop_peers()
            gateway.end_calls()
            leave(gateway, leaving)
