"""Spectrogram pictures as PNG files, with the numbers and the recipe that made them inside.

Written: 8-bit PNG, grey for mono; for stereo left in green and right in blue, red zero, which is
Riffusion's layout. The parameters go into EXIF under Riffusion's tags, the recipe (the request as
JSON) into a text chunk named `riffbot`, so a picture that is downloaded and uploaded again can be
remixed, replayed and reproduced.

Read: the formats that pictures are sent in. Uploads are strangers' files, so size is checked in
the header, before a pixel is decoded, and all that goes wrong is an `AudioError` with one sentence.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from audio.arrays import Pixels
from audio.errors import AudioError
from audio.params import SpectrogramParams

RECIPE_KEY = "riffbot"
MAX_PIXELS = 32_000_000
_MAX_RECIPE = 64_000
_EXIF_IFD = 0x8769
_TINTED = 12
"""Mean difference of the colour channels from which on a picture is one in colours. What an image
model drew as a spectrogram, or JPEG has been through, is a little off grey."""
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Pillow knows many more, EPS among them, which it hands to Ghostscript: a program to run."""


@dataclass(frozen=True)
class SpectrogramImage:
    """A decoded picture.

    Attributes:
        pixels: uint8[H, W], or uint8[H, W, 2] when `params.stereo`; H is 512 for our own pictures,
            anything for a stranger's.
        params: from the EXIF tags, v1 defaults where there are none.
        recipe: the `riffbot` text, or None.
        grey: the picture had no colours to speak of (stereo counts as grey).
    """

    pixels: Pixels
    params: SpectrogramParams
    recipe: str | None
    grey: bool = True


def encode_png(
    pixels: Pixels, *, params: SpectrogramParams | None = None, recipe: str | None = None
) -> bytes:
    """Write a picture; `decode_image` gives back the same pixels to the bit.

    Args:
        pixels: uint8[H, W], or uint8[H, W, 2] for stereo.
        params: stored in EXIF; the v1 format by default, its `stereo` set from the pixels.
        recipe: stored as text, at most 64,000 characters.

    Returns:
        PNG bytes, the same for the same arguments.

    Raises:
        AudioError: not such an array, or the recipe is too long.
    """
    stereo = pixels.ndim == 3
    if pixels.dtype != np.uint8 or not pixels.size or pixels.ndim not in (2, 3):
        raise AudioError("A spectrogram picture is an array of 8-bit pixels.")
    if stereo and pixels.shape[2] != 2:
        raise AudioError("A stereo spectrogram has two channels.")
    if recipe is not None and len(recipe) > _MAX_RECIPE:
        raise AudioError("The recipe is too long to be stored in the picture.")
    params = replace(params or SpectrogramParams(), stereo=stereo)
    if stereo:
        image = Image.fromarray(np.dstack([np.zeros_like(pixels[..., 0]), pixels]))
    else:
        image = Image.fromarray(pixels)
    exif = Image.Exif()
    for tag, value in params.to_exif().items():
        exif[tag] = value
    text = PngImagePlugin.PngInfo()
    if recipe is not None:
        text.add_itxt(RECIPE_KEY, recipe)
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif, pnginfo=text, compress_level=6)
    return out.getvalue()


def decode_image(source: Path | bytes, *, max_pixels: int = MAX_PIXELS) -> SpectrogramImage:
    """Read a picture (PNG, JPEG, WebP, GIF, BMP, TIFF, PPM) of any size.

    Colour becomes grey by its luminance, unless the channels are equal, when it is that channel to
    the bit (Riffusion stores grey as RGB); with the stereo tag, green and blue are left and right.
    Transparent parts count as white, that is, silent; of an animation the first frame counts.

    Args:
        source: a file's name or its bytes.
        max_pixels: refuse what is larger before decoding it.

    Raises:
        AudioError: no such file, not a picture, too large, or damaged.
    """
    data = _bytes_of(source)
    try:
        with warnings.catch_warnings():
            # Our own limit, checked below, stands in for Pillow's warning.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise AudioError(_too_large(None, max_pixels)) from error
    except Exception as error:
        raise AudioError(
            "That is no picture that can be read; try a PNG, JPEG, WebP or GIF."
        ) from error
    if image.width * image.height > max_pixels:
        raise AudioError(_too_large(image.size, max_pixels))
    try:
        image.load()
        params = SpectrogramParams.from_exif(_exif(image))
        pixels, grey = _pixels(image, params.stereo)
    except AudioError:
        raise
    except Exception as error:
        raise AudioError("That picture is damaged; please send it again.") from error
    params = replace(params, stereo=pixels.ndim == 3)
    return SpectrogramImage(pixels, params, _recipe(image.info), grey)


def _bytes_of(source: Path | bytes) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise AudioError(f"Cannot read {source}: {error.strerror or error}.") from error
    except ValueError as error:
        raise AudioError("That is not a file's name.") from error


def _too_large(size: tuple[int, int] | None, max_pixels: int) -> str:
    what = f"{size[0]}×{size[1]} pixels are" if size else "That picture is"
    return f"{what} too large: please keep it under {max_pixels / 1e6:g} megapixels."


def _exif(image: Image.Image) -> dict[int, Any]:
    try:
        exif = image.getexif()
        return {**exif.get_ifd(_EXIF_IFD), **dict(exif)}
    except Exception:  # damaged metadata must not cost the picture
        return {}


def _pixels(image: Image.Image, stereo: bool) -> tuple[Pixels, bool]:
    """The pixels, and whether they were grey."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        return _eight_bits(np.asarray(image)), True
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    if image.mode == "L":
        return np.array(image), True
    rgb = np.array(image.convert("RGB"))
    if stereo:
        return np.ascontiguousarray(rgb[..., 1:]), True
    if np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 1], rgb[..., 2]):
        return np.ascontiguousarray(rgb[..., 0]), True
    tint = float(np.ptp(rgb, axis=2).mean())
    return np.array(Image.fromarray(rgb).convert("L")), tint < _TINTED


def _eight_bits(deep: np.typing.NDArray[Any]) -> Pixels:
    """16-bit, 32-bit and float greys, by their format's range or, where it has none, their own."""
    values = np.nan_to_num(deep.astype(np.float64), posinf=0.0, neginf=0.0)
    if deep.dtype.kind == "f":
        low, high = values.min(), values.max()
        return np.asarray(255 * (values - low) / max(high - low, 1e-20), np.uint8)
    return np.asarray(np.clip(values, 0, 65535) / 257, np.uint8)


def _recipe(info: dict[Any, Any]) -> str | None:
    text = info.get(RECIPE_KEY)
    return str(text) if isinstance(text, str) and len(text) <= _MAX_RECIPE else None
