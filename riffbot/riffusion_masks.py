"""The masks of Riffusion's API, drawn from what was measured of them.

Riffusion's pictures are not ours to ship; what they do is a handful of numbers. Its pipeline takes
a mask's grey, 0 to 255, as the share of each latent cell that is taken from what is being painted;
the rest is held at the seed image. So white is repainted freely, black is kept, and the percentage
in a name is how freely the named part is repainted beside the rest, which is white:
`mask_top_third_75` repaints the upper third by three quarters and everything below wholly.

Masks of ours (`mask_top_third`) are white where to repaint and black elsewhere; they have other
names, so a recipe that names one replays as before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

SIDE = 512
"""Rows and columns that the numbers below count in."""

CELL = 8
"""Rows and columns of a latent cell of Riffusion's model."""

Places = NDArray[np.float64]
Drawing = Callable[[Places, Places], Places]
"""Values of a mask at rows and columns."""

Knots = Sequence[tuple[float, float]]
"""Places, in rows from the top or columns from the left, and the value there; straight between."""

_LINES: Knots = (
    *((0, 203), (3, 205), (5, 213), (7, 230), (9, 245), (12, 254)),
    *((54, 253), (57, 238), (60, 213), (63, 204), (66, 205), (68, 213), (72, 245), (75, 254)),
    *((181, 254), (184, 243), (188, 210), (191, 203), (195, 210), (200, 247), (204, 255)),
    *((309, 254), (312, 243), (316, 211), (319, 203), (322, 205), (324, 215), (328, 247)),
    *((332, 255), (436, 254), (439, 243), (444, 206), (448, 204), (450, 209), (455, 246)),
    *((458, 254), (499, 253), (502, 239), (506, 208), (509, 203), (511, 205)),
)
"""Across the beats, at the top."""

_LINES_END: Knots = (
    *((0, 198), (12, 198), (64, 196.4), (191, 193.8), (319, 196.6), (447, 197.5)),
    (508, 193.8),
)
"""The row at which each line begins to fade."""

_FADE: Knots = ((0, 1.0), (1, 0.94), (4, 0.52), (6, 0.21), (8, 0.06), (12, 0.0))
"""What is left of a line so many rows further down."""

_BY_ROW: dict[str, Knots] = {
    "mask_gradient_dark": (
        *((0, 32), (49, 42), (99, 69), (141, 108), (197, 180), (204, 191), (237, 232), (254, 250)),
        (261, 255),
    ),
    "mask_gradient_top_70": ((0, 165), (31, 170), (92, 191), (201, 239), (258, 255)),
    "mask_gradient_top_fifth_75": ((0, 165), (20, 171), (56, 193), (117, 239), (151, 255)),
    "mask_top_third_75": ((179, 192), (180, 255)),
    "mask_top_third_95": ((164, 242), (165, 255)),
}


def known(name: str) -> bool:
    """Whether this is one of Riffusion's masks."""
    return name in _MASKS


def mask(name: str, width: int) -> NDArray[np.uint8]:
    """One of Riffusion's masks: uint8[512, width], 255 repaints freely, 0 keeps.

    Riffusion's pipeline takes one pixel, the middle one, for each cell of `CELL` rows and columns;
    here the whole cell has its value, so that a model of any stride gets the same shares. Columns
    are stretched to the width, as Riffusion's 512 are to its clip. Raises KeyError for a name that
    is not known.
    """
    rows, columns = (_middles(np.arange(length, dtype=float)) for length in (SIDE, width))
    stretched = (columns + 0.5) * SIDE / width - 0.5
    return np.round(_MASKS[name](rows[:, None], stretched[None, :])).astype(np.uint8)


def _middles(places: Places) -> Places:
    return np.asarray(places // CELL * CELL + CELL / 2)


def _beat_lines(rows: Places, columns: Places) -> Places:
    """A little less freely on the beats, in the upper two fifths."""
    below = rows - _along(_LINES_END, columns)
    return 255 - _along(_FADE, below) * (255 - _along(_LINES, columns))


def _by_row(knots: Knots) -> Drawing:
    return lambda rows, columns: _along(knots, rows) + 0 * columns


def _along(knots: Knots, places: Places) -> Places:
    at, values = zip(*knots, strict=True)
    return np.asarray(np.interp(places, at, values))


_MASKS: dict[str, Drawing] = {
    "mask_beat_lines_80": _beat_lines,
    **{name: _by_row(knots) for name, knots in _BY_ROW.items()},
}
