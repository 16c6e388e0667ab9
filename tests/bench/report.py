"""The figures as a table for people and as JSON for machines, each beside its target."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measurements import CONCURRENCIES, Figures

Results = Mapping[str, Figures]
"""Figures by contender."""


@dataclass(frozen=True)
class Row:
    """One line: `target` is the most that the gateway may need, `of_asterisk` the most of what Asterisk needs."""

    figure: str
    title: str
    unit: str = ""
    target: float | None = None
    of_asterisk: float | None = None
    below: bool = False
    """Whether the target itself is already too much."""


ROWS = (
    Row("cpu_ms_at_50", "CPU a call of 1 s, 50 calls/s", "ms", 5, 0.6),
    Row("cpu_ms_at_200", "CPU a call of 1 s, 200 calls/s", "ms", 3.8, 0.6),
    Row("talk_ms", "  with audio both ways, 50 calls/s", "ms"),
    Row("failed_at_50", "failed calls at 50 calls/s", "", 0),
    Row("failed_at_200", "failed calls at 200 calls/s", "", 0),
    Row("talk_failed", "failed calls at 50 calls/s with audio", "", 0),
    Row("calls_per_second", "calls/s held, 99.9 % successful"),
    Row("rate_other_cores", "  cores of SIPp and all else then"),
    Row("setup_p50_ms", "INVITE in to INVITE out, p50", "ms", 2, below=True),
    Row("setup_p99_ms", "INVITE in to INVITE out, p99", "ms", 10, below=True),
    Row("audio_calls", "calls with audio both ways"),
    Row("audio_cores", "  cores they take", "", 1.2, below=True),
    Row("cores_per_100_calls", "  cores for 100 of them"),
    Row("audio_failed", "  of them failed", "", 0),
    Row("audio_expected", "  packets that both sides should hear"),
    Row("audio_received", "  packets heard"),
    Row("audio_lost", "  packets lost on the way", "", 0),
    Row("audio_misplaced", "  packets whose sound was not the next"),
    Row("audio_late_ms", "  the generator was late by at most", "ms"),
    Row("audio_generator_cores", "  cores of the generator"),
    Row("idle_mb", "memory idle", "MB"),
    Row("kb_a_call", "memory a call with audio", "KB"),
    Row("map_us_10", "mapping 10 fields", "us", 100, below=True),
    Row("parse_us_10", "  and reading that INVITE", "us"),
    Row("invite_us_worked", "parsing and mapping 10, 2 transformed, 1 in UUI", "us", 100, below=True),
    Row("map_us_100", "mapping 100 fields", "us", 1000, below=True),
    Row("parse_us_100", "  and reading that INVITE", "us"),
    Row("map_us_over_budget", "mapping 100 fields, too many for Twilio", "us"),
    *(Row(f"all_ms_with_{count}", f"CPU a call, {count} in progress", "ms") for count in CONCURRENCIES),
    *(Row(f"sip_ms_with_{count}", f"  without media, {count} in progress", "ms") for count in CONCURRENCIES),
    Row("sip_growth", "  the last of these by the first", "", 1.2),
    Row("flat_failed", "  of all these failed", "", 0),
)
HEADINGS = ("", "gateway", "Asterisk", "ratio", "target", "")


def add_derived(results: dict[str, Figures]) -> None:
    """Figures that come of others."""
    for figures in results.values():
        measured = [figures[key] for count in CONCURRENCIES if (key := f"sip_ms_with_{count}") in figures]
        if len(measured) > 1 and measured[0]:
            figures["sip_growth"] = measured[-1] / measured[0]


def build_table(results: Results) -> str:
    """The table, with a line for every figure that was measured."""
    lines = [HEADINGS, *(line for row in ROWS for line in _lines(row, results))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(_align(line, widths) for line in lines)


def _align(line: tuple[str, ...], widths: list[int]) -> str:
    cells = zip(line, widths, "<>>><<", strict=True)
    return "  ".join(f"{cell:{side}{width}}" for cell, width, side in cells).rstrip()


def _lines(row: Row, results: Results) -> Iterator[tuple[str, ...]]:
    ours = results.get("gateway", {}).get(row.figure)
    theirs = results.get("asterisk", {}).get(row.figure)
    if ours is None and theirs is None:
        return
    ratio = ours / theirs if ours is not None and theirs else None
    target = _bound(row, row.target)
    verdict = verdict_of(ours, row.target, row.below)
    yield (row.title, _number(ours, row.unit), _number(theirs, row.unit), _number(ratio, ""), target, verdict)
    if row.of_asterisk is not None and ratio is not None:
        bound = f"ratio <= {row.of_asterisk:g}"
        yield ("", "", "", "", bound, verdict_of(ratio, row.of_asterisk, below=False))


def verdict_of(value: float | None, target: float | None, below: bool) -> str:
    """`met`, `MISSED`, or nothing where nothing is asked."""
    if value is None or target is None:
        return ""
    return "met" if value < target or (value == target and not below) else "MISSED"


def _bound(row: Row, target: float | None) -> str:
    if target is None:
        return ""
    return f"{'<' if row.below else '<='} {target:g}" if target else "0"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def missed(results: Results) -> list[str]:
    """The figures that miss a target."""
    return [row.figure for row in ROWS if any(line[5] == "MISSED" for line in _lines(row, results))]


def build_json(results: Results, about: Mapping[str, object]) -> str:
    """Everything that was measured, and on what."""
    targets = {
        row.figure: {"target": row.target, "of_asterisk": row.of_asterisk} for row in ROWS if row.target is not None
    }
    content = {"about": about, "results": results, "targets": targets, "missed": missed(results)}
    return json.dumps(content, indent=2) + "\n"


def describe_machine() -> dict[str, object]:
    """What a figure depends on and nobody remembers later."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
