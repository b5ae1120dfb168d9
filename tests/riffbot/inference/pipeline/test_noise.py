"""Noise belongs to a seed."""

from __future__ import annotations

import pytest
import torch

from riffbot.inference.pipeline.noise import Noise, slerp

SHAPE = (4, 8, 8)


def test_a_seed_is_its_noise() -> None:
    assert torch.equal(Noise(7).draw(SHAPE), Noise(7).draw(SHAPE))
    assert not torch.equal(Noise(7).draw(SHAPE), Noise(8).draw(SHAPE))


def test_a_stream_goes_on() -> None:
    stream = Noise(7)
    assert not torch.equal(stream.draw(SHAPE), stream.draw(SHAPE))


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    Noise(2, 3, 0.5).draw(SHAPE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("alpha", "seed"), [(0.0, 1), (1.0, 2)])
def test_the_ends_of_an_interpolation_are_the_seeds(alpha: float, seed: int) -> None:
    between, pure = Noise(1, 2, alpha), Noise(seed)
    for _ in range(2):
        assert torch.equal(between.draw(SHAPE), pure.draw(SHAPE))


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_slerp_keeps_the_variance(alpha: float) -> None:
    mixed = Noise(1, 2, alpha).draw((16, 32, 32))
    assert mixed.std() == pytest.approx(1, abs=0.02)


def test_slerp_turns_evenly() -> None:
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    half = slerp(start, end, 0.5)
    assert torch.allclose(half, torch.tensor([0.5, 0.5]).sqrt())


def test_slerp_between_equals() -> None:
    noise = Noise(1).draw(SHAPE)
    assert torch.allclose(slerp(noise, noise, 0.3), noise)
