"""Resolves seed images and masks: bundled names, files, and references into the library."""
# ruff: noqa: PLC0415

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio.image import encode_png
from riffbot.commands.files import SourceFolder, exists
from riffbot.errors import NotFound
from riffbot.images import Images
from riffbot.settings import Settings

if TYPE_CHECKING:
    from riffbot.commands.source_files import SourceFile

REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")


class ImageResolver:
    """Turns typed names and paths into the references that requests hold.

    Pictures from files are saved in the folder of sources beside the clips that are made from
    them, so that the folder can be replayed on its own.

    Args:
        settings: the folders of bundled seed images and of the library.
        source_folder: where pictures from files are saved.
        recipe_folder: the sources of a recipe that is replayed.

    Attributes:
        images: resolves the references, for the pipeline.
        source_folder: where pictures from files are saved.
    """

    def __init__(
        self,
        settings: Settings,
        source_folder: SourceFolder,
        recipe_folder: SourceFolder | None = None,
    ) -> None:
        self._settings = settings
        self.source_folder = source_folder
        self._recipe_folder = recipe_folder
        self.images = Images(settings.seed_images, self._find)

    def resolve_seed_image(self, typed: str) -> str:
        """Return the reference for a bundled name, a picture or sound file, or a reference.

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
            from riffbot.commands.source_files import read_source

            source = read_source(Path(typed))
            for sentence in source.warnings:
                print(f"riffbot: {Path(typed).name}: {sentence}", file=sys.stderr)
            return self.save_source(source)
        self.images.bundled(typed[:80])
        return typed

    def resolve_mask(self, typed: str) -> str:
        """Return the reference of a mask: white repaints, black keeps; any size is resized."""
        if (
            not REFERENCE.fullmatch(typed)
            and typed not in self.images.masks()
            and exists(Path(typed))
        ):
            from riffbot.commands.source_files import read_picture

            return self.save_source(read_picture(Path(typed)))
        self.images.mask(self._copy_to_source_folder(typed), 64)
        return typed

    def save_source(self, source: SourceFile) -> str:
        """Save a picture from a file with its recipe; returns its reference."""
        return self.save(source.pixels, source.recipe)

    def save(self, pixels: NDArray[np.uint8], recipe: str | None = None) -> str:
        """Save a picture uint8[H, W] with its recipe; returns its reference."""
        return self.source_folder.save(encode_png(pixels, recipe=recipe))

    def is_available(self, ref: str) -> bool:
        """Whether a reference can be read; sources of the recipe are copied to the new clips."""
        try:
            self.images.load_any_width(self._copy_to_source_folder(ref))
        except NotFound:
            return False
        return True

    def _copy_to_source_folder(self, ref: str) -> str:
        """Copy a source of the replayed recipe to the new clips; returns the reference."""
        other = (
            self._recipe_folder.find(ref.removeprefix("sha256:")) if self._recipe_folder else None
        )
        if other is not None:
            self.source_folder.save(other.read_bytes())
        return ref

    def _find(self, digest: str) -> Path | None:
        folders = (
            [self.source_folder, self._recipe_folder]
            if self._recipe_folder
            else [self.source_folder]
        )
        found = next((path for folder in folders if (path := folder.find(digest))), None)
        if found is not None:
            return found
        from riffbot.commands.source_files import find_in_library

        return find_in_library(digest, self._settings)
