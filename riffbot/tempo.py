"""Tempo: what a prompt says about it, and how wide a clip must be to hold whole beats.

A column lasts 10 ms, so beats at a tempo fill a width (`audio.columns`). A model only takes widths
that are multiples of its stride; the grid is the width where both come closest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from audio.columns import COLUMNS_PER_MINUTE, bpm_of, columns_of_beats

SLOWEST, FASTEST = 40.0, 240.0
"""Beats per minute that a request may ask for."""

MIN_WIDTH, MAX_WIDTH = 64, 2048
"""Columns of 10 ms that one picture may have."""

MAX_ERROR = 0.005
"""How far a grid's tempo may lie from the tempo asked for: half of one per cent."""

_NAMED = re.compile(
    r"(?<![\w.])(?:(?P<before>\d{2,3}(?:\.\d+)?)\s*-?\s*(?:bpm|beats\s+(?:per|a)\s+minute)\b"
    r"|bpm\s*[:=]?\s*(?P<after>\d{2,3}(?:\.\d+)?)\b)",
    re.IGNORECASE,
)

_THREE = re.compile(r"\bwaltz|(?<!\d)[36]/[48]\b|\bthree[- ]four\b", re.IGNORECASE)


@dataclass(frozen=True)
class Grid:
    """A width that holds whole beats.

    Attributes:
        width: columns of 10 ms, a multiple of what was asked for.
        beats: how many beats fill the width exactly.
        bpm: the tempo at which they do, within 0.5 % of the tempo asked for.
    """

    width: int
    beats: int
    bpm: float


def find_tempo(prompt: str) -> float | None:
    """The tempo that a prompt names in numbers (“techno, 128 bpm”), if it lies within 40 … 240."""
    for found in _NAMED.finditer(prompt):
        bpm = float(found["before"] or found["after"])
        if SLOWEST <= bpm <= FASTEST:
            return bpm
    return None


def is_waltz(prompt: str) -> bool:
    """Whether a prompt asks for three beats a measure."""
    return _THREE.search(prompt) is not None


def fit_beats(bpm: float, multiple: int, around: int = 512) -> Grid:
    """The width nearest to `around` that is a whole number of beats at `bpm`.

    Whole 4-beat measures are preferred to half measures, and those to single beats; a coarser
    choice is taken only where no finer one holds the tempo within half a per cent. Widths far
    from `around` cost time and were seen least in training, so they come last.

    Args:
        bpm: 40 … 240.
        multiple: the width must be a multiple of this many columns.
        around: the width to stay near, from half of it to half as much again where that suffices.
    """
    near = _widths(around // 2, around + around // 2, multiple)
    far = _widths(around // 4, around * 4, multiple)
    for widths, bar in ((near, 4), (near, 2), (near, 1), (far, 1)):
        fitting = [g for w in widths if (g := _fit(w, bar, bpm)) and _error(g, bpm) < MAX_ERROR]
        if fitting:
            return min(fitting, key=lambda g: (abs(g.width - around), _error(g, bpm)))
    return min((_fit(w, 1, bpm) for w in far), key=lambda g: _error(g, bpm))


def fit_measures(bpm: float, multiple: int, around: int = 512, meter: int = 4) -> Grid:
    """Whole measures near a tempo that nobody insists on: the tempo gives way, not the measure.

    Args:
        bpm: 40 … 240; the answer is mostly within two per cent of it, at worst ten (70 in 4/4).
        multiple: the width must be a multiple of this many columns.
        around: the width to stay near, a quarter less or more at most.
        meter: beats a measure.
    """
    widths = _widths(around - around // 4, around + around // 4, multiple)
    for bar in (meter, 2, 1):
        fitting = [_fit(width, bar, bpm) for width in widths]
        # Narrow clips may have no room for a measure at a tempo that anybody may ask for.
        fitting = [found for found in fitting if SLOWEST <= found.bpm <= FASTEST]
        if fitting:
            break
    return min(fitting, key=lambda g: _error(g, bpm) + 0.05 * abs(g.width / around - 1))


def fit_progression(
    bpm: float, multiple: int, beats: int, around: int = 512, *, exact: bool = True
) -> Grid | None:
    """The width nearest to `around` that holds a progression of `beats` beats, once or repeated.

    Args:
        bpm: 40 … 240.
        multiple: the width must be a multiple of this many columns.
        exact: hold the tempo within half a per cent; else it gives way to the width.

    Returns:
        None where no width that a picture may have does.
    """
    once = columns_of_beats(beats, bpm)
    found = []
    for times in range(1, int(MAX_WIDTH / once) + 2):
        width = round(times * once / multiple) * multiple
        if MIN_WIDTH <= width <= MAX_WIDTH:
            found.append(Grid(width, times * beats, bpm_of(times * beats, width)))
    limit = MAX_ERROR if exact else 1.0
    fitting = [g for g in found if _error(g, bpm) < limit and SLOWEST <= g.bpm <= FASTEST]
    return min(fitting, key=lambda g: abs(g.width - around), default=None)


def _widths(low: int, high: int, multiple: int) -> range:
    return range(_up(max(low, MIN_WIDTH), multiple), min(high, MAX_WIDTH) + 1, multiple)


def _fit(width: int, bar: int, bpm: float) -> Grid:
    bars = max(1, round(width * bpm / (COLUMNS_PER_MINUTE * bar)))
    beats = bars * bar
    return Grid(width, beats, bpm_of(beats, width))


def _error(candidate: Grid, bpm: float) -> float:
    return abs(candidate.bpm / bpm - 1)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
