"""Longer and mixed clips: outpainting, morphs between two riffs, layers.

Everything is joined as a picture, before there is any sound. A model sees a window that begins
with what stands already and must leave that alone; so what is new is painted to fit what was
there, and one phase reconstruction over the whole picture leaves no seam to hear (Riffusion's
clips, joined as sound, have one every five seconds).

What is new starts from the loop that the clip began with, at the same place of its measure, and
is repainted from there as far as `denoising` says. That is what keeps the tempo for minutes: no
window learns it from the one before.
"""

from __future__ import annotations

import asyncio

from riffbot.composition.canvas import windows
from riffbot.composition.extend import extend, extended_columns
from riffbot.composition.layer import check_tempos, layer, mix_pixels
from riffbot.composition.morph import morph
from riffbot.composition.plan import plan_pictures
from riffbot.composition.windowed_inpaint import Submit
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.request import Extend, Layer, Morph, RiffRequest

__all__ = [
    "Submit",
    "check_tempos",
    "compose",
    "extended_columns",
    "mix_pixels",
    "plan_pictures",
    "windows",
]


async def compose(request: RiffRequest, images: Images, submit: Submit) -> GeneratedRiff:
    """Make the clip of a request that has a `piece`.

    Args:
        request: its piece says how; what it leaves open is filled from the model.
        images: those of the pipeline behind `submit`: half-made pictures are lent to it.
        submit: makes the single pictures, one after the other.

    Returns:
        The clip; its request is resolved, and composes to the same picture again.

    Raises:
        BadRequest: the pictures cannot be brought together.
        RiffBotError: as `submit`.
    """
    match request.piece:
        case Extend():
            return await extend(request, request.piece, images, submit)
        case Morph():
            return await morph(request, request.piece, images, submit)
        case Layer():
            return await asyncio.to_thread(layer, request, request.piece, images)
        case None:
            return await submit(request, 0, 1)
