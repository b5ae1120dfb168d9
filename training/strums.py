"""Recorded strums of an acoustic guitar, brought to the chord, the key and the length asked for.

The samples are belofilms_GuitarStrums by Gabriel Verdugo Soto (CC-BY 3.0), in Debian's package
hydrogen-drumkits-effects: 25 chords, strokes down and up, four degrees of force. A chord that was
not recorded is the nearest one that was, retuned by at most a few semitones.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from training.effects import RATE
from training.music.piece import Strum
from training.patches import add_wrapped
from training.recordings import read_mono

_USUAL = "/usr/share/hydrogen/data/drumkits/belofilms_GuitarStrums"
_NAME = re.compile(r"([A-G])(sharp|flat)?\s?(major|minor|minro)(7b5)?_(?:(down|up)_)?0(\d)$", re.I)
_PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_FORCES = (110, 92, 70)
"""Least velocity of the takes 0 (hardest), 1 and 2; take 3 is softer still."""
_DAMPED = 0.03
"""Seconds in which a hand silences the strings."""

Library = dict[tuple[int, str, str, int], list[Path]]
"""Pitch class, quality, direction and force -> the recordings."""


@lru_cache(maxsize=1)
def library() -> Library:
    """The recordings there are; empty where the package is not installed."""
    folder = Path(os.environ.get("RIFFBOT_STRUMS", _USUAL))
    found: Library = defaultdict(list)
    for path in sorted(folder.glob("*.flac")):
        match = _NAME.match(path.stem)
        if match is None:
            continue
        letter, sign, quality, half, direction, force = match.groups()
        pitch = _PITCHES[letter] + {"sharp": 1, "flat": -1}.get(sign or "", 0)
        kind = "m7b5" if half else "minor" if quality.lower() != "major" else "major"
        found[pitch % 12, kind, (direction or "down").lower(), int(force)].append(path)
    return dict(found)


@cache
def _recording(path: Path, semitones: int) -> np.ndarray:
    """A stroke in mono at 44,100 Hz, retuned by playing it faster or slower."""
    level = read_mono(path)
    if semitones:
        place = np.arange(0, len(level) - 1, 2 ** (semitones / 12))
        level = np.interp(place, np.arange(len(level)), level).astype(np.float32)
    level[-441:] *= np.linspace(1, 0, 441, dtype=np.float32)
    return level


def _take(strum: Strum, number: int) -> tuple[Path, int] | None:
    """The recording that is nearest to what is asked for, and the semitones to retune it by."""
    held = library()
    force = next((f for f, least in enumerate(_FORCES) if strum.velocity >= least), 3)
    for away in (0, 1, -1, 2, -2, 3, -3):
        for hard in (force, force - 1, force + 1):
            takes = held.get(((strum.root - away) % 12, strum.quality, strum.direction, hard))
            if takes:
                return takes[number % len(takes)], away
    return None


def render_strums(strums: tuple[Strum, ...], samples: int) -> np.ndarray | None:
    """A stem of strums, wrapped onto the clip; None if a chord is not to be had."""
    takes = [_take(strum, number) for number, strum in enumerate(strums)]
    stem = np.zeros(samples, np.float32)
    fade = np.linspace(1, 0, round(_DAMPED * RATE), dtype=np.float32)
    for strum, take in zip(strums, takes, strict=True):
        if take is None:
            return None
        sound = _recording(*take)
        length = min(len(sound), round(strum.duration * RATE) + len(fade))
        part = sound[:length].copy()
        if length < len(sound):
            part[-len(fade) :] *= fade[-len(part) :]
        add_wrapped(stem, part * (0.7 + 0.3 * strum.velocity / 110), round(strum.start * RATE))
    return stem if len(strums) else None
