"""Time is a circle: what is rolled before the network is rolled after it."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from riffbot.inference.models.circular import CircularConv2d, make_circular, wrap


def unet() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
    ).eval()


def vae() -> AutoencoderKL:
    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(4, 4, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
    ).eval()


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.allclose(a, b, atol=1e-4)


@torch.inference_mode()
def denoise(network: UNet2DConditionModel, latents: torch.Tensor) -> torch.Tensor:
    text = torch.linspace(-1, 1, 5 * 8).view(1, 5, 8)
    answer: torch.Tensor = network(latents, 500, text).sample
    return answer


@torch.inference_mode()
def test_the_denoiser_turns_with_its_input() -> None:
    network, latents = unet(), torch.randn(1, 4, 8, 16)
    turned = latents.roll(4, -1)  # the stride of two down-samplings
    assert not close(denoise(network, turned), denoise(network, latents).roll(4, -1))
    make_circular(network)
    assert close(denoise(network, turned), denoise(network, latents).roll(4, -1))
    lifted = latents.roll(4, -2)  # frequency is no circle
    assert not close(denoise(network, lifted), denoise(network, latents).roll(4, -2))


@torch.inference_mode()
def test_the_autoencoder_turns_both_ways() -> None:
    network = vae()
    make_circular(network)
    picture = torch.randn(1, 3, 32, 48)
    latents = network.encode(picture).latent_dist.mode()
    turned = network.encode(picture.roll(8, -1)).latent_dist.mode()
    assert close(turned, latents.roll(2, -1))
    decoded = network.decode(latents).sample
    assert close(network.decode(latents.roll(1, -1)).sample, decoded.roll(4, -1))


@pytest.mark.parametrize("width", [9, 10, 11, 13])
def test_widths_that_do_not_halve_evenly(width: int) -> None:
    network = unet()
    make_circular(network)
    answer = denoise(network, torch.randn(1, 4, 8, width))
    assert answer.shape == (1, 4, 8, width)
    assert bool(torch.isfinite(answer).all())


def test_weights_keep_their_names_and_values() -> None:
    network = unet()
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    make_circular(network)
    after = network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_twice_is_once() -> None:
    network, latents = unet(), torch.randn(1, 4, 8, 8)
    make_circular(network)
    once = denoise(network, latents)
    make_circular(network)
    assert torch.equal(denoise(network, latents), once)


def test_it_equals_torchs_own_circular_padding() -> None:
    own = nn.Conv2d(2, 3, (1, 5), padding=(0, 2), padding_mode="circular")
    ours = nn.Conv2d(2, 3, (1, 5), padding=(0, 2))
    ours.load_state_dict(own.state_dict())
    make_circular(ours)
    assert isinstance(ours, CircularConv2d)
    x = torch.randn(2, 2, 4, 9)
    assert close(ours(x), own(x))


def test_the_layout_in_memory_survives() -> None:
    x = torch.randn(2, 8, 4, 6).to(memory_format=torch.channels_last)
    assert wrap(x, 1, 1).is_contiguous(memory_format=torch.channels_last)
    assert wrap(x, 0, 0) is x


def test_padding_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(TypeError):
        make_circular(nn.Conv2d(1, 1, 3, padding="same"))
