"""The spectrograms of whole riffs, computed from their sound one at a time and cached."""

from __future__ import annotations

import asyncio

from cachetools import LRUCache

from audio.arrays import Pixels
from riffbot.clips.sources import load_full_spectrogram
from riffbot.file_threads import run_in_file_thread
from riffbot.library.tables import StoredRiff
from riffbot.services import Services

CAPACITY = 8
"""Spectrograms that are cached; that of the longest excerpt of a jam, a minute, is 3 MB."""


class SpectrogramCache:
    """Caches the spectrograms of the riffs that were asked for last.

    Args:
        services: the library and its pictures.
        decode_lock: held while a sound is decoded.
    """

    def __init__(self, services: Services, decode_lock: asyncio.Semaphore) -> None:
        self._services = services
        self._decode_lock = decode_lock
        self._cached: LRUCache[str, Pixels] = LRUCache(CAPACITY)

    async def get(self, riff: StoredRiff) -> Pixels:
        """The spectrogram of a riff's whole sound: uint8[512, W].

        Raises:
            NotFound, StorageError: its files are gone.
        """
        async with self._decode_lock:
            if (cached := self._cached.get(riff.mp3)) is not None:
                return cached
            own, whole = await run_in_file_thread(self._compute, riff)
            if whole is not own:  # the riff's own picture is cached elsewhere
                self._cached[riff.mp3] = whole
            return whole

    def _compute(self, riff: StoredRiff) -> tuple[Pixels, Pixels]:
        own = self._services.clip_service.importer.load_picture(riff.image_ref)
        return own, load_full_spectrogram(own, self._services.library, riff)
