"""Drum kits from recordings: `kits.toml` says which sound of which package is which drum.

A set replaces the drums that it has; the rest of the kit is played by the SoundFont or synthesised
as ever, and so is everything where a package is not installed.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from training.effects import RATE
from training.music.piece import Note
from training.patches import add_wrapped
from training.recordings import read_mono

_GAINS = {
    36: 1.1,
    38: 0.85,
    37: 0.6,
    39: 0.8,
    42: 0.3,
    44: 0.3,
    46: 0.35,
    43: 0.8,
    47: 0.8,
    50: 0.8,
    49: 0.5,
    51: 0.35,
    53: 0.4,
}
"""How loud each drum is in a kit, all recordings having one peak."""


class KitSet(BaseModel):
    """One set of `kits.toml`: sounds of one folder, from soft to hard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    kits: tuple[str, ...]
    sounds: dict[int, tuple[str, ...]]


@cache
def sets() -> tuple[tuple[Path, KitSet], ...]:
    """The sets whose recordings are installed, with their folders.

    `RIFFBOT_KITS` names another place for them: a folder with one a name of `kits.toml`'s folders.
    """
    held = tomllib.loads(Path(__file__).with_name("kits.toml").read_text("utf-8"))
    rows = [KitSet.model_validate(row) for row in held["sets"]]
    elsewhere = os.environ.get("RIFFBOT_KITS")
    folders = {
        name: Path(elsewhere) / name if elsewhere else Path(folder)
        for name, folder in held["folders"].items()
    }
    return tuple((folders[row.folder], row) for row in rows if folders[row.folder].is_dir())


def find_set(kit: str, number: int) -> tuple[Path, KitSet] | None:
    """A set for a kit, or None for the kit as it is: each as often as the next."""
    fitting = [row for row in sets() if kit in row[1].kits]
    return [None, *fitting][number % (len(fitting) + 1)]


@cache
def _recording(path: Path) -> np.ndarray:
    """A drum of at most two seconds at a peak of 1, faded out."""
    mono = read_mono(path)[: 2 * RATE]
    mono = mono / max(float(np.max(np.abs(mono))), 1e-9)
    fade = min(882, len(mono))
    mono[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return np.asarray(mono, dtype=np.float32)


def render_set(folder: Path, row: KitSet, notes: tuple[Note, ...], samples: int) -> np.ndarray:
    """A stem of the notes that a set has, wrapped onto the clip."""
    stem = np.zeros(samples, np.float32)
    for note in notes:
        takes = row.sounds.get(note.pitch)
        if takes is None:
            continue
        take = takes[min(len(takes) - 1, note.velocity * len(takes) // 118)]
        sound = _recording(folder / f"{take}.flac")
        loud = _GAINS.get(note.pitch, 0.6) * (note.velocity / 110) ** 1.6
        add_wrapped(stem, sound * np.float32(loud), round(note.start * RATE))
    return stem
