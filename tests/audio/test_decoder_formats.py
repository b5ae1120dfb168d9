"""Every format is read by the confined process as it is here (FFmpeg's: test_demuxing)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import soundfile
from PIL import Image

from audio import files, image
from audio.decoder import Decoder
from audio.errors import AudioError
from tests.support.picture_files import heic, ramp, saved

T = TypeVar("T")


@pytest.fixture(scope="module")
def confined() -> Iterator[Decoder]:
    mine = Decoder()
    yield mine
    mine.close()


def outcome(read: Callable[[bytes], T], data: bytes) -> T | str:
    """What a file is read as, or the sentence that refuses it."""
    try:
        return read(data)
    except AudioError as error:
        return str(error)


def same_sound(confined: Decoder, data: bytes) -> None:
    found, here = outcome(confined.read, data), outcome(files.read, data)
    if isinstance(found, str) or isinstance(here, str):
        assert found == here
        return
    assert np.array_equal(found.samples, here.samples)
    assert (found.sample_rate, found.notes) == (here.sample_rate, here.notes)
    assert confined.read_tags(data) == files.read_tags(data)


@pytest.mark.parametrize("format", soundfile.available_formats())
def test_every_format_of_libsndfile(
    confined: Decoder, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of SD2, libsndfile writes a second file beside the first: `._` in the working directory where
    # that one has no name.
    monkeypatch.chdir(tmp_path)
    tone = (np.sin(np.arange(8000) / 9) / 2).astype(np.float32)
    for subtype in soundfile.available_subtypes(format) if format != "RAW" else ():
        out = io.BytesIO()
        try:
            soundfile.write(out, tone, 8000, format=format, subtype=subtype)
        except (soundfile.LibsndfileError, ValueError):
            continue  # it can be read only
        same_sound(confined, out.getvalue())


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        *(("L", name) for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")),
        *(("RGBA", name) for name in ("PNG", "WEBP", "TIFF")),
        *(("I;16", name) for name in ("PNG", "TIFF")),
        *(("CMYK", "JPEG"), ("P", "GIF"), ("P", "PNG"), ("F", "TIFF"), ("1", "TIFF")),
    ],
)
def test_every_format_of_pillow(confined: Decoder, mode: str, format: str) -> None:
    try:
        data = saved(ramp(64, 48).convert(mode), format)
    except (KeyError, OSError):
        pytest.skip("this Pillow does not write it")
    same_picture(confined, data)
    same_picture(confined, data[: len(data) * 9 // 10])


def test_compressed_and_animated_pictures(confined: Decoder) -> None:
    for options in ({"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}):
        same_picture(confined, saved(ramp(64, 48), "TIFF", **options))
    same_picture(confined, saved(ramp(64, 48), "JPEG", progressive=True))
    for format in ("GIF", "WEBP", "PNG"):
        frames = [ramp(64, 48), Image.new("L", (64, 48), 9)]
        data = saved(frames[0], format, save_all=True, append_images=frames[1:])
        same_picture(confined, data)
    same_picture(confined, heic())


def same_picture(confined: Decoder, data: bytes) -> None:
    found, here = outcome(confined.decode_image, data), outcome(image.decode_image, data)
    if isinstance(found, str) or isinstance(here, str):
        assert found == here
        return
    assert np.array_equal(found.pixels, here.pixels)
    assert (found.params, found.grey, found.note) == (here.params, here.grey, here.note)
