"""Four samplers behind one small face, all of them diffusers' own.

`ddim` (Song 2020) is Riffusion's, `dpm++` is DPM-Solver++ 2M on Karras' noise levels (Lu 2022,
Karras 2022), `lcm` is for checkpoints distilled by latent consistency (Luo 2023), `flow` is
DPM-Solver++ 2M for models trained as rectified flow (Liu 2022).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, LCMScheduler

from riffbot.errors import BadRequest
from riffbot.inference.model import ModelCard, SchedulerName

Draw = Callable[[], torch.Tensor]
"""Gives fresh noise of the latents' shape, on their device."""

_CLASSES: dict[SchedulerName, type] = {
    "ddim": DDIMScheduler,
    "dpm++": DPMSolverMultistepScheduler,
    "lcm": LCMScheduler,
    "flow": DPMSolverMultistepScheduler,
}
_SETTINGS: dict[SchedulerName, dict[str, object]] = {
    "ddim": {"clip_sample": False},
    "dpm++": {"algorithm_type": "dpmsolver++", "solver_order": 2, "use_karras_sigmas": True},
    "lcm": {"clip_sample": False},
    "flow": {
        "algorithm_type": "dpmsolver++",
        "solver_order": 2,
        "prediction_type": "flow_prediction",
        "use_flow_sigmas": True,
        "final_sigmas_type": "zero",
    },
}
LCM_STEPS = 50
"""LCM walks a subset of the steps it was distilled on, which were 50."""


def suitable(config: Mapping[str, Any]) -> tuple[SchedulerName, ...]:
    """The samplers that can drive a denoiser which came with this scheduler config."""
    if config.get("prediction_type") == "flow_prediction" or config.get("use_flow_sigmas"):
        return ("flow",)
    return ("ddim", "dpm++", "lcm")


def check(name: str, steps: int, card: ModelCard) -> None:
    """Raise BadRequest if the model cannot be sampled this way; the sentence lists what it can."""
    if name not in card.schedulers:
        raise BadRequest(
            f"{card.name} cannot be sampled with “{name}”; it supports "
            f"{', '.join(card.schedulers)}."
        )
    if name == "lcm" and steps > LCM_STEPS:
        raise BadRequest(f"The lcm scheduler takes at most {LCM_STEPS} steps, not {steps}.")


class Sampler:
    """One run from noise to latents. Single use: diffusers' schedulers keep state.

    Args:
        name: which sampler.
        config: the scheduler config of the model's folder.
        steps: steps of the whole way.
        start: steps to skip, 0 … steps-1.
        device: where the latents are.
    """

    def __init__(
        self,
        name: SchedulerName,
        config: Mapping[str, Any],
        *,
        steps: int,
        start: int,
        device: torch.device,
    ) -> None:
        self._name = name
        self._scheduler = _build(name, config)
        self._scheduler.set_timesteps(steps, device=device)
        self._start = start
        self._levels = self._all_levels()
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(start)

    def __len__(self) -> int:
        """Steps to run."""
        return len(self._scheduler.timesteps) - self._start

    def timestep(self, step: int) -> torch.Tensor:
        """What the denoiser is told about step 0 … len-1."""
        timestep: torch.Tensor = self._scheduler.timesteps[self._start + step]
        return timestep

    def noised(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """Clean latents at the noise level before step 0 … len (len: clean again)."""
        signal, sigma = self._levels[self._start + step]
        return signal * clean + sigma * noise

    def step(
        self, output: torch.Tensor, step: int, latents: torch.Tensor, draw: Draw
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step.

        Args:
            output: what the denoiser said, guided.
            step: 0 … len-1, in order.
            latents: float32[N, C, H, W] before the step.
            draw: asked for noise by samplers that add some (lcm).

        Returns:
            The latents after the step, and the clean latents as foreseen from here.
        """
        timestep = self.timestep(step)
        if self._name == "ddim":
            taken = self._scheduler.step(output, timestep, latents)
            return taken.prev_sample, taken.pred_original_sample
        if self._name == "lcm":
            # The scheduler would draw its noise from one generator for the whole batch; its
            # answer before that noise, and noise of each image's own, give the same step.
            taken = self._scheduler.step(output, timestep, latents, torch.Generator(output.device))
            last = step == len(self) - 1
            after = taken.denoised if last else self.noised(taken.denoised, draw(), step + 1)
            return after, taken.denoised
        taken = self._scheduler.step(output, timestep, latents)
        return taken.prev_sample, self._scheduler.model_outputs[-1]

    def _all_levels(self) -> list[tuple[float, float]]:
        """Signal and noise before each step, and after the last."""
        scheduler = self._scheduler
        if self._name == "flow":
            return [(1 - float(sigma), float(sigma)) for sigma in scheduler.sigmas]
        if self._name == "dpm++":
            signals = [float((1 + sigma**2) ** -0.5) for sigma in scheduler.sigmas]
        else:
            kept = scheduler.alphas_cumprod[scheduler.timesteps.cpu()]
            signals = [*(float(alpha) for alpha in kept.sqrt()), 1.0]
        return [(signal, (1 - signal**2) ** 0.5) for signal in signals]


def _build(name: SchedulerName, config: Mapping[str, Any]) -> Any:
    """The scheduler with those of the model's settings that it knows, and with ours."""
    kind = _CLASSES[name]
    known = inspect.signature(kind).parameters
    kept = {key: value for key, value in config.items() if key in known}
    return kind(**{**kept, **_SETTINGS[name]})
