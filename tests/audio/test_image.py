"""Picture files: exact round trips, Riffusion's tags, and what strangers upload."""

from __future__ import annotations

import io
import os
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
from tests.support.picture_files import chunk, heic, ramp, saved, with_chunk


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

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


STORED = np.full((48, 64), 255, np.uint8)
STORED[:16, :16] = 0  # the stored picture's upper left corner is dark


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "shape", "corner"),
    [
        (1, (48, 64), (0, 0)),
        (2, (48, 64), (0, -1)),
        (3, (48, 64), (-1, -1)),
        (4, (48, 64), (-1, 0)),
        (5, (64, 48), (0, 0)),
        (6, (64, 48), (0, -1)),
        (7, (64, 48), (-1, -1)),
        (8, (64, 48), (-1, 0)),
        (9, (48, 64), (0, 0)),  # no orientation at all
    ],
)
def test_a_picture_is_upright_in_every_format(
    format: str, orientation: int, shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode_image(saved(Image.fromarray(STORED).convert("RGB"), format, exif=exif)).pixels
    assert pixels.shape == shape
    dark = [(row, column) for row in (0, -1) for column in (0, -1) if pixels[row, column] < 60]
    assert dark == [corner]


def test_deep_and_stereo_pictures_are_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(STORED.astype(np.uint16) * 257)
    assert decode_image(saved(deep, "PNG", exif=exif)).pixels.shape == (64, 48)
    exif[11005] = 1
    sides = Image.fromarray(np.dstack([STORED * 0, STORED, STORED]))
    assert decode_image(saved(sides, "PNG", exif=exif)).pixels.shape == (64, 48, 2)


@pytest.mark.parametrize("lost", [1, 2, 20, 60])
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("PPM", {}),
        ("TIFF", {}),
    ],
)
def test_a_file_short_of_its_last_bytes_is_read_as_viewers_show_it(
    format: str, options: dict[str, object], lost: int
) -> None:
    picture = ramp()
    whole = decode_image(saved(picture, format, **options)).pixels.astype(int)
    found = decode_image(saved(picture, format, **options)[:-lost])
    same = np.abs(found.pixels - whole) < 12
    assert same.mean() > 0.9
    assert found.pixels.shape == whole.shape
    assert same.all() or found.note.endswith(".")


def test_what_is_missing_of_a_jpeg_is_silent() -> None:
    data = saved(ramp(300, 512), "JPEG")
    found = decode_image(data[: len(data) * 9 // 10])
    assert "ends too early" in found.note
    assert (found.pixels[-8:] == 255).all()
    assert found.pixels[:256].max() < 220
    with pytest.raises(AudioError, match="more than a quarter"):
        decode_image(data[: len(data) // 2])


def test_the_missing_part_of_a_drawing_is_its_background() -> None:
    board = Image.new("RGB", (300, 300), (10, 40, 10))
    board.paste((250, 250, 120), (40, 40, 200, 60))
    data = saved(board, "BMP")
    found = decode_image(data[:-2000])
    assert found.pixels.max() > 200
    assert np.median(found.pixels[0]) < 60  # a BMP begins with its last row


@pytest.mark.parametrize("value", [0, 60000])
def test_the_transparent_grey_of_a_deep_png_is_silent(value: int) -> None:
    deep = np.full((16, 16), 128 * 257, np.uint16)
    deep[:4] = value
    data = with_chunk(saved(Image.fromarray(deep), "PNG"), b"tRNS", struct.pack(">H", value))
    pixels = decode_image(data).pixels
    assert (pixels[:4] == 255).all()
    assert (pixels[4:] == 128).all()


def test_the_transparent_colour_of_a_deep_png_is_silent() -> None:
    """Sixteen bits a channel, which Pillow cannot write."""
    rows = b"".join(b"\0" + struct.pack(">HHH", 1000 * y, 500, 60000) * 8 for y in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += chunk(b"tRNS", struct.pack(">HHH", 3000, 500, 60000))
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    pixels = decode_image(data).pixels
    assert (pixels[3] == 255).all()
    assert (pixels[5:] < 255).all()


@pytest.mark.parametrize("mode", ["RGBa", "La", "PA", "I;16B"])
def test_rare_modes_are_read(mode: str) -> None:
    if mode == "I;16B":
        data = saved(Image.fromarray(np.full((16, 16), 100 * 257, ">u2")), "TIFF")
    elif mode == "PA":
        data = saved(Image.new("P", (16, 16), 1), "PNG", transparency=b"\xff\x00")
    else:
        data = saved(Image.new("RGBA", (16, 16), (100, 100, 100, 255)).convert("RGBA"), "TIFF")
    assert decode_image(data).pixels.shape == (16, 16)


def test_a_phones_picture_is_read() -> None:
    pixels = decode_image(heic()).pixels
    assert pixels.shape == (512, 128)
    assert pixels[204, 60] < 60
    assert pixels[100, 60] > 220


def test_without_its_decoder_a_phones_picture_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio.image._reads_heic", lambda: False)
    with pytest.raises(AudioError, match="HEIC picture; please send it as a JPEG or PNG"):
        decode_image(heic())


def test_a_sound_is_named_where_a_picture_is_wanted() -> None:
    with pytest.raises(AudioError, match="a WAV sound, no picture"):
        decode_image(b"RIFF\0\0\0\0WAVEfmt ")


def test_riffusions_tools_know_every_tag_of_ours(music: Pixels) -> None:
    known = {11000, 11005, 11010, 11020, 11030, 11040, 11050, 11060, 11070, 11080}
    assert set(Image.open(io.BytesIO(encode_png(music))).getexif()) <= known


def test_an_earlier_versions_file_is_read_and_can_be_written_to_the_byte(music: Pixels) -> None:
    older = encode_png(music, recipe="{}", retired_tag=True)
    found = decode_image(older)
    assert found.retired_tag
    assert found.params == SpectrogramParams()
    assert encode_png(found.pixels, recipe=found.recipe, retired_tag=True) == older
    assert not decode_image(encode_png(music)).retired_tag


@pytest.mark.parametrize(
    "where", ["Image.open", "_loaded", "_exif", "_pixels", "ImageFile.ImageFile.getexif"]
)
def test_a_lack_of_memory_is_not_called_damage(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(ramp(), "PNG")

    def scarce(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"audio.image.{where}", scarce)
    with pytest.raises(MemoryError):
        decode_image(data)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(AudioError, match="Cannot read"):
            decode_image(path)
