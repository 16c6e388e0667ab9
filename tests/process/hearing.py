"""What a phone hears, once what came before has died away and whoever speaks has begun."""

from __future__ import annotations

from gateway.lab.driver import Call
from gateway.lab.tone import LOUDNESS_DBFS, Tone
from tests.process.waiting import wait_until

PATIENCE_SECONDS = 30


def assert_hears(call: Call, hz: float) -> None:
    """Wait for a tone as loud as our phones play it; audio must flow."""
    tone: Tone | None = None

    def heard() -> bool:
        nonlocal tone
        call.listen(0.3)
        tone = call.tone()
        return tone is not None and tone.is_like(hz, LOUDNESS_DBFS)

    try:
        wait_until(heard, f"{call.phone.name} hears {hz} Hz", PATIENCE_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}, but {tone}") from None
