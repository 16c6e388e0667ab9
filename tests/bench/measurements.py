"""What is measured, one function each: starts a fresh contender, gives figures by name, judges nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.bench import processes, sipp
from tests.bench.audio import FRAME_SECONDS
from tests.bench.contenders import Contender, Running
from tests.bench.far_audio import FarAudio
from tests.bench.lab import MEASURED, Lab
from tests.bench.sipp import Load

Figures = dict[str, float]

HELD_SHARE = 0.999
RATES = (50, 100, 200, 300, 400, 500, 600)
CONCURRENCIES = (10, 100, 500)
SETTLE_SECONDS = 2.0


@contextmanager
def ready(lab: Lab, contender: Contender, cores: frozenset[int], timed: bool = False) -> Iterator[Running]:
    """A contender that has had its first calls, with Twilio's side answering."""
    with contender(cores) as running, sipp.answering(lab, timed), sipp.deaf(lab):
        sipp.call(lab, Load(rate=20, calls=20, seconds=0.2, timed=timed))
        yield running


def cpu(lab: Lab, contender: Contender) -> Figures:
    """CPU a call of one second, and the calls that failed in the longer of the two runs."""
    slow = Load(rate=50, calls=50 * lab.count(30, 4))
    fast = Load(rate=200, calls=200 * lab.count(60, 4))
    figures: Figures = {}
    for load in (slow, fast):
        with ready(lab, contender, lab.cores.measured) as running:
            before = processes.cpu_seconds(running.pid)
            tally = sipp.call(lab, load)
            time.sleep(0.5)  # what follows on the last BYE belongs to it
            used = processes.cpu_seconds(running.pid) - before
        figures[f"cpu_ms_at_{load.rate}"] = used * 1000 / load.calls
        figures[f"failed_at_{load.rate}"] = tally.failed
        figures[f"retransmissions_at_{load.rate}"] = tally.retransmissions
    return figures


def rate(lab: Lab, contender: Contender) -> Figures:
    """The highest rate that was held, over ten seconds each; and whether SIPp was the limit."""
    held, generator = 0, 0.0
    with ready(lab, contender, lab.cores.measured):
        for wanted in RATES[: lab.count(len(RATES), 3)]:
            tally = sipp.call(lab, Load(rate=wanted, calls=wanted * lab.count(10, 2)))
            generator = tally.cores
            if tally.succeeded_share < HELD_SHARE or tally.rate < 0.9 * wanted:
                break
            held = wanted
    return {"calls_per_second": held, "generator_cores": generator}


def setup(lab: Lab, contender: Contender) -> Figures:
    """From INVITE in to INVITE out, at 20 calls a second."""
    with ready(lab, contender, lab.cores.measured, timed=True):
        sipp.call(lab, Load(rate=20, calls=20 * lab.count(50, 5), timed=True))
    times = sipp.setup_milliseconds(lab)
    percentiles = statistics.quantiles(times, n=100)
    return {"setup_p50_ms": percentiles[49], "setup_p99_ms": percentiles[98], "setup_calls": len(times)}


def audio(lab: Lab, contender: Contender) -> Figures:
    """Calls with audio both ways: CPU, what was lost, and the memory they take.

    The contender may use every core: what 400 calls need is more than one.
    """
    calls, start_rate = lab.count(400, 40), 40
    window = lab.seconds(30, 5)
    length = calls / start_rate + window + 5 * SETTLE_SECONDS
    with contender(lab.cores.both) as running, sipp.answering(lab), FarAudio(lab) as far:
        idle = processes.resident_bytes(running.pid)
        caller = sipp.Caller(lab, Load(start_rate, calls, length))
        far.wait_for_streams(calls, calls / start_rate + 10)
        time.sleep(SETTLE_SECONDS)
        figures = _watch_audio(running, far, window)
        held = processes.resident_bytes(running.pid)
        tally = caller.finish()
    figures["audio_calls"] = calls
    figures["audio_failed"] = tally.failed
    figures["cores_per_100_calls"] = figures["audio_cores"] * 100 / calls
    figures["idle_mb"] = idle / 2**20
    figures["kb_a_call"] = (held - idle) / calls / 1024
    return figures


def _watch_audio(running: Running, far: FarAudio, window: float) -> Figures:
    dropped = processes.dropped_datagrams(MEASURED)
    before = processes.cpu_seconds(running.pid)
    far.ask("count")
    began = time.monotonic()
    time.sleep(window)
    heard = far.ask("report")
    seconds = time.monotonic() - began
    used = processes.cpu_seconds(running.pid) - before
    sides = (heard["pbx"], heard["twilio"])
    expected = sum(side["streams"] for side in sides) * seconds / FRAME_SECONDS
    return {
        "audio_cores": used / seconds,
        "audio_sent": sum(side["sent"] for side in sides),
        "audio_received": sum(side["received"] for side in sides),
        "audio_expected": expected,
        "audio_lost": sum(side["lost"] for side in sides) + processes.dropped_datagrams(MEASURED) - dropped,
        "audio_misplaced": sum(side["misplaced"] for side in sides),
        "generator_late_ms": max(side["late"] for side in sides) * 1000,
        "generator_cores": heard["cpu"] / seconds,
    }


def flat(lab: Lab, contender: Contender) -> Figures:
    """CPU a call with more and more calls in progress, at the same rate: only their length differs.

    Measured while as many calls start as end. The far ends send no audio; what the contender's other threads do is
    counted apart from its first thread, which in the gateway is the SIP thread and nothing of media.
    """
    figures: Figures = {}
    start_rate = 20
    for concurrent in CONCURRENCIES[: lab.count(3, 2)]:
        length = concurrent / start_rate
        window = lab.seconds(20, 4)
        with ready(lab, contender, lab.cores.both) as running:
            load = Load(start_rate, int(start_rate * (length + window + 2 * SETTLE_SECONDS)), length)
            caller = sipp.Caller(lab, load)
            time.sleep(length + SETTLE_SECONDS)
            before = _main_and_rest(running.pid)
            time.sleep(window)
            main, rest = (now - then for now, then in zip(_main_and_rest(running.pid), before, strict=True))
            figures["flat_failed"] = figures.get("flat_failed", 0) + caller.finish().failed
        figures[f"sip_ms_with_{concurrent}"] = main * 1000 / (start_rate * window)
        figures[f"media_cores_with_{concurrent}"] = rest / window
    return figures


def _main_and_rest(pid: int) -> tuple[float, float]:
    main = processes.main_thread_seconds(pid)
    return main, processes.cpu_seconds(pid) - main


MEASUREMENTS: dict[str, Callable[[Lab, Contender], Figures]] = {
    "cpu": cpu,
    "rate": rate,
    "setup": setup,
    "audio": audio,
    "flat": flat,
}
