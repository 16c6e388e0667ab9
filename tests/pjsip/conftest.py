"""Every test here runs in a process of its own.

PJSIP is one per process and cannot be started twice, and a fault in it ends the process. So pytest runs each test of
this folder again, alone, in a child; the child's verdict and output are the test's.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHILD = "GATEWAY_PJSIP_TEST_CHILD"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if CHILD in os.environ:
        return None
    # No plugins but the one that ends a test that hangs: the others cost more time than the test.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pytest_timeout", "-p", "no:cacheprovider"]
    # Nor coverage, which would start in every process: nothing of the gateway runs here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment |= {CHILD: "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    child = subprocess.run(
        [*command, pyfuncitem.nodeid],
        cwd=pyfuncitem.config.rootpath,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        pytest.fail(f"{child.stdout}{child.stderr}\nended with {child.returncode}", pytrace=False)
    return True
