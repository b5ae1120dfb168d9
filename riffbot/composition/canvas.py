"""The canvas of a long picture, and the windows in which a model paints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio.arrays import Pixels
from riffbot.regions import Region

GRAIN = 16
"""Columns of a cell of the coarsest autoencoder: windows keep or repaint whole cells."""

MARGIN = 16
"""Columns at a window's end that the next window repaints, because they lead back to the window's
own start, as those of a loop do."""

WIDE, NARROW = 768, 384

WINDOW = 512


@dataclass(frozen=True)
class Window:
    """The place of one generated picture on the canvas, in columns.

    Attributes:
        start, width: where the picture lies.
        begin, end: the columns that it adds to the canvas.
    """

    start: int
    width: int
    begin: int
    end: int

    @property
    def region(self) -> Region:
        """The region to repaint: from `begin` to the window's end."""
        return Region(self.begin - self.start, self.width)


def windows(
    known: int, total: int, width: int, rotation: Callable[[int], int] = lambda _: 0
) -> list[Window]:
    """Plan the windows that extend a canvas from `known` columns at its start to `total`.

    Each overlaps the known columns by about a quarter of its width. It keeps whole cells of the
    picture that the model is given, which is rotated by `rotation(start)`: if the known columns
    end within a cell, the rest of that cell is kept as well.
    """
    overlap = min(whole_cells(width // 4), whole_cells(known))

    def beginning(end: int) -> int:
        """The start of the window that continues from `end`."""
        start = end - overlap
        while start > 0 and rotation(start) % GRAIN:
            start -= 1
        return start

    found = []
    while known < total:
        start = beginning(known)
        begin = start + -(-(known - start) // GRAIN) * GRAIN
        end = start + width - MARGIN
        if end < total:
            following = beginning(end)
            end = following + whole_cells(end - following)
        if begin >= total:
            break
        found.append(Window(start, width, begin, min(total, end)))
        known = end
    return found


def plan_windows(columns: int, known: int, period: int, *, backward: bool = False) -> list[Window]:
    """Plan the windows of a canvas; `period` is the loop's width, the others as for `Canvas`."""
    width = window_width(period)
    return windows(
        known, columns, width, lambda start: rotation_of(start, known, period, backward=backward)
    )


def rotation_of(start: int, known: int, period: int, *, backward: bool) -> int:
    """The columns by which the window at `start` is rotated to begin where the loop does."""
    # The loop repeats from the end of the known columns, in either direction.
    ahead = known - start if backward else start - known
    return ahead % period % window_width(period)


class Canvas:
    """An unfinished long picture, whose first columns are known.

    Args:
        columns: the length of the whole.
        start: the known columns, uint8[512, W].
        loop: the end (backward: the beginning) of `start`, which is repeated as the ground that
            the rest is painted over; None repeats all of `start`.
        backward: `start` lies at the end, and the canvas grows towards the beginning.
        ground: the ground for the rest instead of the loop: uint8[512, columns].
    """

    def __init__(
        self,
        columns: int,
        start: Pixels,
        *,
        loop: Pixels | None = None,
        backward: bool = False,
        ground: Pixels | None = None,
    ) -> None:
        loop = start if loop is None else loop
        self.backward = backward
        self.known = start.shape[1]
        self.width = window_width(loop.shape[1])
        self.period = loop.shape[1]
        spare = self.width  # windows may reach beyond the canvas's end
        if ground is None:
            phase = self.known - columns if backward else -self.known
            ground = np.take(loop, np.arange(phase, phase + columns), axis=1, mode="wrap")
        # Stored in the direction of growth: mirrored in time if it grows backward.
        turned = ground[:, ::-1] if backward else ground
        beyond = np.arange(spare)
        beyond += columns - (1 + beyond // self.period) * self.period
        self._pixels = np.concatenate([turned, turned[:, beyond]], axis=1)
        self._pixels[:, : self.known] = start[:, ::-1] if backward else start
        self._columns = columns
        self._finished = columns  # from here on nothing is painted

    @property
    def picture(self) -> Pixels:
        """The canvas as it stands, in playing order: uint8[512, columns]."""
        whole = self._pixels[:, : self._columns]
        return np.ascontiguousarray(whole[:, ::-1] if self.backward else whole)

    def windows(self) -> list[Window]:
        """Plan the windows to paint, in order of growth."""
        return plan_windows(self._columns, self.known, self.period, backward=self.backward)

    def visible(self, window: Window) -> tuple[Pixels, Region]:
        """Return the picture for the model and the region to repaint, in playing order."""
        picture = self._pixels[:, window.start : window.start + window.width]
        region = window.region
        if self.backward:
            width = window.width
            return picture[:, ::-1].copy(), Region(width - region.end, width - region.begin)
        return picture.copy(), region

    @property
    def origin(self) -> int:
        """The column, in playing order, at which the known columns begin."""
        return self._columns - self.known if self.backward else 0

    def playing_start(self, window: Window) -> int:
        """The column, in playing order, at which a window begins."""
        return self._columns - window.start - window.width if self.backward else window.start

    def rotation(self, window: Window) -> int:
        """Return by how many columns a window is rotated to begin where the loop does.

        Windows are circular, and models with beat conditioning expect the first beat at the
        start.
        """
        return rotation_of(window.start, self.known, self.period, backward=self.backward)

    def add(self, window: Window, painted: Pixels) -> None:
        """Copy the columns that a window adds to the canvas.

        A few columns more become the ground of the next window, so that it fades in over this
        window's own continuation.
        """
        turned = painted[:, ::-1] if self.backward else painted
        end = min(window.end + MARGIN // 2, self._finished)
        new = slice(window.begin - window.start, end - window.start)
        self._pixels[:, window.begin : end] = turned[:, new]

    def place(self, at: int, picture: Pixels) -> None:
        """Place a finished picture at column `at`, after all that is to be painted."""
        self._pixels[:, at : at + picture.shape[1]] = picture
        self._finished = min(self._finished, at)


def window_width(loop: int) -> int:
    """The width of windows: whole loops if that is about the model's default width, else 512."""
    if loop > WIDE:
        return WINDOW
    width = loop * -(-NARROW // loop)
    # A loop of an odd width would have its seam within a cell.
    return width if width % GRAIN == 0 else WINDOW


def whole_cells(columns: int) -> int:
    """Round columns down to whole cells."""
    return columns // GRAIN * GRAIN
