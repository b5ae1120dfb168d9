"""Loading a stored riff as the source of an edit, or as a canvas to paint on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from audio import codec, files
from audio.arrays import Pixels
from audio.columns import COLUMNS_PER_SECOND, columns_of, seconds_of
from riffbot.clips import edits
from riffbot.clips.edits import EditSource
from riffbot.clips.recipes import crop_recipe
from riffbot.clips.service import ClipService
from riffbot.images import Images
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.tempo import MAX_WIDTH


async def load_edit_source(
    clip_service: ClipService,
    images: Images,
    riff: StoredRiff,
    *,
    start_s: float = 0.0,
    whole: bool = False,
) -> EditSource:
    """Load a riff as the source of an edit, cropped to what one clip holds (unless `whole`).

    Args:
        start_s: where to begin, in seconds.
        whole: load all of it, however long.

    Raises:
        NotFound: the riff's picture is gone.
        BadRequest: the riff ends before `start_s`.
    """
    meter = await asyncio.to_thread(images.meter, riff.image_ref)

    harmony = edits.crop_harmony(riff.request, columns_of(start_s), meter=meter)

    def cut() -> tuple[str, int]:
        picture = clip_service.importer.load_picture(riff.image_ref)
        if whole or (picture.shape[1] <= MAX_WIDTH and start_s == 0):
            return riff.image_ref, picture.shape[1]
        part = edits.crop_to_measures(picture, riff.request.bpm, start_s=start_s, meter=meter)
        first, width = columns_of(start_s), part.shape[1]
        return clip_service.importer.store_picture(
            part, crop_recipe(images.recipe(riff.image_ref), first, first + width)
        ), width

    ref, width = await asyncio.to_thread(cut)
    prompt = source_prompt(riff)
    return EditSource(ref, width, riff.request.bpm, prompt, riff.id, meter, harmony)


@dataclass(frozen=True, eq=False)
class PaintCanvas:
    """The part of a riff's spectrogram that is painted on.

    Attributes:
        pixels: uint8[512, 64 … 2048], 255 silent.
        begins_s: where in the riff the canvas begins, in seconds.
        whole_s: the length of the riff's whole spectrogram, in seconds.
        meter: beats a measure.
        ref: the riff's own picture, if the canvas is the same.
    """

    pixels: Pixels
    begins_s: float
    whole_s: float
    meter: int
    ref: str | None = None


async def load_paint_canvas(
    clip_service: ClipService,
    images: Images,
    riff: StoredRiff,
    whole: Pixels,
    *,
    start_s: float = 0.0,
) -> PaintCanvas:
    """Load the spectrogram of a riff's sound from `start_s` on.

    An excerpt of a jam is longer than its own picture, which shows the last chunk only: its canvas
    is computed from its sound.

    Args:
        whole: the full spectrogram (`load_full_spectrogram`).
        start_s: where to begin, in seconds.

    Raises:
        NotFound: the riff's picture is gone.
        BadRequest: the riff ends before `start_s`.
    """
    meter = await asyncio.to_thread(images.meter, riff.image_ref)

    def load() -> PaintCanvas:
        own = clip_service.importer.load_picture(riff.image_ref)
        part = edits.crop_to_measures(whole, riff.request.bpm, start_s=start_s, meter=meter)
        return PaintCanvas(
            pixels=part,
            begins_s=start_s,
            whole_s=seconds_of(whole.shape[1]),
            meter=meter,
            ref=riff.image_ref if np.array_equal(part, own) else None,
        )

    return await asyncio.to_thread(load)


def load_full_spectrogram(own: Pixels, library: Library, riff: StoredRiff) -> Pixels:
    """Load the spectrogram of all of a riff's sound: uint8[512, W]. For a thread.

    Args:
        own: the riff's own picture.

    Raises:
        NotFound, StorageError: its sound is gone.
    """
    # An MP3 may be some samples longer.
    if riff.duration_s * COLUMNS_PER_SECOND <= own.shape[1] + 2:
        return own
    sound = files.read(library.files.read(riff.mp3))
    mono = sound.samples if sound.samples.ndim == 1 else sound.samples.mean(1)
    return codec.audio_to_image(mono, sound.sample_rate)


async def store_canvas(
    clip_service: ClipService, riff: StoredRiff, canvas: PaintCanvas
) -> EditSource:
    """Store a canvas's picture and return it as the source of an edit. Raises StorageError."""
    ref = canvas.ref
    if ref is None:
        ref = await asyncio.to_thread(clip_service.importer.store_picture, canvas.pixels)
    width = canvas.pixels.shape[1]
    harmony = edits.crop_harmony(riff.request, columns_of(canvas.begins_s), meter=canvas.meter)
    prompt = source_prompt(riff)
    return EditSource(ref, width, riff.request.bpm, prompt, riff.id, canvas.meter, harmony)


def source_prompt(riff: StoredRiff) -> str:
    """The prompt of a riff as the source of an edit; empty for an upload, which has a title."""
    return riff.prompt if riff.kind != "upload" else ""
