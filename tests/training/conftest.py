"""A bank of voices for the tests: speakers of a few formants, who say each line in one breath."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from training.voices import bank
from training.voices.bank import APERIODICITY_BANDS, BAND_HERTZ, BANDS, Syllable, Take
from training.voices.make import lines_for, read_speakers
from training.voices.words import read_lines

_ONSET, _VOWEL, _CODA = 8, 40, 6


def _level(formants: tuple[float, ...]) -> np.ndarray:
    peaks = [-np.abs(np.log2(np.maximum(BAND_HERTZ, 60.0) / hertz)) * 18 for hertz in formants]
    return np.asarray(np.max(peaks, axis=0) + 12, np.float32)


def make_bank(path: Path) -> Path:
    """A bank of every speaker and every line, without a speech model."""
    rng = np.random.default_rng(1)
    takes = []
    for number, (name, table) in enumerate(read_speakers().items()):
        vowel = _level((700, 1200, 2600) if table["sex"] == "woman" else (600, 1000, 2400))
        for line in lines_for(number, read_lines()):
            step = _ONSET + _VOWEL + _CODA
            frames = step * len(line.syllables)
            level = np.full((frames, BANDS), -60, np.float32)
            noise = np.ones((frames, APERIODICITY_BANDS), np.float32)
            pitch = np.zeros(frames, np.float32)
            spoken = []
            for start in range(0, frames, step):
                held = slice(start + _ONSET, start + _ONSET + _VOWEL)
                level[start : held.start] = -30 + rng.normal(0, 2, BANDS)
                level[held], noise[held], pitch[held] = vowel, 0.1, table["home"]
                spoken.append(Syllable(start, held.start, held.stop, start + step))
            takes.append(Take(name, line.kind, line.text, level, noise, pitch, tuple(spoken)))
    bank.save(path, takes)
    return path


@pytest.fixture(scope="session", autouse=True)
def voices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bank, which every test of the training renders with."""
    path = make_bank(tmp_path_factory.mktemp("voices") / "voices.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIFFBOT_VOICES", str(path))
        yield path
