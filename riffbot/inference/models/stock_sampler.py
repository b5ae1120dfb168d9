"""The samplers that are diffusers' own classes, behind the interface of `schedulers.Sampler`.

Importing them takes seconds, so `schedulers.open_sampler` does it for the models that need one.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
)

from riffbot.inference.models.flow_sampler import Draw
from riffbot.inference.models.model import SchedulerName

_CLASSES: dict[SchedulerName, type] = {
    "ddim": DDIMScheduler,
    "dpm++": DPMSolverMultistepScheduler,
    "lcm": LCMScheduler,
    "flow": DPMSolverMultistepScheduler,
    "pndm": PNDMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler,
    "lms": LMSDiscreteScheduler,
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
    "pndm": {"skip_prk_steps": True},
    "euler": {},
    "euler_a": {},
    "lms": {},
}
_KARRAS: tuple[SchedulerName, ...] = ("euler", "euler_a", "lms")
"""Their latents are clean + sigma · noise, and the denoiser is shown them divided by √(1 + σ²)."""


class StockSampler:
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
        self.from_noise = start == 0
        if name in _KARRAS or name == "pndm":
            self._begin_at(start)
        self._levels = self._all_levels()
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self._start)

    def __len__(self) -> int:
        """Steps to run."""
        return len(self._scheduler.timesteps) - self._start

    def timestep(self, step: int) -> torch.Tensor:
        """The timestep that the denoiser is conditioned on at step 0 … len-1."""
        timestep: torch.Tensor = self._scheduler.timesteps[self._start + step]
        return timestep

    def initial_latents(self, noise: torch.Tensor) -> torch.Tensor:
        """Latents of nothing but noise, as the whole way begins with them."""
        if self._name not in _KARRAS:
            return noise
        scale: float = self._scheduler.init_noise_sigma / self._stretch(0)
        return noise * scale

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """Clean latents at the noise level before step 0 … len (len: clean again)."""
        signal, sigma = self._levels[self._start + step]
        return signal * clean + sigma * noise

    def step(
        self, output: torch.Tensor, step: int, latents: torch.Tensor, draw: Draw
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step.

        Args:
            output: the denoiser's guided prediction.
            step: 0 … len-1, in order.
            latents: float32[N, C, H, W] before the step.
            draw: asked for noise by samplers that add some (lcm, euler_a).

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
            after = taken.denoised if last else self.add_noise(taken.denoised, draw(), step + 1)
            return after, taken.denoised
        if self._name == "pndm":
            foreseen = self._foreseen(output, step, latents)
            return self._scheduler.step(output, timestep, latents).prev_sample, foreseen
        if self._name in _KARRAS:
            return self._karras_step(output, step, latents, draw)
        taken = self._scheduler.step(output, timestep, latents)
        return taken.prev_sample, self._scheduler.model_outputs[-1]

    def _karras_step(
        self, output: torch.Tensor, step: int, latents: torch.Tensor, draw: Draw
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A step in the scheduler's own scale, and back to unit variance."""
        sigma, after = self._scheduler.sigmas[step], self._scheduler.sigmas[step + 1]
        wide = latents * self._stretch(step)
        # euler_a would draw its noise from one generator for the whole batch, so its answer is
        # used for the foreseen picture alone and its formula is written out below.
        generator = {"generator": torch.Generator(output.device)} if self._noisy else {}
        taken = self._scheduler.step(output, self.timestep(step), wide, **generator)
        foreseen: torch.Tensor = taken.pred_original_sample
        moved: torch.Tensor = taken.prev_sample
        if self._noisy:
            up = (after**2 * (sigma**2 - after**2) / sigma**2) ** 0.5
            down = (after**2 - up**2) ** 0.5
            moved = wide + (wide - foreseen) / sigma * (down - sigma)
            if float(after) > 0:
                moved = moved + draw() * up
        return moved / self._stretch(step + 1), foreseen

    @property
    def _noisy(self) -> bool:
        return self._name == "euler_a"

    def _stretch(self, step: int) -> float:
        """√(1 + σ²) before a step: Karras' latents over latents of unit variance."""
        return float((1 + self._scheduler.sigmas[step] ** 2) ** 0.5)

    def _foreseen(self, output: torch.Tensor, step: int, latents: torch.Tensor) -> torch.Tensor:
        """The clean latents by what the denoiser said of these."""
        signal, sigma = self._levels[step]
        if self._scheduler.config.prediction_type == "v_prediction":
            return signal * latents - sigma * output
        return (latents - sigma * output) / signal

    def _begin_at(self, start: int) -> None:
        """Let the scheduler begin there as it would begin at the top.

        Multistep methods have no steps to look back at yet. diffusers' own tail of the way would
        weigh the first steps as if they had (lms), or leave out the second look that the first
        step of PNDM takes.
        """
        self._start = 0
        if self._name == "pndm":
            times = [int(t) for t in self._scheduler.timesteps]
            once = times[:1] + times[2:] if len(times) > 1 else times
            tail = once[start:]
            twice = [*tail[:2], *tail[1:]]
            kept = self._scheduler.timesteps
            self._scheduler.timesteps = torch.tensor(twice, dtype=kept.dtype, device=kept.device)
            return
        self._scheduler.timesteps = self._scheduler.timesteps[start:]
        self._scheduler.sigmas = self._scheduler.sigmas[start:]
        self._scheduler.is_scale_input_called = True  # by whoever keeps unit variance

    def _all_levels(self) -> list[tuple[float, float]]:
        """Signal and noise before each step, and after the last."""
        scheduler = self._scheduler
        if self._name == "flow":
            return [(1 - float(sigma), float(sigma)) for sigma in scheduler.sigmas]
        if self._name in ("dpm++", *_KARRAS):
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
