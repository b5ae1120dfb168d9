"""The plane of principal components, the net that corrects it, and time as a circle."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from riffbot.inference.models import checkpoints, network_files
from riffbot.inference.models.circular import make_circular
from riffbot.inference.models.patch_autoencoder import PatchAutoencoder
from training.autoencoder import fit, psnr
from training.dataset import to_signal

LATENTS = 4
WIDTH = 64


@pytest.fixture
def network() -> PatchAutoencoder:
    torch.manual_seed(0)
    return PatchAutoencoder(latent_channels=LATENTS, hidden_channels=8, layers=1)


@pytest.fixture
def pictures() -> list[torch.Tensor]:
    """uint8 (512, 64) each: mixtures of six patches and a little noise, so no plane is exact."""
    random = torch.Generator().manual_seed(1)
    shapes = torch.randn(6, 16, 16, generator=random)

    def picture() -> torch.Tensor:
        shares = torch.randn(32, WIDTH // 16, 6, generator=random)
        cells = torch.einsum("hwk,kij->hiwj", shares * torch.arange(6, 0, -1), shapes)
        noise = torch.randn(512, WIDTH, generator=random)
        return (128 + 5 * cells.reshape(512, WIDTH) + 2 * noise).clamp(0, 255).to(torch.uint8)

    return [picture() for _ in range(3)]


def _train_a_little(network: PatchAutoencoder) -> None:
    """Weights where initialisation leaves zeros, so that the correcting net has a say."""
    torch.manual_seed(2)
    with torch.no_grad():
        network.correction.weight.normal_(0, 0.1)
        network.place.normal_(0, 0.1)
        for block in network.blocks:
            block.second.weight.normal_(0, 0.1)


def test_at_initialisation_the_decoder_is_the_plane(
    network: PatchAutoencoder, pictures: list[torch.Tensor]
) -> None:
    reported = fit(network, pictures)

    # The same plane by another way: singular values of the centred patches.
    signal = to_signal(torch.stack(pictures))
    patches = signal.view(3, 32, 16, WIDTH // 16, 16).transpose(2, 3).reshape(-1, 256).double()
    mean = patches.mean()
    directions = torch.linalg.svd(patches - mean, full_matrices=False).Vh[:LATENTS]
    plane = (patches - mean) @ directions.T @ directions + mean
    expected = plane.view(3, 32, WIDTH // 16, 16, 16).transpose(2, 3).reshape(signal.shape)

    with torch.inference_mode():
        latents = network.encode(signal).latent_dist.mode()
        assert latents.shape == (3, LATENTS, 32, WIDTH // 16)
        torch.testing.assert_close(network(signal).double(), expected, atol=2e-4, rtol=0)
    # Centred by one grey level, not patch by patch, so the RMS is 1 only nearly.
    assert latents.square().mean().sqrt().item() == pytest.approx(1, abs=0.1)
    lost = (expected - signal.double()).square().mean().item()
    assert reported == pytest.approx(10 * math.log10(4 / lost), abs=0.05)
    # Only clamping to the range of pixels lies between the two.
    assert psnr(network, pictures) == pytest.approx(reported, abs=0.5)


def test_its_decoder_needs_no_encoder(
    network: PatchAutoencoder, pictures: list[torch.Tensor]
) -> None:
    fit(network, pictures)
    again = to_signal(pictures[0][None])
    with torch.inference_mode():
        once = network(again)
        twice = network(once)
    # A projection of a projection changes nothing.
    torch.testing.assert_close(twice, once, atol=2e-4, rtol=0)


def test_three_equal_channels_are_one(network: PatchAutoencoder) -> None:
    grey = torch.rand(1, 1, 512, WIDTH)
    with torch.inference_mode():
        one = network.encode(grey).latent_dist
        three = network.encode(grey.expand(-1, 3, -1, -1)).latent_dist
    assert torch.equal(one.mode(), three.mode())
    assert one.sample() is one.mode()


@pytest.mark.parametrize("cells", [1, 3])
def test_when_circular_it_turns_with_time(network: PatchAutoencoder, cells: int) -> None:
    _train_a_little(network)
    make_circular(network)
    signal = torch.rand(1, 1, 512, WIDTH) * 2 - 1
    with torch.inference_mode():
        turned = network(signal.roll(16 * cells, dims=-1))
        expected = network(signal).roll(16 * cells, dims=-1)
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


def test_without_that_its_ends_are_ends(network: PatchAutoencoder) -> None:
    _train_a_little(network)
    signal = torch.rand(1, 1, 512, WIDTH) * 2 - 1
    with torch.inference_mode():
        turned = network(signal.roll(16, dims=-1)).roll(-16, dims=-1)
        assert not torch.allclose(turned, network(signal), atol=1e-4)


def test_its_rows_have_a_place(network: PatchAutoencoder) -> None:
    _train_a_little(network)
    with torch.inference_mode():
        flat = network.decode(torch.zeros(1, LATENTS, 32, 4), return_dict=False)[0]
    assert not torch.allclose(flat[..., :16, :], flat[..., 256:272, :], atol=1e-4)


def test_it_comes_back_from_disk(network: PatchAutoencoder, tmp_path: Path) -> None:
    _train_a_little(network)
    network_files.save(network, tmp_path)
    back, file = checkpoints.read_autoencoder(tmp_path)
    assert file == tmp_path / "diffusion_pytorch_model.safetensors"
    assert back.config.latent_channels == LATENTS
    assert back.patch == network.patch == 16
    signal = torch.rand(1, 1, 512, WIDTH)
    with torch.inference_mode():
        assert torch.equal(back(signal), network(signal))


def test_a_tuple_or_a_name(network: PatchAutoencoder) -> None:
    latents = torch.randn(2, LATENTS, 32, 4)
    with torch.inference_mode():
        named = network.decode(latents)
        (plain,) = network.decode(latents, return_dict=False)
    assert torch.equal(named.sample, plain)
    assert plain.shape == (2, 1, 512, WIDTH)
