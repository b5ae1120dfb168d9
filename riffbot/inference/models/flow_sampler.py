"""DPM-Solver++ 2M (Lu 2022) for rectified flow (Liu 2022), as diffusers computes it.

diffusers' DPMSolverMultistepScheduler takes a second to import. With the config of a flow model it
does what is written out here, so results are equal to the bit
(`tests/riffbot/inference/models/test_flow_sampler.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

Draw = Callable[[], Tensor]
"""Gives fresh noise of the latents' shape, on their device."""

_ONLY: dict[str, Any] = {
    "solver_type": "midpoint",
    "thresholding": False,
    "use_beta_sigmas": False,
    "use_exponential_sigmas": False,
    "use_karras_sigmas": False,
    "use_lu_lambdas": False,
}
"""Settings of diffusers' class that matter to a flow, and the values that are implemented here."""


class FlowSampler:
    """One run from noise to latents (`schedulers.Sampler`), of a model trained as rectified flow.

    Args:
        config: the scheduler config of the model's folder.
        steps: steps of the whole way.
        start: steps to skip, 0 … steps-1.
        device: where the latents are.
    """

    def __init__(
        self, config: Mapping[str, Any], *, steps: int, start: int, device: torch.device
    ) -> None:
        trained, shift = config.get("num_train_timesteps", 1000), config.get("flow_shift", 1.0)
        even = 1.0 - np.linspace(1, 1 / trained, steps + 1)
        sigmas = np.flip(shift * even / (1 + (shift - 1) * even))[:-1].copy()
        timesteps = torch.from_numpy(sigmas * trained).to(device=device, dtype=torch.int64)
        self.from_noise = start == 0
        self._timesteps = timesteps[start:]
        self._sigmas = torch.from_numpy(np.append(sigmas, 0.0).astype(np.float32))[start:]
        self._before: Tensor | None = None

    @staticmethod
    def suits(config: Mapping[str, Any]) -> bool:
        """Whether diffusers' scheduler of this config would do the same as this class."""
        return all(config.get(key, value) == value for key, value in _ONLY.items())

    def __len__(self) -> int:
        """Steps to run."""
        return len(self._timesteps)

    def timestep(self, step: int) -> Tensor:
        """The timestep that the denoiser is conditioned on at step 0 … len-1."""
        return self._timesteps[step]

    def initial_latents(self, noise: Tensor) -> Tensor:
        """Latents of nothing but noise, as the whole way begins with them."""
        return noise

    def add_noise(self, clean: Tensor, noise: Tensor, step: int) -> Tensor:
        """Clean latents at the noise level before step 0 … len (len: clean again)."""
        sigma = float(self._sigmas[step])
        return (1 - sigma) * clean + sigma * noise

    def step(self, output: Tensor, step: int, latents: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
        """Take one step; steps are taken in order.

        Args:
            output: the denoiser's guided prediction, the velocity from clean to noise.
            step: 0 … len-1.
            latents: float32[N, C, H, W] before the step.
            draw: not asked, for this sampler adds no noise.

        Returns:
            The latents after the step, and the clean latents as foreseen from here.
        """
        sigma, after = self._sigmas[step], self._sigmas[step + 1]
        foreseen = latents - sigma * output
        h = _log_snr(after) - _log_snr(sigma)
        gain = (1 - after) * (torch.exp(-h) - 1.0)
        moved = (after / sigma) * latents - gain * foreseen
        if self._before is not None and step < len(self) - 1:  # the last step ends without noise
            ratio = (_log_snr(sigma) - _log_snr(self._sigmas[step - 1])) / h
            moved = moved - 0.5 * gain * ((1.0 / ratio) * (foreseen - self._before))
        self._before = foreseen
        return moved, foreseen


def _log_snr(sigma: Tensor) -> Tensor:
    """log(signal / noise), half the log of the signal-to-noise ratio."""
    return torch.log(1 - sigma) - torch.log(sigma)
