"""Pictures that requests name: bundled ones, files, clips of the library, masks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.image import encode_png
from audio.mel import MAX_FREQUENCY, N_MELS, edges
from riffbot.commands import sources
from riffbot.commands.files import Shelf
from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.settings import Settings

REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")


class Pictures:
    """Turns what was typed into references that requests hold.

    Pictures from files go onto a shelf beside the clips that are made from them, so that the
    folder replays on its own.

    Args:
        settings: where the bundled pictures and the library lie.
        shelf: where pictures from files go.
        beside: another shelf to look on, that of a recipe being replayed.

    Attributes:
        images: resolves the references, for the pipeline.
    """

    def __init__(self, settings: Settings, shelf: Shelf, beside: Shelf | None = None) -> None:
        self._settings = settings
        self._shelf = shelf
        self._beside = beside
        self.images = Images(settings.seed_images, self._find)

    def seed_image(self, typed: str) -> str:
        """The reference of a bundled picture's name, a file of picture or sound, or a reference.

        Raises:
            NotFound: it is none of them.
            BadRequest: the file is no picture and no sound.
        """
        if typed in self.images.names():
            return typed
        if REFERENCE.fullmatch(typed):
            self.images.load(self._brought(typed))
            return typed
        if _there(typed):
            return self.keep(sources.read(Path(typed)))
        self.images.bundled(typed[:80])
        return typed

    def mask(self, typed: str) -> str:
        """The same for a mask: white repaints, black keeps; any size, it is stretched."""
        if not REFERENCE.fullmatch(typed) and typed not in self.images.masks() and _there(typed):
            return self.keep(sources.picture(Path(typed)))
        self.images.mask(self._brought(typed), 64)
        return typed

    def keep(self, source: sources.Source) -> str:
        """Put a picture on the shelf, its recipe in it; returns its reference."""
        return self._shelf.keep(encode_png(source.pixels, recipe=source.recipe))

    def _brought(self, ref: str) -> str:
        """A replayed recipe's picture is kept beside the new clips too."""
        other = self._beside.find(ref.removeprefix("sha256:")) if self._beside else None
        if other is not None:
            self._shelf.keep(other.read_bytes())
        return ref

    def _find(self, digest: str) -> Path | None:
        shelves = [self._shelf, self._beside] if self._beside else [self._shelf]
        on_shelf = next((path for shelf in shelves if (path := shelf.find(digest))), None)
        return on_shelf or sources.in_library(digest, self._settings)


def _there(typed: str) -> bool:
    try:
        return Path(typed).exists()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False


def region(width: int, begin: float, end: float, low: float, high: float) -> NDArray[np.uint8]:
    """A mask: white where to repaint, black where to keep.

    Args:
        width: of the clip, in columns of 10 ms.
        begin, end: seconds.
        low, high: Hz, 0 … 10,000.

    Returns:
        uint8[512, width].

    Raises:
        BadRequest: the region is empty or lies outside of the clip.
    """
    seconds = width / 100
    if not 0 <= begin < end <= seconds + 0.005:
        raise BadRequest(
            f"--from {begin:g} --to {end:g} is no stretch of this clip: it lasts {seconds:g} s."
        )
    if not 0 <= low < high <= MAX_FREQUENCY:
        raise BadRequest(
            f"--low {low:g} --high {high:g} is no band within 0 … {MAX_FREQUENCY:g} Hz."
        )
    columns = slice(round(begin * 100), round(end * 100))
    peaks = edges()[1:-1]
    bands = (peaks >= low) & (peaks <= high)
    if columns.start >= columns.stop or not bands.any():
        raise BadRequest("That region is smaller than one pixel of the spectrogram.")
    mask = np.zeros((N_MELS, width), np.uint8)
    mask[np.ix_(bands[::-1], np.arange(width)[columns])] = 255  # low notes lie in the last row
    return mask
