"""Regions of a spectrogram: a stretch of time, a band of pitch, or both.

A region is a mask without a file. Its name is all there is to it (`region_c200-350_h0-200`:
columns 200 up to 350, 0 to 200 Hz), so that a recipe which repaints one replays anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from audio.columns import columns_of, seconds_of
from audio.mel import MAX_FREQUENCY, N_MELS, band_edges
from riffbot.errors import BadRequest, shorten

BEATS = 4
"""Beats in a measure where nothing else is known: nearly all of popular music's."""

_NAME = re.compile(r"region_c(\d{1,5})-(\d{1,5})_h(\d{1,5})-(\d{1,5})")
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_COUNTED = re.compile(
    r"(?:replace\s+)?(bars?|measures?|beats?)\s*(\d{1,4})(?:\s*(?:-|–|to)\s*(\d{1,4}))?"
)
_SECONDS = re.compile(rf"{_NUMBER}\s*s?\s*(?:-|–|to)\s*{_NUMBER}\s*s?")
_HALVES = {"first half": (0.0, 0.5), "second half": (0.5, 1.0), "all": (0.0, 1.0)}


@dataclass(frozen=True)
class Region:
    """What is to be repainted.

    Attributes:
        begin, end: columns of 10 ms, the end not included; a region that begins behind its end
            goes around a loop's seam.
        low, high: Hz, 0 … 10,000.
    """

    begin: int
    end: int
    low: int = 0
    high: int = int(MAX_FREQUENCY)

    @property
    def name(self) -> str:
        """The region as a request's mask."""
        return f"region_c{self.begin}-{self.end}_h{self.low}-{self.high}"

    @classmethod
    def from_name(cls, name: str) -> Self | None:
        """The region of this name; None if it is the name of something else."""
        found = _NAME.fullmatch(name)
        return cls(*map(int, found.groups())) if found else None

    @classmethod
    def between(
        cls,
        width: int,
        begin: float,
        end: float,
        low: float = 0.0,
        high: float = MAX_FREQUENCY,
    ) -> Self:
        """The region between two moments and two pitches.

        Args:
            width: of the clip, in columns of 10 ms.
            begin, end: seconds.
            low, high: Hz, 0 … 10,000.

        Raises:
            BadRequest: it is empty or lies outside of the clip.
        """
        if not 0 <= begin < end <= seconds_of(width) + 0.005:
            raise BadRequest(
                f"From {begin:g} to {end:g} s is no stretch of this clip, which lasts "
                f"{seconds_of(width):g} s."
            )
        if not 0 <= low < high <= MAX_FREQUENCY:
            raise BadRequest(f"{low:g} to {high:g} Hz is no band within 0 … {MAX_FREQUENCY:g} Hz.")
        region = cls(
            columns_of(begin),
            min(width, columns_of(end)),
            round(low),
            round(high),
        )
        if not region.mask(width).any():
            raise BadRequest("That region is smaller than one pixel of the spectrogram.")
        return region

    @classmethod
    def from_words(
        cls,
        where: str,
        width: int,
        bpm: float | None,
        low: float = 0.0,
        high: float = MAX_FREQUENCY,
        *,
        meter: int = BEATS,
    ) -> Self:
        """The region that a person means by “bar 2”, “beats 5-8”, “2-3.5 s” or “second half”.

        Args:
            where: the words; “all” for all of the time.
            width, low, high: as for `between`.
            bpm: needed to count bars and beats.
            meter: beats a bar.

        Raises:
            BadRequest: the words say nothing, or nothing within the clip.
        """
        seconds = _stretch(" ".join(where.casefold().split()), seconds_of(width), bpm, meter)
        if seconds is None:
            raise BadRequest(
                f"I cannot tell where “{shorten(where, 60)}” is: say for example bar 2, "
                "beats 5-8, 2-3.5 or second half."
            )
        return cls.between(width, *seconds, low, high)

    def shifted(self, columns: int, width: int) -> Self:
        """The region in a loop that begins so many columns earlier."""
        begin, end = (self.begin + columns) % width, (self.end + columns - 1) % width + 1
        return replace(self, begin=begin, end=end)

    def mask(self, width: int) -> NDArray[np.uint8]:
        """White (255) where to repaint, black where to keep: uint8[512, width]."""
        peaks = band_edges()[1:-1]
        bands = (peaks >= self.low) & (peaks <= self.high)
        columns = np.arange(width)
        mask = np.zeros((N_MELS, width), np.uint8)
        inside = (columns >= self.begin) & (columns < self.end)
        if self.begin > self.end:
            inside = (columns >= self.begin) | (columns < self.end)
        mask[np.ix_(bands[::-1], inside)] = 255  # low notes lie in the last row
        return mask


def bars(seconds: float, bpm: float | None, meter: int = BEATS) -> int:
    """Whole measures in a clip; 0 where its tempo is not known."""
    return int(seconds * bpm / (60 * meter) + 0.02) if bpm else 0


def _stretch(
    where: str, seconds: float, bpm: float | None, meter: int
) -> tuple[float, float] | None:
    if where in _HALVES:
        begin, end = _HALVES[where]
        return begin * seconds, end * seconds
    if counted := _COUNTED.fullmatch(where):
        return _counted(counted, seconds, bpm, meter)
    if between := _SECONDS.fullmatch(where):
        begin, end = (float(number.replace(",", ".")) for number in between.groups())
        return begin, end
    return None


def _counted(
    counted: re.Match[str], seconds: float, bpm: float | None, meter: int
) -> tuple[float, float]:
    if not bpm:
        raise BadRequest(
            "I do not know this clip's tempo, so I cannot count its bars; say it in seconds, for "
            "example 2-3.5."
        )
    beat = 60 / bpm
    unit = beat if counted[1].startswith("beat") else beat * meter
    first, last = int(counted[2]), int(counted[3] or counted[2])
    # A clip's tempo is rounded here and there: its last bar ends where the clip does.
    end = last * unit
    if abs(end - seconds) < unit / 8:
        end = seconds
    if not 1 <= first <= last or end > seconds:
        units = "beats" if counted[1].startswith("beat") else "bars"
        raise BadRequest(
            f"This clip has {seconds / unit:.4g} {units}; there is no “{shorten(counted[0])}”."
        )
    return (first - 1) * unit, end
