"""A small model and a few prepared shards, as a kit is packed from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import networks, unpack
from training.captions import label_clip
from training.export import CARD, export
from training.prepare import fingerprint
from training.prompt_embedding import Listener
from training.render import clip_seed, find_piece

LATENTS, CHANNELS, CLIPS = 8, (16, 16, 16), 10


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, its networks too small to learn anything."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("kit")
    vae = networks.build_autoencoder(LATENTS)
    unet = networks.build_denoiser(LATENTS, CHANNELS)
    torch.save({"network": vae.state_dict(), "latent_channels": LATENTS}, folder / "vae.pt")
    held = {"average": unet.state_dict(), "latent_channels": LATENTS, "channels": CHANNELS}
    torch.save(held, folder / "unet.pt")
    torch.save({"gist": Listener().gist.state_dict()}, folder / "gist.pt")
    out = folder / "model"
    (out / "unet").mkdir(parents=True)
    export(folder / "vae.pt", folder / "gist.pt", folder / "unet.pt", out, CARD)
    return out


@pytest.fixture(scope="session")
def autoencoder(model: Path) -> Path:
    """The model's autoencoder as a checkpoint."""
    assert unpack.main(["--model", str(model), "--out", str(model.parent / "checkpoints")]) == 0
    return model.parent / "checkpoints" / "autoencoder.pt"


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory, autoencoder: Path) -> Path:
    """Two shards with real labels and latents like those of pictures."""
    folder = tmp_path_factory.mktemp("shards")
    network = networks.build_autoencoder(LATENTS)
    held = torch.load(autoencoder, weights_only=True)["network"]
    network.load_state_dict(held)
    torch.manual_seed(1)
    for shard in (0, 1):
        ready: dict[int, dict[str, object]] = {}
        clips: dict[int, list[dict[str, object]]] = {}
        for index in range(CLIPS):
            _, about = find_piece(clip_seed(9, shard, index))
            clips.setdefault(about["width"], []).append(label_clip(about, 2))
        for width, told in clips.items():
            noise = torch.distributions.Laplace(0.0, 1.0).sample(
                (len(told), LATENTS, 32, width // 16)
            )
            ready[width] = {
                "latents": noise.half(),
                "told": told,
                "autoencoder": fingerprint(network),
                "words": "0123456789abcdef",
            }
        torch.save(ready, folder / f"ready-{shard:05d}.pt")
    return folder
