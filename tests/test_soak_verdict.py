"""What a soak calls a leak: its verdict is worth something only if it can be bad."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.verdict import Holdings, leaks

CALLS = 16_000
BEFORE = Holdings(calls=0, files=11, ports=1, resident=100 * 2**20, heap=40 * 2**20, blocks=295_000)
WARM = replace(BEFORE, resident=280 * 2**20, heap=42 * 2**20, blocks=320_000)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        pytest.param(WARM, [], id="nothing"),
        pytest.param(replace(WARM, resident=400 * 2**20), [], id="only pages that are free"),
        pytest.param(replace(WARM, heap=WARM.heap + 50 * CALLS), [], id="a wider table"),
        pytest.param(replace(WARM, calls=1), ["calls: 0 before, 1 after"], id="a call"),
        pytest.param(replace(WARM, files=12), ["files: 11 before, 12 after"], id="a file"),
        pytest.param(replace(WARM, ports=2), ["ports: 1 before, 2 after"], id="a port"),
        pytest.param(
            replace(WARM, heap=WARM.heap + 512 * CALLS),
            ["heap: 512.0 more for each call, 100.0 at most"],
            id="the smallest pool of each call",
        ),
        pytest.param(
            replace(WARM, blocks=WARM.blocks + CALLS),
            ["blocks: 1.0 more for each call, 0.5 at most"],
            id="an object of each call",
        ),
    ],
)
def test_leaks(after: Holdings, told: list[str]) -> None:
    assert leaks(BEFORE, WARM, after, CALLS) == told
