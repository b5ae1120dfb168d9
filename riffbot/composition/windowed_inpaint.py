"""Fills a canvas window by window, and builds the clip of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np

from audio.arrays import Pixels
from riffbot.composition.canvas import Canvas, Window
from riffbot.harmony import NO_HARMONY, ChordLayout, HarmonyText
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.regions import BEATS
from riffbot.request import HALFWAY, MAX_SEED, RiffRequest
from riffbot.tempo import is_waltz

Submit = Callable[[RiffRequest, int, int], Awaitable[GeneratedRiff]]
"""Makes one picture, given its request, its number from 0 and the number of pictures."""


async def paint(
    canvas: Canvas,
    base: RiffRequest,
    images: Images,
    submit: Submit,
    alpha: Callable[[float], float],
    *,
    until: int | None = None,
    before: int = 0,
    like: str | None = None,
    arrival: HarmonyText = NO_HARMONY,
) -> list[GeneratedRiff]:
    """Fill a canvas window by window; each has a seed of its own, and its part of the chords.

    Args:
        alpha: maps a window's middle column to its place between the request and its target.
        until: the columns from this one on are finished and kept.
        before: how many pictures were made before these.
        like: the picture whose measure the windows have; None takes it from the prompt.
        arrival: key and chords of the target, which hold from the middle of the way on.
    """
    meter = await asyncio.to_thread(find_meter, base, images, like)
    plan = [w for w in canvas.windows() if until is None or w.begin < until]
    riffs = []
    for number, window in enumerate(plan):
        shown, region = canvas.visible(window)
        if until is not None and window.start + window.width > until:
            region = replace(region, end=until - window.start)
            window = replace(window, end=min(window.end, until))  # noqa: PLW2901
        turn = canvas.rotation(window)
        region = region.shifted(turn, window.width)
        with images.lend(np.roll(shown, turn, axis=1), like=like) as ref:
            request = base.with_changes(
                seed_image=ref,
                mask=region.name,
                seed=(base.seed + before + number) % (MAX_SEED + 1),
                alpha=alpha((window.begin + window.end) / 2),
            )
            begins = canvas.origin
            if arrival != NO_HARMONY and request.alpha >= HALFWAY:
                request = request.with_changes(key=arrival.key, chords=arrival.chords)
                begins = begins if until is None else until
            request = place_chords(request, canvas, window, meter=meter, begins=begins)
            riff = await submit(request, before + number, before + len(plan))
        canvas.add(window, np.roll(riff.image, -turn, axis=1))
        riffs.append(riff)
    return riffs


def find_meter(request: RiffRequest, images: Images, like: str | None) -> int:
    """Beats a measure of what is painted, as the model's beat grid has them. Reads files."""
    waltz = None if like is None else images.waltz(like)
    return 3 if (is_waltz(request.prompt) if waltz is None else waltz) else BEATS


def place_chords(
    request: RiffRequest, canvas: Canvas, window: Window, *, meter: int, begins: int
) -> RiffRequest:
    """A window's request with the chords that sound in it.

    Args:
        meter: beats a measure.
        begins: the column, in playing order, at which the progression begins.
    """
    harmony = request.find_harmony()
    if request.bpm is None or not harmony.measures:
        return request
    layout = ChordLayout(harmony, request.bpm, meter, origin=begins)
    start = canvas.playing_start(window)
    chords = layout.chords_of(start, window.width, canvas.rotation(window))
    return request if chords is None else request.with_changes(chords=chords)


def combine_riffs(
    request: RiffRequest, picture: Pixels, riffs: list[GeneratedRiff]
) -> GeneratedRiff:
    """Build the clip of several pictures; the model filled in the same fields in all of them.

    Where it was told the chords, the clip's request has all of them and not one window's.
    """
    first = riffs[0]
    said = request.find_harmony_text()
    resolved = request.with_changes(
        key=first.request.key and said.key,
        chords=first.request.chords and said.chords,
        guidance=first.request.guidance,
        steps=first.request.steps,
        scheduler=first.request.scheduler,
        bpm=first.request.bpm,
        width=first.request.width,
    )
    timings = {name: sum(r.timings.get(name, 0.0) for r in riffs) for name in first.timings}
    return GeneratedRiff(
        resolved, picture, first.model_name, first.model_hash, timings, first.batch
    )


def load_loop(request: RiffRequest, images: Images) -> tuple[Pixels, float | None]:
    """Load the seed image of a request and its tempo, if it has one."""
    assert request.seed_image is not None
    return images.load(request.seed_image), request.bpm or images.tempo(request.seed_image)
