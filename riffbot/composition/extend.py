"""Outpainting: a loop, or a song, goes on by whole measures, forward or backward."""

from __future__ import annotations

import asyncio

from audio.arrays import Pixels
from audio.mel import N_MELS
from audio.pixels import COLUMNS_PER_MINUTE, COLUMNS_PER_SECOND, seconds_of
from riffbot.composition.canvas import WIDE, WINDOW, Canvas
from riffbot.composition.windowed_inpaint import Submit, combine_riffs, load_loop, paint
from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.regions import BEATS
from riffbot.request import MAX_COLUMNS, Extend, RiffRequest
from riffbot.tempo import WIDEST


def extended_columns(
    width: int,
    bpm: float | None,
    *,
    seconds: float | None = None,
    bars: int | None = None,
    meter: int = BEATS,
) -> int:
    """How long an extended clip becomes, in columns: its own length and whole measures more.

    Args:
        width, bpm: of the clip; without a tempo it grows by whole repetitions of itself.
        seconds: the length wanted, or
        bars: how many measures to add.
        meter: beats a measure.

    Raises:
        BadRequest: that is no longer than the clip, or longer than six minutes.
    """
    bar = meter * COLUMNS_PER_MINUTE / bpm if bpm else float(width)
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
    assert request.seed_image is not None
    start, bpm, loop = await asyncio.to_thread(load_start, request, piece, images)
    check_longer(piece, start.shape[1])
    # Backward is forward in a mirror, all but what the model sees.
    canvas = Canvas(piece.columns, start, loop=loop, backward=piece.backward)
    base = request.but(piece=None, seed_image=None, mask=None, bpm=bpm, width=None)
    like = request.seed_image
    riffs = await paint(canvas, base, images, submit, lambda _: 0.0, like=like)
    return combine_riffs(request, canvas.picture, riffs)


def check_longer(piece: Extend, columns: int) -> None:
    """Raises BadRequest where a clip of so many columns is as long already."""
    if piece.columns <= columns:
        raise BadRequest(
            f"The clip lasts {seconds_of(columns):g} s already: extend it beyond that."
        )


def load_start(
    request: RiffRequest, piece: Extend, images: Images
) -> tuple[Pixels, float | None, Pixels | None]:
    """What is extended, its tempo, and the loop on which it goes on where it is a song."""
    assert request.seed_image is not None
    start = images.load_any_width(request.seed_image)
    if start.shape[1] <= WIDEST:
        return *load_loop(request, images), None
    if start.shape[0] != N_MELS or start.shape[1] > MAX_COLUMNS:
        raise BadRequest(
            f"A picture of {start.shape[1]} × {start.shape[0]} pixels is no spectrogram of "
            f"{N_MELS} rows and {MAX_COLUMNS // COLUMNS_PER_MINUTE} minutes at most."
        )
    bpm = request.bpm or images.tempo(request.seed_image)
    bar = images.meter(request.seed_image) * COLUMNS_PER_MINUTE / bpm if bpm else float(WINDOW)
    # As many measures as come out at whole columns best: the loop goes round for minutes.
    bars = min(range(1, max(1, int(WIDE / bar)) + 1), key=lambda n: abs(n * bar - round(n * bar)))
    width = round(bars * bar)
    return start, bpm, start[:, :width] if piece.backward else start[:, -width:]
