"""Measures, prints a table and writes JSON; says on what machine, and which targets are missed."""

from __future__ import annotations

import argparse
import datetime
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from config.asterisk import unpack
from gateway.lab import asterisk
from tests.bench import processes, sipp
from tests.bench.contenders import NotReady, contenders
from tests.bench.lab import Lab, find_ports
from tests.bench.mapping import mapping
from tests.bench.measurements import MEASUREMENTS, Figures
from tests.bench.report import add_derived, build_json, build_table, describe_machine, missed

BUSY_CORES = 0.1
"""More than this in use before we begin, and the figures are not ours alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    if not shutil.which("sipp"):
        print("bench: there is no sipp here; it is in Debian's package sip-tester")
        return 1
    _allow_descriptors()
    lab = Lab(Path(tempfile.mkdtemp(prefix="gateway-bench-")), find_ports(), processes.share_cores(), options.quick)
    tree = None if options.no_asterisk else _asterisk_or_reason()
    about = _about(lab, tree)
    results = _measure(lab, tree, options.only)
    print("\n" + build_table(results))
    file = options.json or lab.folder / "bench.json"
    file.write_text(build_json(results, about))
    print(f"\nfigures: {file}\nlogs: {lab.folder}")
    return 1 if options.strict and missed(results) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a few seconds each: to see that it works, not for figures"
    )
    parser.add_argument(
        "--only", choices=[*MEASUREMENTS, "mapping"], action="append", help="only this; may be repeated"
    )
    parser.add_argument("--no-asterisk", action="store_true", help="the gateway alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go (default: a folder in /tmp)")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args(arguments)


def _allow_descriptors() -> None:
    """Four sockets a call; what we start inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _asterisk_or_reason() -> asterisk.Tree | None:
    try:
        return unpack.prepare()
    except asterisk.AsteriskError as error:
        print(f"bench: no Asterisk to compare with: {error}")
        return None


def _about(lab: Lab, tree: asterisk.Tree | None) -> dict[str, object]:
    """What the figures rest on, said before the wait for them."""
    before = processes.machine_ticks()
    time.sleep(1)
    busy = processes.busy_cores(before, processes.machine_ticks())
    machine = describe_machine()
    measured, generator = (sorted(cores) for cores in (lab.cores.measured, lab.cores.generator))
    version = tree.version if tree else "none"
    print(f"bench: {machine['cores']} cores of {machine['cpu']}; {sipp.version()}; Asterisk {version}")
    print(f"bench: what is measured runs on core {measured} (with audio and for flatness on any), SIPp on {generator}")
    if busy > BUSY_CORES:
        print(f"bench: WARNING: {busy:.2f} cores are busy with other work, the figures will be worse than the truth")
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "quick": lab.quick,
        "machine": machine,
        "busy_cores_before": round(busy, 2),
        "asterisk": version,
        "sipp": sipp.version(),
        "cores": {"measured": measured, "generator": generator},
    }


def _measure(lab: Lab, tree: asterisk.Tree | None, only: list[str] | None) -> dict[str, Figures]:
    """One after the other, both contenders close together, so that they meet the same machine."""
    results: dict[str, Figures] = {}
    if not only or "mapping" in only:
        results["gateway"] = mapping(lab)
    for name, measure in MEASUREMENTS.items():
        if only and name not in only:
            continue
        for contender, start in contenders(lab, tree).items():
            began = time.monotonic()
            try:
                figures = measure(lab, start)
            except (NotReady, asterisk.AsteriskError) as error:
                print(f"bench: {name} of {contender} cannot be measured: {error}", flush=True)
                continue
            results.setdefault(contender, {}).update(figures)
            _say(f"{name} of {contender}, {time.monotonic() - began:.0f} s", figures)
    add_derived(results)
    return results


def _say(what: str, figures: Figures) -> None:
    print(f"bench: {what}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
