"""The layers of the package are contracts in pyproject.toml; here they are held, and what is pure is shown to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Everything pure, imported where pjsua2 and every other outside package is missing.
IMPORT_WHAT_IS_PURE = """
import importlib, pkgutil, sys
for name in ("pjsua2", "prometheus_client", "pydantic", "starlette", "twilio", "uvicorn", "httpx", "yaml"):
    sys.modules[name] = None
import gateway.bridge, gateway.core
for package in (gateway.core, gateway.bridge):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
        print(module.name)
"""


def test_imports_point_one_way() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_pure_imports_without_pjsip_or_any_other_package() -> None:
    command = [sys.executable, "-c", IMPORT_WHAT_IS_PURE]
    imported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert imported.returncode == 0, imported.stderr
    assert {name.split(".")[1] for name in imported.stdout.split()} == {"bridge", "core"}
