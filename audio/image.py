"""Reads and writes spectrogram pictures, with their parameters and recipe as metadata.

Written: 8-bit PNG, grey for mono; for stereo, left in green and right in blue, red zero, as
Riffusion does. The parameters go into EXIF under Riffusion's tags, the recipe (the request as
JSON) into a text chunk named `riffbot`, so a picture that is downloaded and uploaded again can be
remixed, replayed and reproduced.

Read: the common formats of pictures, rotated by their EXIF orientation. Uploads are not trusted:
the size is checked in the header, before a pixel is decoded, and every failure is an `AudioError`
with one sentence. Damaged metadata is ignored.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from audio import filetypes, png_chunks, truncated
from audio.arrays import Pixels
from audio.errors import AudioError
from audio.params import RETIRED_TAG, SpectrogramParams
from audio.regular_files import read_regular_file

RECIPE_KEY = "riffbot"
MAX_PIXELS = 32_000_000
MAX_BYTES = 256 * 1024 * 1024
"""Larger files are refused, since a picture is decoded in memory."""

_MAX_RECIPE = 64_000
_EXIF_IFD, _ORIENTATION = 0x8769, 0x0112
_TINTED = 12
"""Pictures whose colour channels differ by more than this on average, of 255, are coloured. The
spectrograms of image models, and JPEGs, are not exactly grey."""
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
"""Pillow reads many more, among them EPS, for which it runs Ghostscript."""

_TEXTS = (RECIPE_KEY, "Raw profile type exif")
"""Keywords of the PNG text chunks that are read; older versions of ImageMagick write the second."""

_MOST_MISSING = 0.25
"""The largest share of a truncated picture that may be missing."""

_CUT_OFF = "The file ends too early: the missing part of that picture is left empty."
_STRIP = 1_000_000
"""Pixels of a picture with more than 8 bits that are converted at once."""


@dataclass(frozen=True)
class SpectrogramImage:
    """A decoded picture.

    Attributes:
        pixels: uint8[H, W], or uint8[H, W, 2] when `params.stereo`; H is 512 for our own pictures,
            any height for others.
        params: from the EXIF tags; v1 defaults without them.
        recipe: the `riffbot` text, or None.
        grey: whether the picture has (nearly) no colours; stereo counts as grey.
        note: a sentence about parts of the file that could not be read; empty without any.
        retired_tag: whether the file has `audio.params.RETIRED_TAG`.
    """

    pixels: Pixels
    params: SpectrogramParams
    recipe: str | None
    grey: bool = True
    note: str = ""
    retired_tag: bool = False


def encode_png(
    pixels: Pixels,
    *,
    params: SpectrogramParams | None = None,
    recipe: str | None = None,
    retired_tag: bool = False,
) -> bytes:
    """Encode a picture as PNG; `decode_image` returns the same pixels.

    Args:
        pixels: uint8[H, W], or uint8[H, W, 2] for stereo.
        params: stored in EXIF; the v1 format by default. `stereo` is set from the pixels.
        recipe: stored as text, at most 64,000 characters.
        retired_tag: write the same bytes as earlier versions did, with one EXIF tag more.

    Returns:
        PNG bytes, the same for the same arguments.

    Raises:
        AudioError: another kind of array, or a recipe that is too long.
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
    for tag, value in params.to_exif(retired_tag=retired_tag).items():
        exif[tag] = value
    text = PngImagePlugin.PngInfo()
    if recipe is not None:
        text.add_itxt(RECIPE_KEY, recipe)
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif, pnginfo=text, compress_level=6)
    return out.getvalue()


def decode_image(source: Path | bytes, *, max_pixels: int = MAX_PIXELS) -> SpectrogramImage:
    """Decode a picture (PNG, JPEG, WebP, GIF, BMP, TIFF, PPM, AVIF, HEIC) of any size.

    Colours are converted to grey by their luminance; of equal channels one is taken unchanged
    (Riffusion stores grey as RGB). With the stereo tag, green and blue are left and right.
    Transparent pixels become white (silent). Only the first frame of an animation is read. Up to a
    quarter of a truncated picture may be missing and becomes white.

    Args:
        source: a file's path or its bytes.
        max_pixels: larger pictures are refused before they are decoded.

    Raises:
        AudioError: no such file, not a picture, too large, or damaged.
    """
    data = _bytes_of(source)
    kind = filetypes.identify(data)
    if kind.refusal:
        raise AudioError(kind.refusal)
    if kind.family == "sound":
        raise AudioError(f"That is {kind.name}, no picture: “remix” starts from sounds.")
    if kind in (filetypes.HEIC, filetypes.UNKNOWN) and not _reads_heic() and kind.name:
        raise AudioError(f"That is {kind.name}; please send it as a JPEG or PNG.")
    data = png_chunks.strip_metadata(data, _TEXTS)
    image = _opened(data, max_pixels)
    try:
        image, missing = _loaded(image, data, max_pixels)
        _check_size(image, max_pixels)  # the size of some formats is known only after decoding
        exif = _exif(image)
        params = SpectrogramParams.from_exif(exif)
        pixels, grey = _pixels(image, params.stereo)
        if missing is not None:
            # A drawing in light on dark is filled with dark.
            dark = not grey and bool(np.median(pixels[~missing]) < 128)
            pixels[missing] = 0 if dark else 255
        pixels = _turned(pixels, exif.get(_ORIENTATION))
    except (AudioError, MemoryError):
        raise
    except Exception as error:
        raise AudioError("That picture is damaged; please send it again.") from error
    params = replace(params, stereo=pixels.ndim == 3)
    note = "" if missing is None else _CUT_OFF
    return SpectrogramImage(
        pixels, params, _recipe(image.info), grey, note, retired_tag=RETIRED_TAG in exif
    )


def _opened(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Read a picture's header. Raises AudioError."""
    try:
        with warnings.catch_warnings():
            # The size is checked below, and damaged metadata is ignored.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise AudioError(_too_large(None, max_pixels)) from error
    except MemoryError:
        raise
    except Exception as error:
        raise AudioError(
            "That is no picture that can be read; try a PNG, JPEG, WebP or GIF."
        ) from error
    _check_size(image, max_pixels)
    return image


def _loaded(
    image: ImageFile.ImageFile, data: bytes, max_pixels: int
) -> tuple[ImageFile.ImageFile, truncated.Mask | None]:
    """Decode a picture; also return which pixels are missing if the file is truncated."""
    try:
        image.load()
    except OSError as error:
        if not truncated.is_truncated(error):
            raise
        image, missing = truncated.decode_partial(data, lambda data: _opened(data, max_pixels))
        if missing.mean() > _MOST_MISSING:
            raise AudioError(
                "That picture is damaged: more than a quarter of it is missing; please send it "
                "again."
            ) from error
        return image, missing
    return image, None


@cache
def _reads_heic() -> bool:
    """Register HEIC, the format of phones, with Pillow. Returns whether it can be read."""
    try:
        import pi_heif  # noqa: PLC0415 - no wheel for every machine, and rarely needed
    except ImportError:
        return False
    pi_heif.register_heif_opener(decode_threads=1, thumbnails=False)
    return True


def _bytes_of(source: Path | bytes) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    return read_regular_file(Path(source), MAX_BYTES)


def _too_large(size: tuple[int, int] | None, max_pixels: int) -> str:
    what = f"{size[0]}×{size[1]} pixels are" if size else "That picture is"
    return f"{what} too large: please keep it under {max_pixels / 1e6:g} megapixels."


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise AudioError(_too_large(image.size, max_pixels))


def _exif(image: Image.Image) -> dict[int, Any]:
    try:
        exif = image.getexif()
        return {**exif.get_ifd(_EXIF_IFD), **dict(exif)}
    except MemoryError:
        raise
    except Exception:  # damaged metadata is ignored
        return {}


def _pixels(image: Image.Image, stereo: bool) -> tuple[Pixels, bool]:
    """Return the pixels in grey or stereo, and whether the picture was grey."""
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N", "F"):
        return _eight_bits(image), True
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = _on_white(image)
    if image.mode == "L":
        return np.array(image), True
    rgb = np.array(image.convert("RGB"))
    if stereo:
        return np.ascontiguousarray(rgb[..., 1:]), True
    if np.array_equal(rgb[..., 0], rgb[..., 1]) and np.array_equal(rgb[..., 1], rgb[..., 2]):
        return np.ascontiguousarray(rgb[..., 0]), True
    tint = float(np.ptp(rgb, axis=2).mean())
    return np.array(Image.fromarray(rgb).convert("L")), tint < _TINTED


def _on_white(image: Image.Image) -> Image.Image:
    """Compose a picture with transparent pixels onto white."""
    clear = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(clear, tuple) and max(clear) > 255:
        # Pillow converts sixteen bits to eight, but not the transparent colour.
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    if image.mode == "La":
        image = image.convert("LA")
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)


def _eight_bits(image: Image.Image) -> Pixels:
    """Convert grey of 16 bits, 32 bits or float to 8 bits; float is scaled by its own range.

    The grey value that a PNG declares transparent becomes white.
    """
    deep = np.asarray(image)
    clear = image.info.get("transparency")
    out = np.empty(deep.shape, np.uint8)
    low, scale = 0.0, 1 / 257
    if deep.dtype.kind == "f":
        low, high = _range(deep)
        scale = 255 / max(high - low, 1e-20)
    rows = max(1, _STRIP // max(1, deep.shape[1]))
    for first in range(0, len(deep), rows):
        part = deep[first : first + rows]
        values = np.nan_to_num(part.astype(np.float64), posinf=0.0, neginf=0.0)
        grey = out[first : first + rows]
        grey[:] = np.clip((values - low) * scale, 0, 255)
        if isinstance(clear, int):
            grey[part == clear] = 255
    return out


def _range(deep: np.typing.NDArray[Any]) -> tuple[float, float]:
    finite = np.where(np.isfinite(deep), deep, 0)
    return float(finite.min()), float(finite.max())


def _turned(pixels: Pixels, orientation: Any) -> Pixels:
    """Rotate and mirror a picture by its EXIF orientation (EXIF 2.32, tag 0x0112)."""
    match orientation:
        case 2:
            pixels = pixels[:, ::-1]
        case 3:
            pixels = pixels[::-1, ::-1]
        case 4:
            pixels = pixels[::-1]
        case 5:
            pixels = np.swapaxes(pixels, 0, 1)
        case 6:
            pixels = np.rot90(pixels, -1)
        case 7:
            pixels = np.swapaxes(pixels[::-1, ::-1], 0, 1)
        case 8:
            pixels = np.rot90(pixels)
    return np.ascontiguousarray(pixels)


def _recipe(info: dict[Any, Any]) -> str | None:
    text = info.get(RECIPE_KEY)
    return str(text) if isinstance(text, str) and len(text) <= _MAX_RECIPE else None
