"""What `(word:1.3)` did to a token must still be there when the prompt is pooled."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from riffbot.inference.text_pooling import ScaleAndShift, keep_weights

WIDTH = 16


def _unet(*, pools: bool = True) -> UNet2DConditionModel:
    torch.manual_seed(0)
    told = {"addition_embed_type": "text", "addition_embed_type_num_heads": 2} if pools else {}
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
        **told,
    ).eval()


@pytest.fixture
def prompts() -> tuple[torch.Tensor, torch.Tensor]:
    """A prompt's tokens, and the same with the third one at 1.3; each of mean 0."""
    tokens = torch.randn(1, 7, WIDTH, generator=torch.Generator().manual_seed(1))
    tokens = tokens - tokens.mean(-1, keepdim=True)
    weighted = tokens.clone()
    weighted[:, 2] *= 1.3
    return tokens, weighted


@torch.inference_mode()
def _moved(unet: UNet2DConditionModel, prompts: tuple[torch.Tensor, torch.Tensor]) -> float:
    """How far a weight moves the pooled prompt, as a share of its length."""
    plain, weighted = (unet.add_embedding(prompt) for prompt in prompts)
    return float((weighted - plain).norm() / plain.norm())


def test_the_norm_would_undo_a_weight(prompts: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert _moved(_unet(), prompts) < 1e-4


def test_a_weight_reaches_the_pooled_prompt(prompts: tuple[torch.Tensor, torch.Tensor]) -> None:
    unet = _unet()
    keep_weights(unet)
    assert _moved(unet, prompts) > 1e-2


def test_a_weight_reaches_the_denoiser(prompts: tuple[torch.Tensor, torch.Tensor]) -> None:
    unet = _unet()
    keep_weights(unet)
    latents, step = torch.randn(1, 4, 8, 8), torch.tensor(500)
    with torch.inference_mode():
        plain, weighted = (unet(latents, step, prompt).sample for prompt in prompts)
    assert not torch.allclose(plain, weighted, atol=1e-6)


def test_scale_and_shift_are_kept() -> None:
    unet = _unet()
    names = set(unet.state_dict())
    with torch.no_grad():
        unet.add_embedding.norm1.weight.fill_(2.0)
        unet.add_embedding.norm1.bias.fill_(0.5)
    keep_weights(unet)
    x = torch.randn(1, 3, WIDTH)
    assert isinstance(unet.add_embedding.norm1, ScaleAndShift)
    assert torch.equal(unet.add_embedding.norm1(x), x * 2.0 + 0.5)
    assert set(unet.state_dict()) == names  # checkpoints of the two are interchangeable


def test_twice_is_once(prompts: tuple[torch.Tensor, torch.Tensor]) -> None:
    unet = _unet()
    keep_weights(unet)
    once = _moved(unet, prompts)
    keep_weights(unet)
    assert _moved(unet, prompts) == once


@pytest.mark.parametrize("network", [_unet(pools=False), nn.Linear(2, 2)])
def test_what_pools_nothing_is_left_alone(network: nn.Module) -> None:
    before = [type(module) for module in network.modules()]
    keep_weights(network)
    assert [type(module) for module in network.modules()] == before
