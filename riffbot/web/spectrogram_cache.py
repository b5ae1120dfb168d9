"""What riffs sound, as spectrograms: read out of their sound once, one at a time, and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from aiohttp import web

from audio.arrays import Pixels
from riffbot.clips.sources import load_full_spectrogram
from riffbot.file_turns import in_file_thread
from riffbot.library.models import StoredRiff
from riffbot.services import Services

KEPT = 8
"""Spectrograms that are remembered; that of the longest jam that is kept, a minute, is 3 MB."""

TURN = web.AppKey("turn", asyncio.Semaphore)
"""Pictures and sounds of the page's are read one at a time: a crowd of them shares one core."""


class Listening:
    """Knows the whole spectrograms of riffs.

    Args:
        services: the library and its pictures.
        turn: held while a sound is read.
    """

    def __init__(self, services: Services, turn: asyncio.Semaphore) -> None:
        self._services = services
        self._turn = turn
        self._kept: OrderedDict[str, Pixels] = OrderedDict()

    async def whole(self, riff: StoredRiff) -> Pixels:
        """The spectrogram of all that a riff sounds: uint8[512, W].

        Raises:
            NotFound, StorageError: its files are gone.
        """
        async with self._turn:
            if riff.mp3 in self._kept:
                self._kept.move_to_end(riff.mp3)
                return self._kept[riff.mp3]
            own, whole = await in_file_thread(self._look, riff)
            if whole is not own:  # which the pictures keep themselves
                self._kept[riff.mp3] = whole
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return whole

    def _look(self, riff: StoredRiff) -> tuple[Pixels, Pixels]:
        own = self._services.clip_service.importer.load_picture(riff.image_ref)
        return own, load_full_spectrogram(own, self._services.library, riff)
