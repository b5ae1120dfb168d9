"""Longer and mixed clips: outpainting, morphs between two riffs, layers.

Clips are joined as pictures, before there is any sound. The model is given a window that begins
with columns which are final and masked; the new columns are painted to fit them, and one phase
reconstruction over the whole picture leaves no audible seam (Riffusion's clips, joined as sound,
have one every five seconds).

New columns start from the loop that the clip began with, at the same place of its measure, and
are repainted from there with the request's `denoising`. This keeps the tempo for minutes: no
window derives it from the one before.
"""

from __future__ import annotations

import asyncio

from riffbot.composition.canvas import windows
from riffbot.composition.extend import extend, extended_columns
from riffbot.composition.layer import check_tempos, layer, mix_pixels
from riffbot.composition.morph import morph
from riffbot.composition.plan import plan_requests
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
    "plan_requests",
    "windows",
]


async def compose(request: RiffRequest, images: Images, submit: Submit) -> GeneratedRiff:
    """Make the clip of a request, of one picture or, with a `piece`, of many.

    Args:
        request: the request; the model fills its fields that are None.
        images: the images of the pipeline behind `submit`: unfinished pictures are lent to it.
        submit: makes the single pictures, one after the other.

    Returns:
        The clip; its request is resolved, and composes to the same picture again.

    Raises:
        BadRequest: the pictures do not fit together.
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
