"""One pass instead of two: a denoiser learns another's answers under classifier-free guidance.

Distillation as in Meng et al. 2023, "On Distillation of Guided Diffusion Models", first stage: the
guidance scale becomes an input (`riffbot.inference.models.guidance_embedding`). At a scale of 1 the
teacher's own answer to the prompt is learnt, so that guidance in two passes, which a negative
prompt needs, goes on as before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.beats import scale_beats
from riffbot.inference.pipeline.planes import UNPROMPTED_BEAT, UNPROMPTED_HARMONY
from training.flow import Question, predict_velocity, weighted_error
from training.networks import build_denoiser, is_shown_guidance, reads_harmony

MAX_GUIDANCE = 8.0
"""The highest scale that is learnt."""
UNGUIDED = 0.15
"""Share of the samples at a scale of exactly 1; the others' logarithms are uniform."""


class GuidedTeacher:
    """A trained denoiser that answers with guidance, as the pipeline does.

    Args:
        checkpoint: of `training.denoiser`; its moving average is the teacher.
        empty: token states and prompt embedding of the empty caption, (1, …) each.

    Raises:
        ValueError: it is shown the guidance scale itself.
    """

    def __init__(
        self, checkpoint: Path, empty: tuple[Tensor, Tensor], device: torch.device
    ) -> None:
        held = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state = held["average"]
        if is_shown_guidance(state):
            raise ValueError(f"{checkpoint} was distilled already: name the one it learnt from")
        network = build_denoiser(
            held["latent_channels"], tuple(held["channels"]), harmony=reads_harmony(state)
        )
        network.load_state_dict(state)
        network.eval().requires_grad_(False)
        self._network: Any = network.to(device, memory_format=torch.channels_last)
        self._empty = empty

    @torch.no_grad()
    def predict(self, question: Question, guidance: Tensor) -> Tensor:
        """Its velocity at guidance scales (B,), float32 (B, C, rows, cells)."""
        count = len(question.s)
        halves = [
            (empty.expand(count, *empty.shape[1:]), shown)
            for empty, shown in zip(self._empty, question.conditioning, strict=True)
        ]
        states, gist = (torch.cat(both) for both in halves)
        both = Question(
            torch.cat([question.latents] * 2),
            torch.cat([unprompted(question.planes), question.planes]),
            (states, gist),
            torch.cat([question.s] * 2),
            torch.cat([question.noise] * 2),
        )
        without, with_prompt = predict_velocity(self._network, both).chunk(2)
        return without + guidance.view(-1, 1, 1, 1) * (with_prompt - without)


def unprompted(planes: Tensor) -> Tensor:
    """Planes (B, …, rows, cells) as the unconditional half of the guidance sees them."""
    beats, harmony = planes[:, :GRID_CHANNELS], planes[:, GRID_CHANNELS:]
    return torch.cat([scale_beats(beats, UNPROMPTED_BEAT), UNPROMPTED_HARMONY * harmony], dim=1)


def guidance_scales(count: int, generator: torch.Generator) -> Tensor:
    """Random scales (count,) from 1 to `MAX_GUIDANCE`."""
    dice, place = torch.rand(2, count, generator=generator)
    return torch.where(dice < UNGUIDED, 1.0, MAX_GUIDANCE**place)


def distillation_loss(
    network: Any,
    teacher: GuidedTeacher,
    question: Question,
    guidance: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    """Mean squared distance (B,) between one pass at `guidance` (B,) and the teacher's two.

    Divided by the scale: errors grow with it, and the highest scales would be most of what is
    learnt.
    """
    wanted = teacher.predict(question, guidance)
    answer = predict_velocity(network, question, guidance)
    return weighted_error(answer, wanted, weights) / guidance
