"""Draws the plot of a spectrogram: colours, axes in seconds and hertz, and the beats."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from audio.arrays import Pixels
from audio.columns import seconds_of
from audio.mel import MAX_FREQUENCY, hz_to_mel
from audio.pixels import SILENT

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BACKGROUND = (30, 31, 34)
_TEXT = (219, 222, 225)
_FAINT = (148, 155, 164)
_FREQUENCIES = (100, 200, 500, 1000, 2000, 5000, 10000)
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 56, 24, 48
_AREA_HEIGHT = 512
_MIN_WIDTH, _MAX_WIDTH = 512, 1600

_STOPS = (
    (0.00, (9, 8, 20)),
    (0.15, (30, 18, 68)),
    (0.32, (86, 22, 112)),
    (0.50, (158, 42, 118)),
    (0.67, (226, 78, 92)),
    (0.82, (252, 146, 84)),
    (0.93, (254, 210, 132)),
    (1.00, (255, 250, 214)),
)
"""Dark violet to magenta to cream; lightness rises evenly, so loudness is visible without hue."""


def encode_plot(
    pixels: Pixels, *, title: str = "", bpm: float | None = None, beats: int | None = None
) -> bytes:
    """Draw the plot of a spectrogram.

    Args:
        pixels: uint8[512, W] or uint8[512, W, 2] (drawn as the louder of both).
        title: one line above the plot, shortened to fit.
        bpm: the tempo of the beat grid, whose every fourth line is stronger; None for no grid.
        beats: the number of beats in the grid; None for as many as fit.

    Returns:
        PNG bytes.
    """
    canvas, _ = draw_plot(pixels, title=title, bpm=bpm, beats=beats)
    out = io.BytesIO()
    canvas.save(out, "PNG", compress_level=6)
    return out.getvalue()


class PlotArea(NamedTuple):
    """The rectangle of the spectrogram in a drawn plot, in pixels."""

    left: float
    top: float
    width: float
    height: float


def draw_plot(
    pixels: Pixels, *, title: str = "", bpm: float | None = None, beats: int | None = None
) -> tuple[Image.Image, PlotArea]:
    """Draw the plot, and return it with the rectangle of the spectrogram."""
    mono = pixels if pixels.ndim == 2 else pixels.min(axis=2)
    seconds = seconds_of(mono.shape[1])
    width = int(np.clip(mono.shape[1] * 2, _MIN_WIDTH, _MAX_WIDTH))
    canvas = Image.new("RGB", (_LEFT + width + _RIGHT, _TOP + _AREA_HEIGHT + _BOTTOM), _BACKGROUND)
    coloured = Image.fromarray(colour_map()[SILENT - mono])
    coloured = coloured.resize((width, _AREA_HEIGHT), Image.Resampling.BICUBIC)
    canvas.paste(coloured, (_LEFT, _TOP))
    draw = ImageDraw.Draw(canvas, "RGBA")
    if bpm:
        _draw_beats(draw, width, seconds, bpm, beats)
    _draw_hertz(draw)
    _draw_seconds(draw, width, seconds)
    _draw_title(draw, width, title, f"{round(bpm, 1):g} bpm" if bpm else "")
    return canvas, PlotArea(_LEFT, _TOP, width, _AREA_HEIGHT)


def colour_map() -> Pixels:
    """Return the 256 colours [256, 3] of the plot, silence first."""
    at = np.array([position for position, _ in _STOPS])
    colours = np.array([colour for _, colour in _STOPS], float)
    x = np.linspace(0, 1, 256)
    return np.stack([np.interp(x, at, colours[:, i]) for i in range(3)], 1).round().astype(np.uint8)


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _draw_beats(
    draw: ImageDraw.ImageDraw, width: int, seconds: float, bpm: float, beats: int | None
) -> None:
    count = int(seconds * bpm / 60 + 1e-6) if beats is None else beats
    for beat in range(1, min(count, 4000)):
        x = _LEFT + width * beat * 60 / bpm / seconds
        if x >= _LEFT + width:
            return
        strong = beat % 4 == 0
        draw.line((x, _TOP, x, _TOP + _AREA_HEIGHT - 1), (255, 255, 255, 110 if strong else 44), 1)


def _draw_hertz(draw: ImageDraw.ImageDraw) -> None:
    top = float(hz_to_mel(MAX_FREQUENCY))
    for hz in _FREQUENCIES:
        y = _TOP + _AREA_HEIGHT * (1 - float(hz_to_mel(hz)) / top)
        draw.line((_LEFT - 6, y, _LEFT - 1, y), _FAINT, 1)
        label = f"{hz // 1000}k" if hz >= 1000 else str(hz)
        draw.text((_LEFT - 10, y), label, _FAINT, _font(14), anchor="rm")
    draw.text((_LEFT - 10, _TOP + _AREA_HEIGHT), "Hz", _FAINT, _font(14), anchor="rm")


def _draw_seconds(draw: ImageDraw.ImageDraw, width: int, seconds: float) -> None:
    bottom = _TOP + _AREA_HEIGHT
    for second in _ticks(seconds, width):
        x = _LEFT + width * second / seconds
        draw.line((x, bottom, x, bottom + 5), _FAINT, 1)
        draw.text((x, bottom + 10), f"{second:g} s", _FAINT, _font(14), anchor="mt")


def _ticks(seconds: float, width: int) -> Iterator[float]:
    step = next(
        step
        for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
        if seconds / step * 56 <= width or step == 3600
    )
    for i in range(int(seconds / step + 1e-6) + 1):
        yield round(i * step, 3)


def fit_text(draw: ImageDraw.ImageDraw, text: str, room: float, font: Font) -> str:
    """Shorten a text to one line of a width, with an ellipsis.

    By bisection, it is measured some ten times, however long it is: the time of one measurement is
    proportional to its length.

    Args:
        draw: measures the text.
        text: any text; its white space becomes single blanks.
        room: the width, in pixels.
        font: the font of the text.
    """
    line = " ".join(text.split())
    if draw.textlength(line, font) <= room:
        return line
    # The longest prefix that fits: a longer one is not narrower.
    fits = bisect_right(
        range(1, len(line)),
        room,
        key=lambda length: draw.textlength(line[:length] + "…", font),
    )
    return line[:fits].rstrip() + "…"


def _draw_title(draw: ImageDraw.ImageDraw, width: int, title: str, note: str) -> None:
    right, small, large = _LEFT + width, _font(16), _font(20)
    draw.text((right, _TOP / 2), note, _FAINT, small, anchor="rm")
    room = width - (draw.textlength(note, small) + 24 if note else 0)
    line = fit_text(draw, title, room, large)
    draw.text((_LEFT, _TOP / 2), line, _TEXT, large, anchor="lm")
