"""Noise that belongs to a seed: drawn on the CPU, one generator an image.

A clip must not depend on who shared its batch, nor on the device. So no generator is shared, and
none lives on an accelerator, whose random streams differ from card to card.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from riffbot.request import RiffRequest

NEARLY_PARALLEL = 0.9995
"""Above this cosine slerp divides by almost nothing; the straight line is the same there."""


def slerp(start: torch.Tensor, end: torch.Tensor, alpha: float) -> torch.Tensor:
    """Spherical linear interpolation from `start` (alpha 0) to `end` (alpha 1).

    Two Gaussian noises mixed linearly lose variance half-way, and a denoiser answers too little
    noise with mush; on the arc the variance stays (Shoemake 1985).

    Args:
        start, end: float tensors of one shape, taken as single vectors.
        alpha: 0 … 1; the ends are returned exactly.
    """
    if alpha <= 0:
        return start
    if alpha >= 1:
        return end
    cosine = torch.dot(start.flatten(), end.flatten()) / (start.norm() * end.norm())
    if cosine.abs() > NEARLY_PARALLEL:
        return torch.lerp(start, end, alpha)
    angle = torch.acos(cosine)
    from_start = torch.sin((1 - alpha) * angle)
    from_end = torch.sin(alpha * angle)
    return (from_start * start + from_end * end) / torch.sin(angle)


class Noise:
    """The endless stream of noise of one image: of its seed, or between two seeds."""

    def __init__(self, seed: int, target: int | None = None, alpha: float = 0.0) -> None:
        self._streams = [torch.Generator().manual_seed(s) for s in (seed, target) if s is not None]
        self._alpha = alpha

    def draw(self, shape: Sequence[int]) -> torch.Tensor:
        """The next standard normal float32 tensor of this stream, on the CPU."""
        drawn = [
            torch.randn(tuple(shape), generator=stream, dtype=torch.float32)
            for stream in self._streams
        ]
        return drawn[0] if len(drawn) == 1 else slerp(drawn[0], drawn[1], self._alpha)


def noise_of(request: RiffRequest) -> Noise:
    """The noise stream of a request: of its seed, or between its seed and its target's."""
    if request.target is None:
        return Noise(request.seed)
    return Noise(request.seed, request.target.seed, request.alpha)
