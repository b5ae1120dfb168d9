"""Which chunk sounds at which column, on one clock that never stops.

Columns of 10 ms are counted from the jam's beginning. Every chunk is as wide as the seed image and
holds the same beats at the same columns, so column c of the jam is column c mod W of whichever
chunk is placed there: a chunk may start at any beat and is at the right position in the measure at
once. One pass over the W columns is a loop cycle.

A chunk plays from its start to the end of the loop cycle. If less than three quarters of a cycle
are left, it plays to the end of the next cycle, because generating the next chunk takes time.
If the next chunk is late, the last bar repeats in time until a chunk starts at some beat.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio.arrays import Pixels
from audio.columns import bpm_of
from riffbot.jam.prompt_path import PromptPath
from riffbot.request import RiffRequest


@dataclass(frozen=True)
class LoopGrid:
    """Width, beats and tempo of the loop that all chunks of a jam share.

    Attributes:
        width: columns of one loop cycle.
        beats: beats of one loop cycle, a whole number that fills the width exactly.
        beats_per_measure: beats of one measure.
    """

    width: int
    beats: int
    beats_per_measure: int = 4

    @property
    def bpm(self) -> float:
        """Beats a minute."""
        return bpm_of(self.beats, self.width)

    @property
    def fallback_loop_columns(self) -> int:
        """How many columns at the end of a chunk repeat while the next chunk is late: a measure, or
        the whole cycle if a measure is not a whole number of columns."""
        columns, rest = divmod(self.width * self.beats_per_measure, self.beats)
        return columns if rest == 0 and columns <= self.width else self.width

    def cycle_of(self, column: int) -> int:
        """The loop cycle that a chunk plays to the end of if it starts at a column."""
        cycle, within = divmod(column, self.width)
        return cycle + 1 if 4 * (self.width - within) < 3 * self.width else cycle

    def next_beat(self, column: int) -> int:
        """The first column, from this one on, at which a beat begins (to the nearest column)."""
        cycle, within = divmod(column, self.width)
        number = -(-within * self.beats // self.width)
        # Rounding may have put the beat before `number` on this very column.
        for beat in (number - 1, number, number + 1):
            begins = cycle * self.width + (2 * beat * self.width + self.beats) // (2 * self.beats)
            if begins >= column:
                return begins
        raise AssertionError("a cycle has a beat")


@dataclass(frozen=True, eq=False)
class Chunk:
    """A clip of the jam.

    Attributes:
        path: the prompt path when the chunk was next; its request (`build_chunk_request`) with
            `chosen_steps` makes it again.
        request: the resolved request.
        pixels: uint8[512, W].
        model_name, model_hash: which weights made it.
        chosen_steps: its steps, where the jam chose other than the path's or the model's.
    """

    path: PromptPath
    request: RiffRequest
    pixels: Pixels
    model_name: str = ""
    model_hash: str = ""
    chosen_steps: int | None = None

    @property
    def prompt(self) -> str:
        """The prompt that is heard in the chunk."""
        return self.path.prompt


@dataclass(frozen=True, eq=False)
class Placement:
    """A chunk at its columns.

    Attributes:
        chunk: the chunk that sounds.
        start: the column at which it starts.
        end: the column at which its loop cycle is over; from there on its last bar repeats.
    """

    chunk: Chunk
    start: int
    end: int


class Timeline:
    """The placements of a jam in order; placements that are long past are discarded.

    Args:
        loop_grid: the loop.
        history_columns: how many past columns are kept, for excerpts.
    """

    def __init__(self, loop_grid: LoopGrid, *, history_columns: int = 7000) -> None:
        self.loop_grid = loop_grid
        self._history_columns = history_columns
        self._placements: deque[Placement] = deque()

    def __len__(self) -> int:
        return len(self._placements)

    def __iter__(self) -> Iterator[Placement]:
        return iter(list(self._placements))

    @property
    def end(self) -> int:
        """The column up to which there are chunks; 0 while there is none."""
        return self._placements[-1].end if self._placements else 0

    def insert(self, chunk: Chunk, column: int) -> Placement:
        """Place a chunk at a column; placements that would start there or later are removed."""
        while self._placements and self._placements[-1].start >= column:
            self._placements.pop()
        end = (self.loop_grid.cycle_of(column) + 1) * self.loop_grid.width
        placement = Placement(chunk, column, end)
        self._placements.append(placement)
        return placement

    def placement_at(self, column: int) -> Placement | None:
        """The placement that sounds at a column, its last bar looping or not."""
        found = None
        for placement in self._placements:
            if placement.start > column:
                break
            found = placement
        return found

    def placement_after(self, column: int) -> Placement | None:
        """The first placement that starts later than a column."""
        return next((each for each in self._placements if each.start > column), None)

    def read_pixels(self, first: int, last: int) -> tuple[Pixels, bool]:
        """What sounds from column `first` up to `last`.

        Returns:
            uint8[512, last − first], and whether the last bar of a chunk loops in it.

        Raises:
            LookupError: no chunk was ever placed there.
        """
        parts: list[Pixels] = []
        looping = False
        while first < last:
            placement = self.placement_at(first)
            if placement is None:
                raise LookupError(f"no chunk was ever on at column {first}")
            following = self.placement_after(first)
            stop = last if following is None else min(last, following.start)
            if first < placement.end:
                stop = min(stop, placement.end)
                within = np.arange(first, stop) % self.loop_grid.width
            else:
                looping = True
                bar = self.loop_grid.fallback_loop_columns
                within = self.loop_grid.width - bar + (np.arange(first, stop) - placement.end) % bar
            parts.append(placement.chunk.pixels[:, within])
            first = stop
        return np.concatenate(parts, axis=1), looping

    def discard_before(self, column: int) -> None:
        """Discard placements that ended more than `history_columns` before this column."""
        oldest = column - self._history_columns
        while len(self._placements) > 1 and self._placements[1].start <= oldest:
            self._placements.popleft()
