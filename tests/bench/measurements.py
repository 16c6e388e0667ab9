"""What is measured, one function each: starts a fresh contender, gives figures by name, judges nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.bench import processes, sipp
from tests.bench.audio import FRAME_SECONDS
from tests.bench.contenders import Contender, NotReady, Running
from tests.bench.far_audio import FarAudio
from tests.bench.lab import MEASURED, Lab
from tests.bench.sipp import Load

Figures = dict[str, float]

HELD_SHARE = 0.999
RATES = (50, 100, 200, 300, 400, 500, 600)
CONCURRENCIES = (10, 100, 500)
FLAT_RATE = 20
SETTLE_SECONDS = 2.0


@contextmanager
def ready(lab: Lab, contender: Contender, cores: frozenset[int], timed: bool = False) -> Iterator[Running]:
    """A contender that has had its first calls, with Twilio's side answering."""
    with contender(cores) as running, sipp.answering(lab, timed):
        first = sipp.call(lab, Load(rate=20, calls=20, seconds=0.2, timed=timed))
        if first.failed:
            raise NotReady(f"{first.failed} of the first {first.calls} calls failed")
        yield running


def cpu(lab: Lab, contender: Contender) -> Figures:
    """CPU a call of one second while both far ends are silent, and the calls that failed."""
    figures: Figures = {}
    for load in (Load(50, 50 * lab.count(30, 4)), Load(200, 200 * lab.count(60, 4))):
        with ready(lab, contender, lab.cores.measured) as running, sipp.deaf(lab):
            tally, milliseconds = _cpu_a_call(lab, running, load)
        figures[f"cpu_ms_at_{load.rate}"] = milliseconds
        figures[f"failed_at_{load.rate}"] = tally.failed
        figures[f"retransmissions_at_{load.rate}"] = tally.retransmissions
    return figures


def talk(lab: Lab, contender: Contender) -> Figures:
    """CPU a call of one second with audio both ways, as in life; on any core, since audio wants its share of them."""
    load = Load(50, 50 * lab.count(30, 4))
    with ready(lab, contender, lab.cores.both) as running, FarAudio(lab, load.seconds) as far:
        tally, milliseconds = _cpu_a_call(lab, running, load)
        heard = far.ask("report")
    packets = heard["pbx"]["received"] + heard["twilio"]["received"]
    return {"talk_ms": milliseconds, "talk_failed": tally.failed, "talk_packets_a_call": packets / load.calls}


def _cpu_a_call(lab: Lab, running: Running, load: Load) -> tuple[sipp.Tally, float]:
    before = processes.cpu_seconds(running.pid)
    tally = sipp.call(lab, load)
    time.sleep(0.5)  # what follows on the last BYE belongs to it
    return tally, (processes.cpu_seconds(running.pid) - before) * 1000 / load.calls


def rate(lab: Lab, contender: Contender) -> Figures:
    """The highest rate that was held for ten seconds, and what all else took of the machine at the last one tried.

    Where that is a whole core, SIPp was the limit.
    """
    figures: Figures = {"calls_per_second": 0}
    with ready(lab, contender, lab.cores.measured) as running, sipp.deaf(lab):
        for wanted in RATES[: lab.count(len(RATES), 3)]:
            ticks, before, began = processes.machine_ticks(), processes.cpu_seconds(running.pid), time.monotonic()
            tally = sipp.call(lab, Load(wanted, wanted * lab.count(10, 2)))
            own = (processes.cpu_seconds(running.pid) - before) / (time.monotonic() - began)
            figures["rate_other_cores"] = processes.busy_cores(ticks, processes.machine_ticks()) - own
            if tally.succeeded_share < HELD_SHARE or tally.rate < 0.9 * wanted:
                break
            figures["calls_per_second"] = wanted
    return figures


def setup(lab: Lab, contender: Contender) -> Figures:
    """From INVITE in to INVITE out, at 20 calls a second."""
    with ready(lab, contender, lab.cores.measured, timed=True), sipp.deaf(lab):
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
    with contender(lab.cores.both) as running, sipp.answering(lab), FarAudio(lab, length) as far:
        idle = processes.resident_bytes(running.pid)
        with sipp.Caller(lab, Load(start_rate, calls, length)) as caller:
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
        "audio_late_ms": max(side["late"] for side in sides) * 1000,
        "audio_generator_cores": heard["cpu"] / seconds,
    }


def flat(lab: Lab, contender: Contender) -> Figures:
    """CPU a call with more and more calls in progress, at the same rate: only their length differs.

    Measured while as many calls start as end; the far ends are silent. In the gateway the first thread is the SIP
    thread and all others are for media, so what signalling takes is known apart from what must grow with the length.
    """
    figures: Figures = {"flat_failed": 0}
    for concurrent in CONCURRENCIES[: lab.count(3, 2)]:
        with ready(lab, contender, lab.cores.both) as running, sipp.deaf(lab):
            whole, first_thread, failed = _watch_steady(lab, running, concurrent / FLAT_RATE)
        figures[f"all_ms_with_{concurrent}"] = whole
        if running.name == "gateway":
            figures[f"sip_ms_with_{concurrent}"] = first_thread
        figures["flat_failed"] += failed
    return figures


def _watch_steady(lab: Lab, running: Running, length: float) -> tuple[float, float, int]:
    """Milliseconds a call of the whole process and of its first thread, and the calls that failed."""
    window = lab.seconds(20, 4)
    load = Load(FLAT_RATE, int(FLAT_RATE * (length + window + 2 * SETTLE_SECONDS)), length)
    with sipp.Caller(lab, load) as caller:
        time.sleep(length + SETTLE_SECONDS)
        before = processes.cpu_seconds(running.pid), processes.main_thread_seconds(running.pid)
        time.sleep(window)
        after = processes.cpu_seconds(running.pid), processes.main_thread_seconds(running.pid)
        failed = caller.finish().failed
    whole, first_thread = ((now - then) * 1000 / (FLAT_RATE * window) for now, then in zip(after, before, strict=True))
    return whole, first_thread, failed


MEASUREMENTS: dict[str, Callable[[Lab, Contender], Figures]] = {
    "cpu": cpu,
    "talk": talk,
    "rate": rate,
    "setup": setup,
    "audio": audio,
    "flat": flat,
}
