"""Test tones as numbers: make one, find the one that a piece of audio holds; pure, but for reading and writing WAV.

Audio is judged by what arrives: the strongest sine, its frequency in hertz and its level in dBFS, where a sine that
just fits into 16 bits has 0 dBFS (AES17). A tone is looked for in blocks of 0.1 s whose powers are added, so that a
lost packet or a jump of a jitter buffer costs level in its block and nothing else.
"""

from __future__ import annotations

import math
import sys
import wave
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RATE = 8000
"""Samples a second of a telephone call (G.711)."""
FULL_SCALE = 32768
SILENCE_DBFS = -96.0
"""The level of nothing: about half of the last of 16 bits; levels below it are shown as it."""
BLOCK_SECONDS = 0.1
COARSE_HZ = 10
"""Distance of two frequencies that a block of 0.1 s can tell apart."""
FINE_BLOCKS = 4
LOWEST_HZ = 100
LOUDNESS_DBFS = -12.0
"""How loud a test tone is played: far from clipping, far above noise."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel of 16-bit samples."""

    samples: Sequence[int]
    rate: int = RATE

    def since(self, seconds: float) -> Sound:
        """What follows the first `seconds`."""
        return Sound(self.samples[round(seconds * self.rate) :], self.rate)


@dataclass(frozen=True, slots=True)
class Tone:
    """The strongest sine of a sound; `purity` is its share, 0 to 1, of all the power there is."""

    hz: float
    dbfs: float
    purity: float

    def is_like(self, hz: float, dbfs: float) -> bool:
        """Whether this is a sent tone of `hz` and `dbfs` after a telephone network: G.711 and a little loss."""
        return abs(self.hz - hz) <= 5 and abs(self.dbfs - dbfs) <= 3 and self.purity >= 0.5


def sine(hz: float, dbfs: float, seconds: float, rate: int = RATE) -> Sound:
    """A tone to send or to compare with."""
    peak = (FULL_SCALE - 1) * amplitude(dbfs)
    step = 2 * math.pi * hz / rate
    return Sound(array("h", (round(peak * math.sin(step * place)) for place in range(round(seconds * rate)))), rate)


def amplitude(dbfs: float) -> float:
    """The peak of a sine of that level, 1 being full scale."""
    return 10 ** (dbfs / 20)


def level(sound: Sound) -> float:
    """All that is in the sound, in dBFS."""
    return _dbfs_of_power(_mean_square(sound.samples))


def tone_level(sound: Sound, hz: float) -> float:
    """How much of the sound is a sine of `hz`, in dBFS."""
    return _dbfs_of_power(_tone_power(sound, hz))


def find_tone(sound: Sound) -> Tone | None:
    """The strongest sine between 100 Hz and just under half the rate; None in silence or in less than 0.1 s."""
    total = _mean_square(sound.samples)
    blocks = list(_blocks(sound))
    if not blocks or _dbfs_of_power(total) <= SILENCE_DBFS:
        return None
    loudest = max(range(len(blocks)), key=lambda place: _mean_square(blocks[place]))
    coarse = _strongest(Sound(blocks[loudest], sound.rate), range(LOWEST_HZ, sound.rate // 2, COARSE_HZ))
    first = max(0, min(loudest, len(blocks) - FINE_BLOCKS))
    size = len(blocks[0])
    fine = Sound(sound.samples[first * size : (first + FINE_BLOCKS) * size], sound.rate)
    hz = _strongest(fine, range(coarse - COARSE_HZ + 1, coarse + COARSE_HZ))
    power = _tone_power(sound, hz)
    return Tone(hz, _dbfs_of_power(power), min(1.0, power / total))


def read_wav(path: Path) -> Sound:
    """The sound of a WAV file of 16-bit mono.

    Raises:
        ValueError: it is of another kind.
        wave.Error: it is no WAV file.
    """
    with wave.open(str(path), "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise ValueError(f"{path} is not 16-bit mono")
        samples = array("h", file.readframes(file.getnframes()))
        rate = file.getframerate()
    if sys.byteorder == "big":
        samples.byteswap()
    return Sound(samples, rate)


def write_wav(path: Path, sound: Sound) -> None:
    """The twin of `read_wav`."""
    samples = array("h", sound.samples)
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        file.writeframes(samples.tobytes())


def _strongest(sound: Sound, frequencies: Sequence[int]) -> int:
    return max(frequencies, key=lambda hz: _goertzel(sound.samples, hz / sound.rate))


def _tone_power(sound: Sound, hz: float) -> float:
    powers = [_goertzel(block, hz / sound.rate) for block in _blocks(sound)]
    return sum(powers) / len(powers) if powers else 0.0


def _blocks(sound: Sound) -> Iterator[Sequence[int]]:
    """Whole blocks only."""
    size = round(BLOCK_SECONDS * sound.rate)
    for start in range(0, len(sound.samples) - size + 1, size):
        yield sound.samples[start : start + size]


def _goertzel(samples: Sequence[int], cycles: float) -> float:
    """Mean square of the sine of `cycles` a sample that is in `samples`; 0.5 at full scale.

    G. Goertzel, "An algorithm for the evaluation of finite trigonometric series" (1958), without its restriction to
    whole cycles.
    """
    factor = 2 * math.cos(2 * math.pi * cycles)
    last = before = 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    power = last * last + before * before - factor * last * before
    return 2 * power / (len(samples) * FULL_SCALE) ** 2


def _mean_square(samples: Sequence[int]) -> float:
    if not samples:
        return 0.0
    return sum(sample * sample for sample in samples) / len(samples) / FULL_SCALE**2


def _dbfs_of_power(mean_square: float) -> float:
    """A sine of amplitude 1 has a mean square of one half."""
    return max(SILENCE_DBFS, 10 * math.log10(2 * mean_square)) if mean_square > 0 else SILENCE_DBFS
