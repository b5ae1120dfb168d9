"""A long picture in the making, and the windows through which a model paints it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio.arrays import Pixels
from riffbot.regions import Region

GRAIN = 16
"""Windows keep whole cells of the coarsest autoencoder, so that no cell is half kept."""

MARGIN = 16
"""Columns at a window's far end that are painted again by the next: there it flows into its own
beginning, as a loop does."""

WIDE, NARROW = 768, 384

WINDOW = 512


@dataclass(frozen=True)
class Window:
    """One picture of the model's, on the canvas.

    Attributes:
        start, width: where it lies, in columns of the canvas.
        begin, end: what it adds to the canvas, in columns of the canvas.
    """

    start: int
    width: int
    begin: int
    end: int

    @property
    def region(self) -> Region:
        """What it may paint: all but what stands on the canvas already."""
        return Region(self.begin - self.start, self.width)


def windows(
    known: int, total: int, width: int, rotation: Callable[[int], int] = lambda _: 0
) -> list[Window]:
    """The windows that bring a canvas from `known` columns at its beginning to `total`.

    Each overlaps what stands there by about a quarter. What it keeps are whole cells as the model
    sees it, rotated by `rotation(start)`: where what stands there ends within a cell, the rest of
    that cell is kept as well.
    """
    overlap = min(whole_cells(width // 4), whole_cells(known))

    def beginning(end: int) -> int:
        """Where the window that goes on from `end` begins."""
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
    """The windows of a canvas before it exists; the arguments are those of `Canvas`."""
    width = window_width(period)
    return windows(
        known, columns, width, lambda start: rotation_of(start, known, period, backward=backward)
    )


def rotation_of(start: int, known: int, period: int, *, backward: bool) -> int:
    """Columns by which a window from `start` on is rotated to begin where the loop does."""
    # The loop goes round from where what is known ends, in either direction.
    ahead = known - start if backward else start - known
    return ahead % period % window_width(period)


class Canvas:
    """A long picture in the making, its first columns known.

    Args:
        columns: its length.
        start: what is known.
        loop: what the rest is painted over, again and again: the end (backward: the beginning) of
            what is known; None is all of it.
        backward: what is known stands at the end, and the canvas grows towards the beginning.
        ground: what the rest is painted over instead of the loop: uint8[512, columns].
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
        # Kept in the direction of growth: mirrored in time while it grows backward.
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
        """What is to be painted, in order of growth."""
        return plan_windows(self._columns, self.known, self.period, backward=self.backward)

    def visible(self, window: Window) -> tuple[Pixels, Region]:
        """What the model is given of the canvas, and where it may paint, in playing order."""
        picture = self._pixels[:, window.start : window.start + window.width]
        region = window.region
        if self.backward:
            width = window.width
            return picture[:, ::-1].copy(), Region(width - region.end, width - region.begin)
        return picture.copy(), region

    def rotation(self, window: Window) -> int:
        """By how many columns a window is rotated so that it begins where the loop does.

        A window is a circle, and models that are shown the beat expect the first one at its
        beginning.
        """
        return rotation_of(window.start, self.known, self.period, backward=self.backward)

    def add(self, window: Window, painted: Pixels) -> None:
        """Take what a window adds.

        And a little more, as the ground on which the next window begins: it fades in over this
        window's own continuation, and not over something else.
        """
        turned = painted[:, ::-1] if self.backward else painted
        end = min(window.end + MARGIN // 2, self._finished)
        new = slice(window.begin - window.start, end - window.start)
        self._pixels[:, window.begin : end] = turned[:, new]

    def place(self, at: int, picture: Pixels) -> None:
        """Put a finished picture there, behind all that is to be painted."""
        self._pixels[:, at : at + picture.shape[1]] = picture
        self._finished = min(self._finished, at)


def window_width(loop: int) -> int:
    """A window of whole loops where that is about the model's usual width: it then is a loop."""
    if loop > WIDE:
        return WINDOW
    width = loop * -(-NARROW // loop)
    # A loop of an odd width would have its seam within a cell.
    return width if width % GRAIN == 0 else WINDOW


def whole_cells(columns: int) -> int:
    return columns // GRAIN * GRAIN
