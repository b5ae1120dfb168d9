"""Outpainting: extends a clip by whole measures, forward or backward."""

from __future__ import annotations

import asyncio

from audio.arrays import Pixels
from audio.columns import COLUMNS_PER_MINUTE, COLUMNS_PER_SECOND, columns_of_beats, seconds_of
from audio.mel import N_MELS
from riffbot.composition.canvas import WIDE, WINDOW, Canvas
from riffbot.composition.windowed_inpaint import Submit, combine_riffs, load_loop, paint
from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.regions import BEATS
from riffbot.request import MAX_COLUMNS, Extend, RiffRequest
from riffbot.tempo import MAX_WIDTH


def extended_columns(
    width: int,
    bpm: float | None,
    *,
    seconds: float | None = None,
    bars: int | None = None,
    meter: int = BEATS,
) -> int:
    """Compute the length of an extended clip in columns: its own and whole measures more.

    Args:
        width, bpm: of the clip; without a tempo it is extended by multiples of its own length.
        seconds: the length of the result, or
        bars: how many measures to add.
        meter: beats a measure.

    Raises:
        BadRequest: the result would not be longer, or longer than six minutes.
    """
    bar = columns_of_beats(meter, bpm) if bpm else float(width)
    if bars is None:
        if seconds is None or not 0 < seconds < float("inf"):
            raise BadRequest("Say how long it shall become, for example 60 seconds.")
        bars = max(0, round((seconds * COLUMNS_PER_SECOND - width) / bar))
    if bars < 1:
        raise BadRequest(
            f"The clip lasts {seconds_of(width):g} s already; the least that can be added is one "
            f"measure, {seconds_of(bar):.2f} s."
        )
    columns = width + round(bars * bar)
    if columns > MAX_COLUMNS:
        raise BadRequest(f"A clip lasts {MAX_COLUMNS // COLUMNS_PER_MINUTE} minutes at most.")
    return columns


async def extend(
    request: RiffRequest, piece: Extend, images: Images, submit: Submit
) -> GeneratedRiff:
    """Extend a clip, window by window, and return the whole.

    Raises:
        BadRequest: the result would not be longer, or its picture is no spectrogram.
        NotFound: the picture is gone.
    """
    assert request.seed_image is not None
    start, bpm, loop = await asyncio.to_thread(load_start, request, piece, images)
    check_longer(piece, start.shape[1])
    # Backward, the canvas is mirrored; the pictures that the model is given are not.
    canvas = Canvas(piece.columns, start, loop=loop, backward=piece.backward)
    base = request.with_changes(piece=None, seed_image=None, mask=None, bpm=bpm, width=None)
    like = request.seed_image
    riffs = await paint(canvas, base, images, submit, lambda _: 0.0, like=like)
    return combine_riffs(request, canvas.picture, riffs)


def check_longer(piece: Extend, columns: int) -> None:
    """Raise BadRequest if a clip of `columns` is not shorter than the result."""
    if piece.columns <= columns:
        raise BadRequest(
            f"The clip lasts {seconds_of(columns):g} s already: extend it beyond that."
        )


def load_start(
    request: RiffRequest, piece: Extend, images: Images
) -> tuple[Pixels, float | None, Pixels | None]:
    """Load the picture to extend and its tempo; of a long one also the loop to continue with."""
    assert request.seed_image is not None
    start = images.load_any_width(request.seed_image)
    if start.shape[1] <= MAX_WIDTH:
        return *load_loop(request, images), None
    if start.shape[0] != N_MELS or start.shape[1] > MAX_COLUMNS:
        raise BadRequest(
            f"A picture of {start.shape[1]} × {start.shape[0]} pixels is no spectrogram of "
            f"{N_MELS} rows and {MAX_COLUMNS // COLUMNS_PER_MINUTE} minutes at most."
        )
    bpm = request.bpm or images.tempo(request.seed_image)
    bar = columns_of_beats(images.meter(request.seed_image), bpm) if bpm else float(WINDOW)
    # As many measures as are closest to whole columns: the loop is repeated for minutes.
    bars = min(range(1, max(1, int(WIDE / bar)) + 1), key=lambda n: abs(n * bar - round(n * bar)))
    width = round(bars * bar)
    return start, bpm, start[:, :width] if piece.backward else start[:, -width:]
