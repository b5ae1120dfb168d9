"""The samplers against diffusers' own and against a denoiser that knows the answer."""

from __future__ import annotations

import inspect

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    LMSDiscreteScheduler,
    PNDMScheduler,
)

from riffbot.errors import BadRequest
from riffbot.inference.models.model import ModelCard, SchedulerName
from riffbot.inference.models.schedulers import Sampler, canonical, check, open_sampler, suitable
from riffbot.inference.models.sd_v1 import SCHEDULER
from tests.support.tiny_models import FLOW

CPU = torch.device("cpu")
ALL: list[SchedulerName] = ["ddim", "dpm++", "lcm", "flow", "pndm", "euler", "euler_a", "lms"]
ORIGINAL = {
    "pndm": PNDMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler,
    "lms": LMSDiscreteScheduler,
}


def sampler(name: SchedulerName, *, steps: int = 8, start: int = 0) -> Sampler:
    config = FLOW if name == "flow" else SCHEDULER
    return open_sampler(name, config, steps=steps, start=start, device=CPU)


def oracle(name: SchedulerName, start: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Sample with a denoiser that sees the clean latents: those, and what was foreseen of them."""
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    one, none = torch.tensor(1.0), torch.tensor(0.0)
    run = sampler(name, start=start)
    latents, seen = run.add_noise(clean, noise, 0), []
    for step in range(len(run)):
        within = latents - run.add_noise(one, none, step) * clean
        found = within / run.add_noise(none, one, step)
        output = found - clean if name == "flow" else found
        latents, foreseen = run.step(output, step, latents, lambda: torch.randn(2, 4, 8, 8))
        seen.append(foreseen)
    return clean, [*seen, latents]


@pytest.mark.parametrize("start", [0, 5])
@pytest.mark.parametrize("name", ALL)
def test_a_perfect_denoiser_gives_the_clean_latents(name: SchedulerName, start: int) -> None:
    clean, seen = oracle(name, start)
    # DDIM and LCM end a hair before zero noise, as their configs say.
    assert torch.allclose(seen[-1], clean, atol=0.15 if name in ("ddim", "lcm", "pndm") else 1e-3)
    # PNDM's first step is looked at twice.
    assert len(seen) == 8 - start + (2 if name == "pndm" else 1)
    assert torch.allclose(seen[-2], clean, atol=0.15)


@pytest.mark.parametrize("name", ALL)
def test_noise_falls_from_step_to_step(name: SchedulerName) -> None:
    run, one, none = sampler(name), torch.tensor(1.0), torch.tensor(0.0)
    sigmas = [float(run.add_noise(none, one, step)) for step in range(len(run) + 1)]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas[0] > 0.9
    assert sigmas[-1] == 0
    assert float(run.add_noise(one, none, len(run))) == 1


@pytest.mark.parametrize("kind", [DDIMScheduler, LCMScheduler])
def test_noise_levels_are_the_schedulers_own(kind: type) -> None:
    name: SchedulerName = "ddim" if kind is DDIMScheduler else "lcm"
    run = sampler(name, steps=8, start=3)
    own = kind(**{k: v for k, v in SCHEDULER.items() if k[0] != "_" and k != "skip_prk_steps"})
    clean, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    for step in (0, 4):
        expected = own.add_noise(clean, noise, run.timestep(step)[None])
        assert torch.allclose(run.add_noise(clean, noise, step), expected, atol=1e-5)


def test_start_takes_the_tail_of_the_way() -> None:
    whole, tail = sampler("ddim"), sampler("ddim", start=6)
    assert len(tail) == 2
    assert int(tail.timestep(0)) == int(whole.timestep(6))


def test_what_suits_a_model() -> None:
    assert suitable(FLOW) == ("flow",)
    assert suitable(SCHEDULER) == ("ddim", "dpm++", "lcm", "pndm", "euler", "euler_a", "lms")


@pytest.mark.parametrize("name", ORIGINAL)
def test_riffusions_samplers_take_the_steps_of_diffusers_own(name: SchedulerName) -> None:
    def denoise(latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return torch.tanh(latents * 0.7 + float(timestep) / 1000)

    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    stock = ORIGINAL[name](**{k: v for k, v in SCHEDULER.items() if k in _known(ORIGINAL[name])})
    stock.set_timesteps(7)
    theirs, drawn = noise * stock.init_noise_sigma, torch.Generator().manual_seed(2)
    extra = {"generator": drawn} if name == "euler_a" else {}
    for timestep in stock.timesteps:
        output = denoise(stock.scale_model_input(theirs, timestep), timestep)
        theirs = stock.step(output, timestep, theirs, **extra).prev_sample

    run, again = sampler(name, steps=7), torch.Generator().manual_seed(2)
    ours = run.initial_latents(noise)
    for step in range(len(run)):
        output = denoise(ours, run.timestep(step))
        ours, _ = run.step(output, step, ours, lambda: torch.randn(2, 4, 8, 8, generator=again))
    assert torch.allclose(ours, theirs, atol=1e-4)


def _known(kind: type) -> set[str]:
    return set(inspect.signature(kind).parameters)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("dpm", "dpm++"),
        ("DPM++", "dpm++"),
        ("DPMSolverMultistepScheduler", "dpm++"),
        ("PNDMScheduler", "pndm"),
        ("PLMS", "pndm"),
        ("Euler a", "euler_a"),
        ("euler-ancestral", "euler_a"),
        ("EulerAncestralDiscreteScheduler", "euler_a"),
        ("k_lms", "lms"),
        ("LMSDiscreteScheduler", "lms"),
        ("ddim", "ddim"),
        ("magic", "magic"),
    ],
)
def test_a_sampler_has_one_name_in_recipes(typed: str, kept: str) -> None:
    assert canonical(typed) == kept


def test_what_does_not_is_refused_with_the_list() -> None:
    card = ModelCard(
        name="mini",
        defaults={"steps": 8, "guidance": 4, "scheduler": "flow"},
        schedulers=("flow",),
        width_multiple=16,
    )
    with pytest.raises(BadRequest, match="mini cannot be sampled with “ddim”; it supports flow"):
        check("ddim", 8, card)
    v1 = card.model_copy(update={"schedulers": ("ddim", "lcm")})
    check("lcm", 50, v1)
    with pytest.raises(BadRequest, match="at most 50 steps"):
        check("lcm", 51, v1)
