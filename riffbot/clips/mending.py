"""Makes the lost files of riffs again: from the picture, or with the model from the request."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from audio.errors import AudioError
from audio.image import decode_image
from riffbot.clips.clip import render_clip
from riffbot.clips.replay import Replayer
from riffbot.errors import RiffBotError, StorageError
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author
from riffbot.rendering import Rendered

OWNER = Author(0, "the owner")
"""For whom pictures are made again: the person at this machine."""


@dataclass(frozen=True)
class Remade:
    """What was made again of a riff.

    Attributes:
        columns: those of `png`, `mp3` and `picture` whose files are there again.
        why_not: a sentence for those that are not; empty if all are.
    """

    columns: tuple[str, ...]
    why_not: str = ""


class Remaker:
    """Makes lost files again under their names.

    A picture must be the same to the byte, since remixes and files refer to it by its hash. Sound
    and plot may be encoded a little differently by another version of a codec: the riff then refers
    to the new file.
    """

    def __init__(
        self, library: Library, replayer: Replayer, images: Images, loudness_lufs: float
    ) -> None:
        self._library = library
        self._replayer = replayer
        self._images = images
        self._loudness_lufs = loudness_lufs

    async def remake(self, riff_id: str, lost: set[str]) -> Remade:
        """Make the lost files of a riff again, where that is possible.

        Args:
            riff_id: of the riff.
            lost: those of `png`, `mp3` and `picture` that are absent or damaged.
        """
        try:
            stored = await self._library.riffs.get(riff_id)
            riff = await self._generated(stored, is_lost="png" in lost)
            rendered = await asyncio.to_thread(
                render_clip, riff, self._images, loudness_lufs=self._loudness_lufs
            )
            return await self._store(stored, rendered, lost)
        except RiffBotError as error:
            return Remade((), str(error))
        except AudioError as error:
            return Remade((), f"its picture cannot be read: {error}")

    async def restore_sources(self, riff_id: str) -> str:
        """Make the pictures again that a riff starts from; returns why not, or an empty text."""
        try:
            stored = await self._library.riffs.get(riff_id)
            png = await asyncio.to_thread(self._library.files.read, stored.png)
            recipe = await asyncio.to_thread(self._replayer.read_recipe, png)
            return (await self._replayer.restore_sources(recipe, author=OWNER)).differs or ""
        except RiffBotError as error:
            return str(error)

    async def _generated(self, stored: StoredRiff, *, is_lost: bool) -> GeneratedRiff:
        if is_lost:
            return await self._replayer.replay(stored.id)
        png = await asyncio.to_thread(self._library.files.read, stored.png)
        pixels = (await asyncio.to_thread(decode_image, png)).pixels
        return GeneratedRiff(
            stored.request, pixels, stored.model_name, stored.model_hash, {}, batch=stored.batch
        )

    async def _store(self, stored: StoredRiff, rendered: Rendered, lost: set[str]) -> Remade:
        """Store what is the same, or sounds and looks the same."""
        files = self._library.files
        if hashlib.sha256(rendered.png).hexdigest() != stored.png:
            raise StorageError(
                "it comes out a little different here, so only a backup has the same"
            )
        made = []
        if "png" in lost:
            await asyncio.to_thread(files.put, rendered.png, ".png")
            made.append("png")
        for column, data, suffix in (
            ("mp3", rendered.mp3, ".mp3"),
            ("picture", rendered.plot, ".png"),
        ):
            if column not in lost:
                continue
            digest = await asyncio.to_thread(files.put, data, suffix)
            if digest != getattr(stored, column):
                await self._library.riffs.replace_file(stored.id, column, digest)
            made.append(column)
        return Remade(tuple(made))
