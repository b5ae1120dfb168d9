"""What a resolved request will cost the denoiser, and with whom it may share a batch.

No torch here: the queue asks these questions on the event loop.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count

from riffbot.request import RiffRequest

DENOISING_TOLERANCE = 0.05
"""How far the share of the steps that is run may be from the denoising that was asked for."""

HEARD_UP_TO = 1 - DENOISING_TOLERANCE
"""The largest denoising at which something of the image must be kept."""

FINE_STEPS = 10
"""One step of so many or more is as little denoising as anybody needs."""


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
    return _steps_of(request.steps or 0, denoising_of(request))


def _steps_of(steps: int, denoising: float) -> int:
    return max(1, round(steps * denoising)) if denoising > 0 else 0


def choose_steps(request: RiffRequest, usual: int) -> int:
    """The steps of a request that names none, so that its denoising is kept with few of them.

    A clip from an image runs `round(steps * denoising)` of its steps, so with few steps only few
    values of the denoising can be told apart: with four, 0.9 would be 1 and the image lost. The
    number depends on the two ends of a morph, not on the place between them, so that all pictures
    of a piece have the same and its recipe can say it.

    Args:
        usual: the model's default, for a clip from text alone.

    Returns:
        The fewest steps, `usual` at least, with which the denoising of the request, and of its
        target, is within `DENOISING_TOLERANCE` of the share of the steps that is run.
    """
    if request.seed_image is None:
        return usual
    ends = [request.denoising]
    if request.target is not None:
        ends.append(request.target.denoising)
    if min(ends) <= HEARD_UP_TO < max(ends):
        ends.append(HEARD_UP_TO)  # on the way to an end that forgets the image
    return next(steps for steps in count(usual) if all(_can_keep(end, steps) for end in ends))


def _can_keep(denoising: float, steps: int) -> bool:
    run = _steps_of(steps, denoising)
    if run == 1 and steps >= FINE_STEPS:  # one step is the fewest, however small the denoising
        return True
    if run == steps and denoising <= HEARD_UP_TO:
        return False
    return abs(run / steps - denoising) <= DENOISING_TOLERANCE + 1e-9


def batch_key(request: RiffRequest) -> Hashable:
    """Equal for resolved requests that `Pipeline.run` computes together."""
    return (
        request.width,
        request.scheduler,
        request.steps,
        steps_to_run(request),
        request.guidance != 1.0,
    )
