"""Importing pictures and uploads into the library, and reading them back; no model is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from audio.image import encode_png
from riffbot.clips.clip import render_clip
from riffbot.clips.uploads import OpenedUpload
from riffbot.errors import RiffBotError
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.library.types import DRAWING, Author, Origin
from riffbot.naming import prompt_from_filename
from riffbot.prompt import PromptError, parse
from riffbot.request import RiffRequest
from riffbot.settings import Settings


class ClipImporter:
    """Stores uploads as riffs and pictures as files, and reads pictures by reference."""

    def __init__(self, library: Library, settings: Settings, images: Images) -> None:
        self._library = library
        self._settings = settings
        self._images = images

    async def import_upload(
        self, source: OpenedUpload, *, author: Author, origin: Origin | None = None
    ) -> StoredRiff:
        """Store an upload as a riff of its member, so that edits of it have a parent.

        Raises:
            StorageError: the library cannot store it.
        """
        ref = await asyncio.to_thread(self.store_picture, source.pixels, source.recipe)
        request = RiffRequest.build_unparsed(
            prompt=_title(source.name),
            seed=0,
            seed_image=ref,
            denoising=0.0,
            bpm=source.bpm,
            **source.harmony._asdict(),
        )
        taken_as = DRAWING if source.kind == "drawing" else "an upload"
        riff = GeneratedRiff(request, source.pixels, taken_as, "0" * 64)
        rendered = await asyncio.to_thread(
            render_clip, riff, self._images, loudness_lufs=self._settings.loudness_lufs
        )
        # The picture with the recipe of the upload, if it has one.
        png = await asyncio.to_thread(encode_png, source.pixels, recipe=source.recipe)
        return await self._library.riffs.add_upload(
            riff, replace(rendered, png=png), author=author, origin=origin
        )

    def store_picture(self, pixels: NDArray[np.uint8], recipe: str | None = None) -> str:
        """Put a picture into the library's files; returns its reference. For a thread.

        A file that no riff refers to within the hour is collected.

        Raises:
            StorageError: the disk is full or read-only.
        """
        return f"sha256:{self._library.files.put(encode_png(pixels, recipe=recipe), '.png')}"

    def load_picture(self, ref: str) -> NDArray[np.uint8]:
        """Load the picture of a reference, of any width: uint8[512, W]. For a thread.

        Raises:
            NotFound: the picture does not exist (any more).
        """
        return self._images.load_any_width(ref)

    def thumbnails(self, riffs: Iterable[StoredRiff]) -> dict[str, NDArray[np.uint8]]:
        """Load the first five seconds of each riff's picture, scaled down. For a thread."""
        found = {}
        for riff in riffs:
            if riff.gone is None:
                with suppress(RiffBotError):
                    found[riff.id] = self._images.load_any_width(riff.image_ref)[::4, :512:4]
        return found


def _title(name: str) -> str:
    """Return a file's name as the prompt of its riff, changed if it is no valid prompt."""
    try:
        parse(name)
    except PromptError:
        return prompt_from_filename(name)
    return name
