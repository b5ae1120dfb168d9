"""The samplers by name, behind one small interface; all but `flow` are diffusers' own.

`ddim` (Song 2020) is Riffusion's, `dpm++` is DPM-Solver++ 2M on Karras' noise levels (Lu 2022,
Karras 2022), `lcm` is for checkpoints distilled by latent consistency (Luo 2023), `flow` is
DPM-Solver++ 2M for models trained as rectified flow (Liu 2022). The others that Riffusion offered
are there for its checkpoints: `pndm` (Liu 2022), and of Karras' family `euler`, `euler_a` (with
fresh noise at every step) and `lms` (linear multistep).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, get_args

import torch

from riffbot.errors import BadRequest, shorten
from riffbot.inference.models.flow_sampler import Draw, FlowSampler
from riffbot.inference.models.model import ModelCard, SchedulerName

_ALIASES: dict[str, SchedulerName] = {
    "dpm": "dpm++",
    "dpmsolvermultistep": "dpm++",
    "plms": "pndm",
    "k_euler": "euler",
    "eulerdiscrete": "euler",
    "euler_ancestral": "euler_a",
    "k_euler_a": "euler_a",
    "k_euler_ancestral": "euler_a",
    "eulerancestraldiscrete": "euler_a",
    "k_lms": "lms",
    "lmsdiscrete": "lms",
}
"""Other names in use: those of Stable Diffusion's tools, and the classes that Riffusion lists."""

LCM_STEPS = 50
"""LCM walks a subset of the steps it was distilled on, which were 50."""

NAMES: tuple[SchedulerName, ...] = get_args(SchedulerName)

DIFFUSION = tuple(name for name in NAMES if name != "flow")
"""For checkpoints that were trained to remove noise, as Stable Diffusion v1 was."""


def suitable(config: Mapping[str, Any]) -> tuple[SchedulerName, ...]:
    """The samplers that can drive a denoiser which came with this scheduler config."""
    if config.get("prediction_type") == "flow_prediction" or config.get("use_flow_sigmas"):
        return ("flow",)
    return DIFFUSION


def canonical(name: str) -> str:
    """The name that recipes keep; one that nobody knows stays as it is, for `check` to refuse."""
    plain = "_".join(name.strip().lower().replace("-", "_").split()).removesuffix("scheduler")
    return plain if plain in NAMES else _ALIASES.get(plain, name)


def check(name: str, steps: int, card: ModelCard) -> None:
    """Raise BadRequest if the model cannot be sampled this way; the sentence lists what it can."""
    if name not in card.schedulers:
        raise BadRequest(
            f"{card.name} cannot be sampled with “{shorten(name, 64)}”; it supports "
            f"{', '.join(card.schedulers)}."
        )
    if name == "lcm" and steps > LCM_STEPS:
        raise BadRequest(f"The lcm scheduler takes at most {LCM_STEPS} steps, not {steps}.")


class Sampler(Protocol):
    """One run from noise to latents. Single use: it remembers the steps that were taken.

    Attributes:
        from_noise: the run begins with nothing but noise.
    """

    from_noise: bool

    def __len__(self) -> int:
        """Steps to run."""

    def timestep(self, step: int) -> torch.Tensor:
        """The timestep that the denoiser is conditioned on at step 0 … len-1."""

    def initial_latents(self, noise: torch.Tensor) -> torch.Tensor:
        """Latents of nothing but noise, as the whole way begins with them."""

    def add_noise(self, clean: torch.Tensor, noise: torch.Tensor, step: int) -> torch.Tensor:
        """Clean latents at the noise level before step 0 … len (len: clean again)."""

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


def open_sampler(
    name: SchedulerName,
    config: Mapping[str, Any],
    *,
    steps: int,
    start: int,
    device: torch.device,
) -> Sampler:
    """Begin a run.

    Args:
        name: which sampler.
        config: the scheduler config of the model's folder.
        steps: steps of the whole way.
        start: steps to skip, 0 … steps-1.
        device: where the latents are.
    """
    if name == "flow" and FlowSampler.suits(config):
        return FlowSampler(config, steps=steps, start=start, device=device)
    from riffbot.inference.models.stock_sampler import StockSampler  # noqa: PLC0415  # seconds

    return StockSampler(name, config, steps=steps, start=start, device=device)
