"""The plot of a spectrogram for people."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from audio.arrays import Pixels
from audio.plot import colour_map, encode_plot, fit_text

DRAW = ImageDraw.Draw(Image.new("RGB", (1, 1)))
FONT = ImageFont.load_default(20)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_colours_grow_lighter_with_loudness() -> None:
    linear = (colour_map() / 255.0) ** 2.2
    lightness = linear @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -1e-3).all()
    assert lightness[-1] > 0.9
    assert lightness[0] < 0.01


@pytest.mark.parametrize("columns", [1, 8, 512, 2048, 30000])
@pytest.mark.parametrize("stereo", [False, True])
def test_any_width_fits_a_screen(columns: int, stereo: bool) -> None:
    shape = (512, columns, 2) if stereo else (512, columns)
    image = opened(encode_plot(np.full(shape, 128, np.uint8), title="x", bpm=120))
    assert 500 < image.width < 2000
    assert 500 < image.height < 800


def test_loud_is_bright_where_it_sounds() -> None:
    pixels = np.full((512, 400), 255, np.uint8)
    pixels[256:, :200] = 0
    image = np.asarray(opened(encode_plot(pixels)).convert("L")).astype(float)
    height, width = image.shape
    plot = image[60 : height - 60, 80 : width - 40]
    rows, columns = plot.shape
    assert plot[rows * 3 // 4, columns // 4] > 200
    assert plot[rows // 4, columns // 4] < 40
    assert plot[rows * 3 // 4, columns * 3 // 4] < 40


def test_the_beat_is_drawn_when_known(music: Pixels) -> None:
    assert encode_plot(music) != encode_plot(music, bpm=100)
    assert encode_plot(music, bpm=100) != encode_plot(music, bpm=100, beats=2)


def test_long_and_strange_titles_fit(music: Pixels) -> None:
    plain = opened(encode_plot(music, title="a"))
    long = opened(encode_plot(music, title="a very long prompt\n with breaks and 🎷 " * 40))
    assert plain.size == long.size


def one_by_one(text: str, room: float) -> str:
    """The longest beginning that fits, found the slow and obvious way."""
    line = " ".join(text.split())
    if DRAW.textlength(line, FONT) <= room:
        return line
    while line and DRAW.textlength(line + "…", FONT) > room:
        line = line[:-1]
    return line.rstrip() + "…"


@settings(deadline=None, max_examples=60)
@given(st.text("abcilmW .,ÄÖ漢-_", max_size=60), st.integers(0, 400))
def test_cut_titles_are_as_long_as_fits(text: str, room: int) -> None:
    assert fit_text(DRAW, text, room, FONT) == one_by_one(text, room)


def test_long_titles_are_measured_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    textlength = ImageDraw.ImageDraw.textlength

    def counted(self: ImageDraw.ImageDraw, text: str, *args: Any, **options: Any) -> float:
        measured.append(len(text))
        return textlength(self, text, *args, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "textlength", counted)
    encode_plot(np.zeros((512, 64), np.uint8), title="funky sax " * 1000, bpm=93.75)
    assert len(measured) < 25
