"""What training hands over is what the product loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel

from riffbot.inference.models import checkpoints, network_files, quantised
from riffbot.inference.models.loading import read_card
from riffbot.inference.models.prompt_embedding import PromptEmbedding
from riffbot.inference.models.schedulers import open_sampler, suitable
from riffbot.inference.models.unet import UNet
from training import networks
from training.export import CARD, export
from training.text import WIDTH

LATENTS = 4
CHANNELS = (16, 16, 16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The three trainers' checkpoints, of networks that have learnt nothing."""
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    vae = networks.build_autoencoder(LATENTS)
    torch.save({"network": vae.state_dict(), "latent_channels": LATENTS}, folder / "vae.pt")
    unet = networks.build_denoiser(LATENTS, CHANNELS)
    held = {"average": unet.state_dict(), "latent_channels": LATENTS, "channels": CHANNELS}
    torch.save(held, folder / "unet.pt")
    gist = PromptEmbedding(width=WIDTH)
    torch.save({"gist": gist.state_dict()}, folder / "gist.pt")
    return folder / "vae.pt", folder / "gist.pt", folder / "unet.pt"


@pytest.fixture(scope="module")
def exported(trained: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    (out / "unet").mkdir()
    export(*trained, out, CARD.model_copy(update={"version": "7"}))
    return out


def test_the_card_and_the_index(exported: Path) -> None:
    card = read_card(exported)
    assert (card.name, card.version, card.licence) == (CARD.name, "7", "MIT")
    index = json.loads((exported / "model_index.json").read_text("utf-8"))
    assert index["safety_checker"] == [None, None]
    scheduler = json.loads((exported / "scheduler" / "scheduler_config.json").read_text("utf-8"))
    assert card.schedulers == suitable(scheduler)


def test_the_denoiser_comes_back_within_half_a_step(
    exported: Path, trained: tuple[Path, Path, Path]
) -> None:
    unet, file = checkpoints.read_unet(exported / "unet")
    assert isinstance(unet, UNet)
    assert file.name == quantised.FILE
    back = unet.state_dict()
    for name, weight in torch.load(trained[2], weights_only=True)["average"].items():
        step = weight.abs().amax() / 127 if weight.ndim > 1 else weight.abs().amax() / 1000
        assert bool(((back[name] - weight).abs() <= step * 0.51 + 1e-7).all()), name


def test_the_autoencoder_comes_back_in_half_precision(
    exported: Path, trained: tuple[Path, Path, Path]
) -> None:
    vae, _ = checkpoints.read_autoencoder(exported / "vae")
    back = vae.state_dict()
    for name, weight in torch.load(trained[0], weights_only=True)["network"].items():
        assert torch.equal(back[name], weight.half().float()), name


def test_diffusers_reads_the_layout(exported: Path, trained: tuple[Path, Path, Path]) -> None:
    kind: Any = UNet2DConditionModel
    unet = kind.from_config(kind.load_config(exported / "unet"))
    unet.load_state_dict(quantised.load(exported / "unet" / quantised.FILE))
    ours, _ = checkpoints.read_unet(exported / "unet")
    assert dict(ours.state_dict()).keys() == dict(unet.state_dict()).keys()
    scheduler: Any = DPMSolverMultistepScheduler.from_pretrained(exported / "scheduler")
    scheduler.set_timesteps(4)
    config = json.loads((exported / "scheduler" / "scheduler_config.json").read_text("utf-8"))
    run = open_sampler("flow", config, steps=4, start=0, device=torch.device("cpu"))
    assert [run.timestep(step) for step in range(4)] == list(scheduler.timesteps)


def test_the_prompt_embedding_comes_back(exported: Path, trained: tuple[Path, Path, Path]) -> None:
    config = network_files.read_config(exported / "gist")
    assert config["_class_name"] == "PromptEmbedding"
    state = network_files.read_state(network_files.find_weights(exported / "gist")[0])
    for name, weight in torch.load(trained[1], weights_only=True)["gist"].items():
        assert torch.equal(state[name], weight.half().float()), name


def test_a_card_of_before_is_read(exported: Path, tmp_path: Path) -> None:
    """Cards up to version 4 named a denoising that nothing read."""
    config = json.loads((exported / "riffbot.json").read_text("utf-8"))
    config["defaults"]["denoising"] = 0.75
    (tmp_path / "riffbot.json").write_text(json.dumps(config), "utf-8")
    assert read_card(tmp_path) == read_card(exported)
