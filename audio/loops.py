"""Finds loops in recordings: whole beats whose end leads back to their beginning.

librosa finds the beats (Ellis, 2007: dynamic programming over the onset strength). The loop begins
with the beat where the sound after the loop is most similar to the loop's beginning, since the
beginning is what is heard there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from audio.arrays import Floats
from audio.libraries import load_librosa
from audio.resample import resample

_RATE = 22050
_HOP = 256
_LEAD_S = 0.01
"""Seconds by which a loop begins before its first beat, whose attack begins earlier."""

_FEWEST_BEATS = 4
_QUIETEST = 1e-4
_BEATS = (4, 8, 12, 16, 24, 32)
"""The numbers of beats of a loop: whole measures of four."""


@dataclass(frozen=True)
class Loop:
    """A loop of whole beats in a recording.

    Attributes:
        start, stop: in samples of the recording.
        beats: the number of beats.
        bpm: the tempo, in beats a minute.
    """

    start: int
    stop: int
    beats: int
    bpm: float


def find_loop(
    samples: Floats,
    sample_rate: int,
    *,
    around_s: float = 5.12,
    shortest_s: float = 1.5,
    longest_s: float = 20.48,
) -> Loop | None:
    """Find the best loop in a recording.

    Args:
        samples: float[n] or float[n, channels].
        sample_rate: Hz.
        around_s: the preferred length, in seconds.
        shortest_s, longest_s: the range of the length, in seconds.

    Returns:
        The loop; None if no beat is found (silence, a drone, a recording that is too short).
    """
    if len(samples) < sample_rate or float(np.abs(samples).max(initial=0.0)) < _QUIETEST:
        return None
    sound = resample(np.asarray(samples, np.float32), sample_rate, _RATE)
    beats, bands = _beats(sound)
    if len(beats) <= _FEWEST_BEATS:
        return None
    period = _period(beats)
    longest_s = min(longest_s, len(sound) / _RATE)
    count = _how_many(len(beats), period, around_s, (shortest_s, longest_s))
    if count is None:
        return None
    first = _best_start(beats, bands, count)
    begin = max(0.0, beats[first] - _LEAD_S)
    # The beats jitter by a few milliseconds, the mean period does not.
    seconds = float(np.clip(beats[first + count] - beats[first], 0.98 * count * period, None))
    seconds = min(seconds, 1.02 * count * period, len(samples) / sample_rate - begin)
    start = round(begin * sample_rate)
    stop = min(len(samples), start + round(seconds * sample_rate))
    return Loop(start, stop, count, 60 * count * sample_rate / (stop - start))


def estimate_tempo(samples: Floats, sample_rate: int) -> float | None:
    """Measure the tempo of a recording in beats a minute; None without beats."""
    if float(np.abs(samples).max(initial=0.0)) < _QUIETEST:
        return None
    beats, _ = _beats(resample(np.asarray(samples, np.float32), sample_rate, _RATE))
    return 60 / _period(beats) if len(beats) > 2 else None


def _beats(sound: Floats) -> tuple[npt.NDArray[np.float64], Floats]:
    """Find the times of beats in seconds; also return mel bands [128, frames] in decibels.

    The channels' powers are added, so that sounds of opposite sign do not cancel.
    """
    librosa = load_librosa()  # takes a second, and is only needed for uploads
    channels = sound.reshape(len(sound), -1).T
    powers = [
        librosa.feature.melspectrogram(y=channel, sr=_RATE, hop_length=_HOP) for channel in channels
    ]
    bands = np.asarray(librosa.power_to_db(np.mean(powers, axis=0), ref=np.max))
    strength = librosa.onset.onset_strength(S=bands, sr=_RATE, hop_length=_HOP)
    if not np.isfinite(strength).all() or strength.max(initial=0.0) <= 0:
        return np.zeros(0), bands
    found: Any = librosa.beat.beat_track(
        onset_envelope=strength, sr=_RATE, hop_length=_HOP, trim=False, units="time"
    )
    return np.asarray(found[1], np.float64), bands


def _period(beats: npt.NDArray[np.float64]) -> float:
    """Measure the period of beats in seconds, as the slope of a line through them."""
    gaps = np.diff(beats)
    usual = float(np.median(gaps))
    number = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(gaps / usual)))])
    return float(np.polyfit(number, beats, 1)[0])


def _how_many(beats: int, period: float, around: float, limits: tuple[float, float]) -> int | None:
    shortest, longest = limits
    fitting = [n for n in _BEATS if shortest <= n * period <= longest and n < beats]
    return min(
        fitting,
        # Two or four measures rather than three, if both have about the preferred length.
        key=lambda n: abs(np.log(n * period / around)) + (0.3 if n % 8 and n > 4 else 0),
        default=None,
    )


def _best_start(beats: npt.NDArray[np.float64], bands: Floats, count: int) -> int:
    """Find the beat that is most similar to the music `count` beats later."""
    at = np.minimum(np.round(beats * _RATE / _HOP).astype(int), bands.shape[1] - 1)
    beat = max(4, round(float(np.median(np.diff(at)))))

    def after(frame: int) -> Floats:
        part = bands[:, frame : frame + beat]
        return np.pad(part, ((0, 0), (0, beat - part.shape[1])), mode="edge")

    def before(frame: int) -> Floats:
        part = bands[:, max(0, frame - beat) : frame]
        return np.pad(part, ((0, 0), (beat - part.shape[1], 0)), mode="minimum")

    def fit(first: int) -> float:
        start, end = int(at[first]), int(at[first + count])
        following = _alike(after(start), after(end)) if end + beat <= bands.shape[1] else 0.0
        leading = _alike(before(start), before(end)) if start >= beat else 0.0
        compared = (following != 0) + (leading != 0)
        strength = float(
            bands[:, start : start + 3].mean() - bands[:, max(0, start - 3) : start + 1].mean()
        )
        return (following + leading) / max(1, compared) + 0.002 * strength - 0.002 * first

    return max(range(len(beats) - count), key=fit)


def _alike(one: Floats, other: Floats) -> float:
    """Compute the correlation of two excerpts of bands, −1 … 1."""
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-9))
