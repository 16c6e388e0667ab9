"""Tones are found where they are, as loud as they are, and nowhere else."""

from __future__ import annotations

import random
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.lab.tone import (
    SILENCE_DBFS,
    Sound,
    find_tone,
    level,
    read_wav,
    sine,
    tone_level,
    write_wav,
)

TELEPHONE_TONES = [(300, -6.0), (440, -12.0), (697, -20.0), (1004, 0.0), (1633, -3.0), (3400, -30.0)]


def mixed(*sounds: Sound) -> Sound:
    return Sound([sum(together) for together in zip(*(sound.samples for sound in sounds), strict=True)])


def noise(dbfs: float, seconds: float) -> Sound:
    """White noise whose level, as `level` counts it, is about `dbfs`."""
    generator = random.Random(4711)
    deviation = 32768 * 10 ** (dbfs / 20) / 2**0.5
    return Sound([round(generator.gauss(0, deviation)) for _ in range(round(seconds * 8000))])


@pytest.mark.parametrize(("hz", "dbfs"), TELEPHONE_TONES)
def test_a_tone_is_found_with_its_level(hz: int, dbfs: float) -> None:
    found = find_tone(sine(hz, dbfs, 0.5))
    assert found is not None
    assert found.hz == pytest.approx(hz, abs=1)
    assert found.dbfs == pytest.approx(dbfs, abs=0.2)
    assert found.purity > 0.98
    assert found.is_like(hz, dbfs)


@given(hz=st.integers(150, 3800), dbfs=st.floats(-40, 0), seconds=st.floats(0.2, 0.6))
@settings(max_examples=25, deadline=None)
def test_any_tone_is_found(hz: int, dbfs: float, seconds: float) -> None:
    found = find_tone(sine(hz, dbfs, seconds))
    assert found is not None
    assert found.is_like(hz, dbfs)


@pytest.mark.parametrize(
    ("name", "sound", "hz", "purity"),
    [
        ("with noise 20 dB below", mixed(sine(440, -12, 1), noise(-32, 1)), 440, (0.95, 1.0)),
        ("with noise as loud as itself", mixed(sine(440, -12, 1), noise(-12, 1)), 440, (0.4, 0.6)),
        ("with a second tone 6 dB below", mixed(sine(440, -12, 1), sine(660, -18, 1)), 440, (0.75, 0.85)),
        ("after silence", Sound([0] * 4000 + list(sine(440, -12, 0.5).samples)), 440, (0.95, 1.0)),
        ("before silence", Sound(list(sine(440, -12, 0.5).samples) + [0] * 4000), 440, (0.95, 1.0)),
        ("with a jump of phase", Sound(list(sine(440, -12, 0.45).samples) * 2), 440, (0.8, 1.0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_strongest_tone_of_a_mixture(name: str, sound: Sound, hz: int, purity: tuple[float, float]) -> None:
    found = find_tone(sound)
    assert found is not None
    assert found.hz == pytest.approx(hz, abs=2)
    assert purity[0] <= found.purity <= purity[1]


def test_lost_audio_costs_level() -> None:
    half_lost = Sound(list(sine(440, -12, 0.5).samples) + [0] * 4000)
    assert tone_level(half_lost, 440) == pytest.approx(-12 - 3, abs=0.2)


@pytest.mark.parametrize(
    ("hz", "dbfs", "alike"),
    [
        (440, -12.0, True),
        (445, -12.0, True),
        (440, -14.5, True),
        (440, -9.5, True),
        (450, -12.0, False),
        (425, -12.0, False),
        (440, -18.0, False),
        (440, -6.0, False),
    ],
)
def test_what_counts_as_the_tone_that_was_sent(hz: float, dbfs: float, alike: bool) -> None:
    found = find_tone(sine(440, -12, 0.5))
    assert found is not None
    assert found.is_like(hz, dbfs) is alike


def test_a_tone_drowned_in_noise_is_not_the_one_that_was_sent() -> None:
    found = find_tone(mixed(sine(440, -12, 1), noise(-9, 1)))
    assert found is not None
    assert not found.is_like(440, -12)


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("nothing", Sound([])),
        ("silence", Sound([0] * 8000)),
        ("less than a block", Sound(sine(440, -12, 1).samples[:799])),
    ],
    ids=["nothing", "silence", "less than a block"],
)
def test_there_is_no_tone(name: str, sound: Sound) -> None:
    assert find_tone(sound) is None


@pytest.mark.parametrize(
    ("sound", "dbfs"),
    [
        (Sound([]), SILENCE_DBFS),
        (Sound([0] * 80), SILENCE_DBFS),
        (Sound([32767, -32767] * 400), 3.0),  # a square wave has twice the power of the sine that fits
        (sine(1000, 0, 1), 0.0),
        (sine(1000, -20, 1), -20.0),
        (noise(-30, 1), -30.0),
    ],
)
def test_level(sound: Sound, dbfs: float) -> None:
    assert level(sound) == pytest.approx(dbfs, abs=0.2)


def test_another_tone_is_not_heard_as_this_one() -> None:
    assert tone_level(sine(440, -12, 1), 660) < -60


def test_since_leaves_the_rest() -> None:
    assert list(Sound([1, 2, 3, 4, 5, 6], rate=2).since(1.5).samples) == [4, 5, 6]


def test_a_wav_file_gives_back_what_was_written(tmp_path: Path) -> None:
    sound = sine(440, -12, 0.1, rate=16000)
    write_wav(tmp_path / "tone.wav", sound)
    read = read_wav(tmp_path / "tone.wav")
    assert read.rate == 16000
    assert list(read.samples) == list(sound.samples)


def test_a_wav_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(array("h", [1, 2, 3, 4]).tobytes())
    with pytest.raises(ValueError, match="stereo.wav is not 16-bit mono"):
        read_wav(path)
