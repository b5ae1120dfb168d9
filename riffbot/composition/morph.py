"""Morphs between two riffs or prompts, as one clip."""

from __future__ import annotations

import asyncio

import numpy as np

from audio.arrays import Pixels
from audio.columns import COLUMNS_PER_MINUTE, seconds_of
from riffbot.composition.canvas import WINDOW, Canvas, Window, window_width, windows
from riffbot.composition.time_stretch import column_blocks, resample_columns, stretch_to
from riffbot.composition.windowed_inpaint import Submit, combine_riffs, load_loop, paint
from riffbot.errors import BadRequest
from riffbot.harmony import NO_HARMONY, HarmonyText
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.request import MAX_COLUMNS, Morph, RiffRequest

MIN_CLIPS_BETWEEN_RIFFS = 3
"""Both ends are clips themselves; what is between them is painted."""


async def morph(
    request: RiffRequest, piece: Morph, images: Images, submit: Submit
) -> GeneratedRiff:
    """Make a morph, window by window, and return it as one clip.

    Raises:
        BadRequest: it would be longer than six minutes.
        NotFound: a picture that it starts from is gone.
    """
    base = request.with_changes(piece=None, alpha=0.0)
    steps = request.steps
    riffs: list[GeneratedRiff] = []
    if piece.image is None and piece.whole and request.seed_image is not None:
        start, bpm = await asyncio.to_thread(load_loop, request, images)
        finish = None
    elif piece.image is None:
        # The first clip is generated, and every other is a variation of it.
        total = 1 + len(_later_windows(piece, request, images))
        riffs.append(await submit(base, 0, total))
        start, finish = riffs[0].image, None
        bpm = riffs[0].request.bpm
        steps = riffs[0].request.steps  # all pictures have as many: the recipe names one number
    else:
        start, bpm, finish = await asyncio.to_thread(load_ends, request, piece, images)
    width = start.shape[1]
    check_length(piece, width)
    columns = piece.clips * width
    canvas = Canvas(columns, start, ground=_ground(start, finish, columns))
    until = None
    if finish is not None:
        until = columns - width
        canvas.place(until, stretch_to(finish, width))

    riffs += await paint(
        canvas,
        base.with_changes(seed_image=None, bpm=bpm, width=None, mask=None, steps=steps),
        images,
        submit,
        lambda middle: alpha_at(middle, width, columns),
        until=until,
        before=len(riffs),
        like=request.seed_image,
        arrival=HarmonyText(piece.key, piece.chords),
    )
    picture = canvas.picture
    if finish is not None and finish.shape[1] != width:
        picture = _glide(picture, width, finish)
    if all(riff.request.harmony == NO_HARMONY for riff in riffs):  # the model was told none
        request = request.with_changes(piece=piece.model_copy(update=NO_HARMONY._asdict()))
    return combine_riffs(request.with_changes(bpm=bpm), picture, riffs)


def check_clips_between_riffs(clips: int) -> None:
    """Raise BadRequest if a morph of so many clips has nothing between two riffs."""
    if clips < MIN_CLIPS_BETWEEN_RIFFS:
        raise BadRequest(
            "A walk between two riffs begins and ends with them: please ask for "
            f"{MIN_CLIPS_BETWEEN_RIFFS} clips or more."
        )


def check_length(piece: Morph, width: int) -> None:
    """Check how many clips of `width` columns a morph has.

    Raises:
        BadRequest: it is too long, or so short that there is nothing between its ends.
    """
    if piece.image is not None:
        check_clips_between_riffs(piece.clips)
    if piece.clips * width > MAX_COLUMNS:
        raise BadRequest(
            f"{piece.clips} clips of {seconds_of(width):g} s are too long: a walk lasts "
            f"{MAX_COLUMNS // COLUMNS_PER_MINUTE} minutes at most."
        )


def alpha_at(middle: float, width: int, columns: int) -> float:
    """The alpha of a window: its place between the morph's ends, 0 … 1.

    Args:
        middle: the window's middle column.
        width: columns of the first clip, whose alpha is 0, and of the last, whose alpha is 1.
        columns: length of the morph.
    """
    return float(np.clip((middle - width / 2) / (columns - width), 0, 1))


def _later_windows(piece: Morph, request: RiffRequest, images: Images) -> list[Window]:
    """The windows after the first clip, as far as they are known beforehand: for the progress."""
    width = request.width or WINDOW
    if request.seed_image is not None:
        width = images.load(request.seed_image).shape[1]
    return windows(width, piece.clips * width, window_width(width))


def load_ends(
    request: RiffRequest, piece: Morph, images: Images
) -> tuple[Pixels, float | None, Pixels]:
    """Load both riffs and the first one's tempo; the second is cut to as many beats."""
    assert request.seed_image is not None
    assert piece.image is not None
    start, finish = images.load(request.seed_image), images.load(piece.image)
    bpm = request.bpm or images.tempo(request.seed_image)
    other = piece.bpm or images.tempo(piece.image)
    if bpm and other:
        columns = round(start.shape[1] * bpm / other)
        finish = np.take(finish, np.arange(columns), axis=1, mode="wrap")
    return start, bpm, finish


def _ground(start: Pixels, finish: Pixels | None, columns: int) -> Pixels:
    """What a morph is painted over: its first clip, repeated, that fades into its last."""
    width = start.shape[1]
    at = np.arange(columns)
    ground = np.take(start, at, axis=1, mode="wrap")
    if finish is None:
        return ground
    share = np.clip((at - width) / max(1, columns - 2 * width), 0, 1)
    other = np.take(stretch_to(finish, width), at, axis=1, mode="wrap")
    for part in column_blocks(columns):
        mixed = ground[:, part] + share[part] * (
            other[:, part].astype(np.float64) - ground[:, part]
        )
        ground[:, part] = np.round(mixed)
    return ground


def _glide(picture: Pixels, width: int, finish: Pixels) -> Pixels:
    """Resample a morph's middle so that its tempo goes from that of its start to its end's."""
    middle = picture.shape[1] - 2 * width
    ratio = finish.shape[1] / width
    # Speed goes in a straight line from 1 to 1 / ratio: `at` is its integral.
    steps = max(1, round(middle * (1 + ratio) / 2))
    pace = np.linspace(1, 1 / ratio, steps)
    at = width + np.cumsum(pace) * middle / max(pace.sum(), 1e-9) - pace * middle / pace.sum()
    return np.concatenate([picture[:, :width], resample_columns(picture, at), finish], axis=1)
