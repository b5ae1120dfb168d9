"""Pictures that requests name: bundled ones, files, clips of the library, masks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.image import encode_png
from riffbot.commands import sources
from riffbot.commands.files import Shelf
from riffbot.errors import NotFound
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
        shelf: where pictures from files go.
    """

    def __init__(self, settings: Settings, shelf: Shelf, beside: Shelf | None = None) -> None:
        self._settings = settings
        self.shelf = self._shelf = shelf
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
            source = sources.read(Path(typed))
            for sentence in source.losses:
                print(f"riffbot: {Path(typed).name}: {sentence}", file=sys.stderr)
            return self.keep(source)
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
        return self.lay(source.pixels, source.recipe)

    def lay(self, pixels: NDArray[np.uint8], recipe: str | None = None) -> str:
        """The same for a picture uint8[H, W] and its recipe."""
        return self._shelf.keep(encode_png(pixels, recipe=recipe))

    def there(self, ref: str) -> bool:
        """Whether the picture of a reference can be read; one beside is brought along."""
        try:
            self.images.any_width(self._brought(ref))
        except NotFound:
            return False
        return True

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
