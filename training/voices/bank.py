"""The bank: what each speaker pronounced, as frames of 5 ms that the vocoder resynthesises.

A frame is a power spectrum at `BAND_HERTZ`, equally spaced on the mel scale, its aperiodicity at
`APERIODICITY_HERTZ`, and the pitch at which it was spoken. Levels are stored in steps of half a
decibel, so that a minute of speech takes a megabyte.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.mel import hz_to_mel, mel_to_hz

RATE = 24_000
HOP = 120
"""Samples a frame: 5 ms."""

BANDS, APERIODICITY_BANDS = 80, 6
DEFAULT_PATH = Path("data/training/voices.npz")
"""Where the bank lies, unless `RIFFBOT_VOICES` names another place."""

REMEDY = "make them with training/install_voices.sh, or name their file in RIFFBOT_VOICES"


class VoicesError(RuntimeError):
    """There is no bank to sing from."""


BAND_HERTZ = mel_to_hz(np.linspace(0, hz_to_mel(RATE / 2), BANDS))
APERIODICITY_HERTZ = np.array([0.0, 1500.0, 3000.0, 5000.0, 8000.0, 12_000.0])


@dataclass(frozen=True, slots=True)
class Syllable:
    """A syllable in the frames of its line: onset, vowel and coda begin, and the end."""

    start: int
    vowel: int
    coda: int
    end: int


@dataclass(frozen=True, slots=True)
class Take:
    """One line as one speaker said it.

    Attributes:
        level: float32 (frames, BANDS), decibels; the loud frames of a line are at about 0.
        noise: float32 (frames, APERIODICITY_BANDS), share of the amplitude that is noise, 0 to 1.
        pitch: float32 (frames,), hertz; 0 where the voice is silent or noise.
    """

    speaker: str
    kind: str
    text: str
    level: np.ndarray
    noise: np.ndarray
    pitch: np.ndarray
    syllables: tuple[Syllable, ...]


_FLOOR, _STEP = -110.0, 0.5


def save(path: Path, takes: list[Take]) -> None:
    """Write a bank."""
    index, start = [], 0
    for take in takes:
        rows = [(s.start, s.vowel, s.coda, s.end) for s in take.syllables]
        index.append([take.speaker, take.kind, take.text, start, len(take.pitch), rows])
        start += len(take.pitch)
    level = np.concatenate([take.level for take in takes])
    noise = np.concatenate([take.noise for take in takes])
    pitch = np.concatenate([take.pitch for take in takes])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("wb") as file:
        np.savez_compressed(
            file,
            index=np.frombuffer(json.dumps(index).encode(), np.uint8),
            level=np.clip((level - _FLOOR) / _STEP, 0, 255).round().astype(np.uint8),
            noise=(np.clip(noise, 0, 1) * 255).round().astype(np.uint8),
            pitch=pitch.astype(np.float16),
        )
    draft.replace(path)


def find() -> Path:
    """Where the bank lies.

    Raises:
        VoicesError: it is not there.
    """
    path = Path(os.environ.get("RIFFBOT_VOICES") or DEFAULT_PATH)
    if not path.is_file():
        raise VoicesError(f"the voices are missing at {path}: {REMEDY}")
    return path


class Bank:
    """All takes of a file, by speaker and kind of line."""

    def __init__(self, path: Path | None = None) -> None:
        """Read a bank, by default that of `RIFFBOT_VOICES`.

        Raises:
            VoicesError: there is none.
        """
        with np.load(path or find()) as file:
            self._level, self._noise = file["level"], file["noise"]
            self._pitch = file["pitch"]
            rows = json.loads(file["index"].tobytes())
        self._takes: dict[tuple[str, str], list[tuple[str, int, int, list[list[int]]]]] = {}
        for speaker, kind, text, start, frames, syllables in rows:
            found = self._takes.setdefault((speaker, kind), [])
            found.append((text, start, frames, syllables))

    def count(self, speaker: str, kind: str) -> int:
        """How many lines of a kind a speaker said."""
        return len(self._takes.get((speaker, kind), ()))

    def take(self, speaker: str, kind: str, number: int) -> Take:
        """A line; numbers go round."""
        rows = self._takes[speaker, kind]
        text, start, frames, syllables = rows[number % len(rows)]
        part = slice(start, start + frames)
        return Take(
            speaker,
            kind,
            text,
            self._level[part].astype(np.float32) * _STEP + _FLOOR,
            self._noise[part].astype(np.float32) / 255,
            self._pitch[part].astype(np.float32),
            tuple(Syllable(*row) for row in syllables),
        )
