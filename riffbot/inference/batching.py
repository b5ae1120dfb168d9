"""What a resolved request will cost the denoiser, and with whom it may share a batch.

No torch here: the queue asks these questions on the event loop.
"""

from __future__ import annotations

from collections.abc import Hashable

from riffbot.request import RiffRequest


def denoising_of(request: RiffRequest) -> float:
    """How far the clip leaves its seed image, 0 … 1, at the request's place between its ends."""
    if request.seed_image is None:
        return 1.0  # nothing to keep
    if request.target is None:
        return request.denoising
    return request.denoising + request.alpha * (request.target.denoising - request.denoising)


def steps_to_run(request: RiffRequest) -> int:
    """Denoising steps that a resolved request takes.

    All of them at denoising 1, none at 0, where the seed image is the answer; anything between
    takes at least one.
    """
    steps = request.steps or 0
    denoising = denoising_of(request)
    return max(1, round(steps * denoising)) if denoising > 0 else 0


def batch_key(request: RiffRequest) -> Hashable:
    """Equal for resolved requests that `Pipeline.run` computes together."""
    return (
        request.width,
        request.scheduler,
        request.steps,
        steps_to_run(request),
        request.guidance != 1.0,
    )
