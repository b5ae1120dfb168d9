"""Which picture sounds at which column, on one clock that never stops.

Columns of 10 ms are counted from the jam's beginning. Every chunk is as wide as the seed image and
holds the same beats at the same columns, so column c of the jam is column c mod W of whichever
chunk is on: a chunk may come in at any beat and is at the right place in the measure at once.

A chunk is on from where it enters to the end of the turn; where less than three quarters of a turn
are left, to the end of the next one, for a chunk is a loop, and the chunk after it needs some time.
If that is not there by then, the last bar is played again and again, in time, until a chunk comes
in at some beat.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio.arrays import Pixels
from riffbot.jam.prompt_path import Walk
from riffbot.request import RiffRequest


@dataclass(frozen=True)
class Meter:
    """The loop that everything is locked to.

    Attributes:
        width: columns of one turn.
        beats: in one turn; a whole number that fills the width exactly.
        measure: beats of a measure.
    """

    width: int
    beats: int
    measure: int = 4

    @property
    def bpm(self) -> float:
        """Beats a minute."""
        return self.beats * 6000 / self.width

    @property
    def bar(self) -> int:
        """Columns of what loops when a chunk is late: a measure, or the whole turn where a measure
        is no whole number of columns."""
        columns, rest = divmod(self.width * self.measure, self.beats)
        return columns if rest == 0 and columns <= self.width else self.width

    def beat_from(self, column: int) -> int:
        """The first column, from this one on, at which a beat begins (to the nearest column)."""
        turn, within = divmod(column, self.width)
        number = -(-within * self.beats // self.width)
        # Rounding may have put the beat before `number` on this very column.
        for beat in (number - 1, number, number + 1):
            begins = turn * self.width + (2 * beat * self.width + self.beats) // (2 * self.beats)
            if begins >= column:
                return begins
        raise AssertionError("a turn has a beat")

    def turn_from(self, column: int) -> int:
        """The first column, from this one on, at which a turn begins."""
        return -(-column // self.width) * self.width


@dataclass(frozen=True, eq=False)
class Chunk:
    """A clip of the jam.

    Attributes:
        walk: as it was when the chunk was next: `walk.request()` makes it again.
        request: resolved.
        picture: uint8[512, W].
        model_name, model_hash: which weights made it.
    """

    walk: Walk
    request: RiffRequest
    picture: Pixels
    model_name: str = ""
    model_hash: str = ""

    @property
    def prompt(self) -> str:
        """The prompt that is heard in it."""
        return self.walk.prompt


@dataclass(frozen=True, eq=False)
class Entry:
    """A chunk at its place.

    Attributes:
        chunk: what sounds.
        start: the column at which it comes in.
        end: the column at which its turn is over.
    """

    chunk: Chunk
    start: int
    end: int


class Score:
    """The chunks in their order; what nobody needs any more is forgotten.

    Args:
        meter: the loop.
        remembered: columns of the past that `keep` can look back on.
    """

    def __init__(self, meter: Meter, *, remembered: int = 7000) -> None:
        self.meter = meter
        self._remembered = remembered
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    @property
    def end(self) -> int:
        """The column up to which there are chunks; 0 while there is none."""
        return self._entries[-1].end if self._entries else 0

    def enter(self, chunk: Chunk, at: int) -> Entry:
        """Let a chunk in at a column; what was to come from there on is forgotten."""
        while self._entries and self._entries[-1].start >= at:
            self._entries.pop()
        width = self.meter.width
        end = (at // width + 1) * width
        if 4 * (end - at) < 3 * width:
            end += width
        entry = Entry(chunk, at, end)
        self._entries.append(entry)
        return entry

    def on(self, column: int) -> Entry | None:
        """The entry that is on at a column, looping or not."""
        found = None
        for entry in self._entries:
            if entry.start > column:
                break
            found = entry
        return found

    def after(self, column: int) -> Entry | None:
        """The first entry that comes in later than a column."""
        return next((entry for entry in self._entries if entry.start > column), None)

    def columns(self, first: int, last: int) -> tuple[Pixels, bool]:
        """What sounds from column `first` up to `last`, and whether the last bar loops in it.

        Raises:
            LookupError: nothing was ever to sound there.
        """
        parts: list[Pixels] = []
        looping = False
        while first < last:
            entry = self.on(first)
            if entry is None:
                raise LookupError(f"no chunk was ever on at column {first}")
            following = self.after(first)
            stop = last if following is None else min(last, following.start)
            if first < entry.end:
                stop = min(stop, entry.end)
                within = np.arange(first, stop) % self.meter.width
            else:
                looping = True
                bar = self.meter.bar
                within = self.meter.width - bar + (np.arange(first, stop) - entry.end) % bar
            parts.append(entry.chunk.picture[:, within])
            first = stop
        return np.concatenate(parts, axis=1), looping

    def forget(self, column: int) -> None:
        """Let go of what ended more than `remembered` columns before this one."""
        while len(self._entries) > 1 and self._entries[1].start <= column - self._remembered:
            self._entries.popleft()
