"""Picture files: exact round trips, Riffusion's tags, and what strangers upload."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from audio.arrays import Pixels
from audio.errors import AudioError
from audio.image import decode_image, encode_png
from audio.params import SpectrogramParams


def saved(picture: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@settings(max_examples=40, deadline=None)
@given(
    pixels=hnp.arrays(
        np.uint8,
        st.one_of(
            st.tuples(st.integers(1, 40), st.integers(1, 40)),
            st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(2)),
        ),
    ),
    recipe=st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=200)),
)
def test_round_trip_is_exact(pixels: Pixels, recipe: str | None) -> None:
    if recipe is not None:
        recipe = recipe.replace("\0", "")
    found = decode_image(encode_png(pixels, recipe=recipe))

    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.recipe == recipe
    assert found.params == SpectrogramParams(stereo=pixels.ndim == 3)


def test_the_same_picture_is_the_same_bytes(music: Pixels) -> None:
    assert encode_png(music, recipe="{}") == encode_png(music.copy(), recipe="{}")


def test_riffusion_would_find_its_tags(music: Pixels) -> None:
    exif = Image.open(io.BytesIO(encode_png(music))).getexif()

    assert {tag: exif[tag] for tag in (11000, 11010, 11020, 11030, 11040, 11050, 11060)} == {
        11000: 44100,
        11010: 10,
        11020: 100,
        11030: 400,
        11040: 512,
        11050: 0,
        11060: 10000,
    }
    assert float(exif[11070]) == 0.25
    assert not exif[11005]


def test_stereo_lies_in_green_and_blue() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (512, 8, 2), dtype=np.uint8)
    rgb = np.array(Image.open(io.BytesIO(encode_png(pixels))))

    assert not rgb[..., 0].any()
    np.testing.assert_array_equal(rgb[..., 1:], pixels)


def test_other_parameters_travel(music: Pixels) -> None:
    params = SpectrogramParams(48000, 480, 4800, 19200, max_frequency=12000, power=0.5)
    assert decode_image(encode_png(music, params=params)).params == params


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("RGB", "WEBP"),
        ("P", "GIF"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("1", "PNG"),
        ("I;16", "PNG"),
        ("RGB", "BMP"),
        ("F", "TIFF"),
        ("YCbCr", "TIFF"),
    ],
)
def test_any_kind_of_picture_is_read(mode: str, format: str) -> None:
    grey = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) * 4, (32, 1)))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    elif mode == "LA":
        picture = Image.merge("LA", [grey, Image.new("L", grey.size, 255)])
    else:
        picture = grey.convert(mode)

    pixels = decode_image(saved(picture, format)).pixels

    assert pixels.shape == (32, 64)
    assert pixels.dtype == np.uint8
    assert pixels[:, -8:].mean() > pixels[:, :8].mean() + 100


def test_deep_greys_keep_their_values() -> None:
    deep = Image.fromarray(np.full((4, 4), 128 * 257, np.uint16))
    assert (decode_image(saved(deep, "PNG")).pixels == 128).all()


def test_transparent_is_silent() -> None:
    clear = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    assert (decode_image(saved(clear, "PNG")).pixels == 255).all()


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("L", (8, 8), value) for value in (10, 200)]
    apng = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=50)
    assert (decode_image(apng).pixels == 10).all()


def test_one_pixel_is_a_picture() -> None:
    assert decode_image(saved(Image.new("L", (1, 1), 77), "PNG")).pixels.tolist() == [[77]]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no picture"),
        (b"hello, I am a PNG", "no picture"),
        (b"\x89PNG\r\n\x1a\n", "no picture"),
        (png_header(20000, 20000), "too large"),
        (png_header(2**31 - 1, 2**31 - 1), "too large"),
        (png_header(400, 400), "damaged"),
        (saved(Image.new("L", (500, 500), 3), "PNG")[:300], "damaged"),
        (saved(Image.new("L", (500, 500), 3), "JPEG")[:200], "(damaged|no picture)"),
        (saved(Image.new("L", (8, 8), 3), "EPS"), "no picture"),  # Ghostscript would run it
    ],
)
def test_what_is_no_picture_is_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(AudioError, match=sentence) as caught:
        decode_image(data)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_pictures_never_do_worse(data: st.DataObject) -> None:
    whole = bytearray(encode_png(np.arange(4096, dtype=np.uint8).reshape(64, 64), recipe="{}"))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_image(bytes(whole[: data.draw(st.integers(1, len(whole)))]))
    except AudioError:
        return
    assert found.pixels.dtype == np.uint8


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="Cannot read"):
        decode_image(tmp_path / "no.png")
    with pytest.raises(AudioError, match="Cannot read"):
        decode_image(tmp_path)


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(AudioError, match="settings are damaged"):
        SpectrogramParams.from_exif({11000: -3})
    with pytest.raises(AudioError, match="settings are damaged"):
        SpectrogramParams.from_exif({11060: "loud"})


def test_what_is_no_array_of_pixels_is_refused() -> None:
    with pytest.raises(AudioError):
        encode_png(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(AudioError):
        encode_png(np.zeros((0, 4), np.uint8))
    with pytest.raises(AudioError, match="recipe is too long"):
        encode_png(np.zeros((4, 4), np.uint8), recipe="x" * 100_000)
