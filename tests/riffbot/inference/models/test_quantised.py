"""Weights in eight bits come back within half a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from riffbot.inference.models import quantised


def test_round_trip(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = {
        "conv.weight": torch.randn(6, 3, 3, 3) * torch.logspace(-4, 1, 6)[:, None, None, None],
        "conv.bias": torch.randn(6),
        "linear.weight": torch.randn(5, 7),
        "dead.weight": torch.zeros(4, 4),
    }
    quantised.save(state, tmp_path / quantised.FILE)
    back = quantised.load(tmp_path / quantised.FILE)
    assert back.keys() == state.keys()
    for name, weight in state.items():
        assert back[name].dtype is torch.float32
        assert back[name].shape == weight.shape
    for name in ("conv.weight", "linear.weight"):
        step = state[name].flatten(1).abs().amax(1) / 127
        apart = (back[name] - state[name]).flatten(1).abs().amax(1)
        assert bool((apart <= step * 0.501).all())
    assert torch.equal(back["conv.bias"], state["conv.bias"].half().float())
    assert not back["dead.weight"].any()


def test_it_is_a_quarter_of_the_size(tmp_path: Path) -> None:
    quantised.save({"w": torch.randn(256, 256)}, tmp_path / "small")
    assert (tmp_path / "small").stat().st_size < 256 * 256 * 4 / 3.8


def test_saving_twice_changes_nothing_more(tmp_path: Path) -> None:
    quantised.save({"w": torch.randn(8, 8)}, tmp_path / "once")
    once = quantised.load(tmp_path / "once")
    quantised.save(once, tmp_path / "twice")
    assert torch.allclose(quantised.load(tmp_path / "twice")["w"], once["w"], rtol=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_broken_weight_is_not_saved(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        quantised.save({"w": torch.full((2, 2), value)}, tmp_path / "w")


def test_a_name_that_would_be_taken_for_a_scale(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must not end"):
        quantised.save({"norm.scale": torch.ones(2)}, tmp_path / "w")
