"""Pictures that requests name: bundled ones, files, clips of the library, masks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.image import encode_png
from riffbot.commands import source_files
from riffbot.commands.files import SourceFolder, exists
from riffbot.errors import NotFound
from riffbot.images import Images
from riffbot.settings import Settings

REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")


class ImageResolver:
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

    def __init__(
        self,
        settings: Settings,
        source_folder: SourceFolder,
        recipe_folder: SourceFolder | None = None,
    ) -> None:
        self._settings = settings
        self.source_folder = self._source_folder = source_folder
        self._recipe_folder = recipe_folder
        self.images = Images(settings.seed_images, self._find)

    def resolve_seed_image(self, typed: str) -> str:
        """The reference of a bundled picture's name, a file of picture or sound, or a reference.

        Raises:
            NotFound: it is none of them.
            BadRequest: the file is no picture and no sound.
        """
        if typed in self.images.names():
            return typed
        if REFERENCE.fullmatch(typed):
            self.images.load(self._copy_to_source_folder(typed))
            return typed
        if exists(Path(typed)):
            source = source_files.read_source(Path(typed))
            for sentence in source.warnings:
                print(f"riffbot: {Path(typed).name}: {sentence}", file=sys.stderr)
            return self.save_source(source)
        self.images.bundled(typed[:80])
        return typed

    def resolve_mask(self, typed: str) -> str:
        """The same for a mask: white repaints, black keeps; any size, it is stretched."""
        if (
            not REFERENCE.fullmatch(typed)
            and typed not in self.images.masks()
            and exists(Path(typed))
        ):
            return self.save_source(source_files.read_picture(Path(typed)))
        self.images.mask(self._copy_to_source_folder(typed), 64)
        return typed

    def save_source(self, source: source_files.SourceFile) -> str:
        """Put a picture on the shelf, its recipe in it; returns its reference."""
        return self.save(source.pixels, source.recipe)

    def save(self, pixels: NDArray[np.uint8], recipe: str | None = None) -> str:
        """The same for a picture uint8[H, W] and its recipe."""
        return self._source_folder.save(encode_png(pixels, recipe=recipe))

    def is_available(self, ref: str) -> bool:
        """Whether the picture of a reference can be read; one beside is brought along."""
        try:
            self.images.any_width(self._copy_to_source_folder(ref))
        except NotFound:
            return False
        return True

    def _copy_to_source_folder(self, ref: str) -> str:
        """A replayed recipe's picture is kept beside the new clips too."""
        other = (
            self._recipe_folder.find(ref.removeprefix("sha256:")) if self._recipe_folder else None
        )
        if other is not None:
            self._source_folder.save(other.read_bytes())
        return ref

    def _find(self, digest: str) -> Path | None:
        folders = (
            [self._source_folder, self._recipe_folder]
            if self._recipe_folder
            else [self._source_folder]
        )
        found = next((path for folder in folders if (path := folder.find(digest))), None)
        return found or source_files.find_in_library(digest, self._settings)
