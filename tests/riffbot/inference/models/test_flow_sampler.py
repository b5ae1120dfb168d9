"""Our flow sampler is diffusers' DPMSolverMultistepScheduler, to the bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.inference.models.flow_sampler import FlowSampler
from riffbot.inference.models.schedulers import Sampler, open_sampler
from riffbot.inference.models.stock_sampler import StockSampler
from tests.support.tiny_models import FLOW

CPU = torch.device("cpu")


def run(sampler: Sampler, *, held: float | None) -> list[torch.Tensor]:
    """Sample with a denoiser that depends on everything; all that is answered on the way.

    Args:
        held: share of every step that a mask keeps of the seed image; None: there is no mask.
    """
    random = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(2, 4, 8, 8, generator=random) for _ in range(2))
    latents = sampler.initial_latents(noise)
    if not sampler.from_noise:
        latents = sampler.add_noise(clean, noise, 0)
    seen = []
    for step in range(len(sampler)):
        timestep = sampler.timestep(step)
        output = torch.tanh(0.7 * latents + timestep / 1000) - 0.3 * latents
        latents, foreseen = sampler.step(output, step, latents, lambda: noise)
        if held is not None:
            kept = sampler.add_noise(clean, noise, step + 1)
            latents = torch.lerp(kept, latents, torch.full((2, 1, 8, 8), held))
        seen += [timestep, output, latents, foreseen]
    return seen


def compare(config: dict[str, Any], steps: int, start: int, held: float | None = None) -> None:
    ours = open_sampler("flow", config, steps=steps, start=start, device=CPU)
    theirs = StockSampler("flow", config, steps=steps, start=start, device=CPU)
    assert isinstance(ours, FlowSampler)
    assert len(ours) == len(theirs) == steps - start
    assert ours.from_noise == theirs.from_noise
    found, expected = run(ours, held=held), run(theirs, held=held)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("steps", range(1, 51))
def test_every_number_of_steps_from_noise(steps: int) -> None:
    compare(FLOW, steps, 0)


@settings(deadline=None)
@given(st.data())
def test_every_start_with_and_without_a_mask(data: st.DataObject) -> None:
    steps = data.draw(st.integers(1, 60))
    start = data.draw(st.integers(0, steps - 1))
    compare(FLOW, steps, start, data.draw(st.sampled_from([None, 0.0, 0.4, 1.0])))


@pytest.mark.parametrize("changed", [{"flow_shift": 3.0}, {"num_train_timesteps": 500}])
def test_other_schedules(changed: dict[str, Any]) -> None:
    compare(FLOW | changed, 7, 0)
    compare(FLOW | changed, 7, 4)


@pytest.mark.parametrize("unusual", [{"solver_type": "heun"}, {"thresholding": True}])
def test_other_solvers_are_diffusers_own(unusual: dict[str, Any]) -> None:
    sampler = open_sampler("flow", FLOW | unusual, steps=4, start=0, device=CPU)
    assert isinstance(sampler, StockSampler)
