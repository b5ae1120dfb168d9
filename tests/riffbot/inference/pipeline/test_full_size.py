"""Stable Diffusion v1 at its real size: 860 million weights of chance, one step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from riffbot.images import Images
from riffbot.inference.models import sd_v1
from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from tests.support.tiny_models import tiny_v1_checkpoint


def arguments(config: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in config.items() if not key.startswith("_")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A v1 folder in half precision (2 GB), made of the configs that single files get."""
    folder = tiny_v1_checkpoint(tmp_path / "riffusion-random", layout="fp16")  # for its tokenizer
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)  # never 3.4 GB twice
    try:
        unet = UNet2DConditionModel(**arguments(sd_v1.UNET))
        assert sum(p.numel() for p in unet.parameters()) == 859_520_964
        unet.save_pretrained(folder / "unet", variant="fp16")
        del unet
        vae = AutoencoderKL(**arguments(sd_v1.VAE))
        vae.save_pretrained(folder / "vae", variant="fp16")
        encoder = CLIPTextModel(CLIPTextConfig(**sd_v1.TEXT_ENCODER))
        encoder.save_pretrained(folder / "text_encoder", variant="fp16")
    finally:
        torch.set_default_dtype(default)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_v1_at_its_real_size(folder: Path) -> None:
    model = load_model(folder, dtype="bfloat16")
    images = Images(folder / "seed_images")
    request = RiffRequest(prompt="funk", seed=1, steps=1, guidance=1.0)
    (picture,) = Pipeline(model, images).run([resolve(request, model.card, images)])
    assert picture.shape == (512, 512)
    assert picture.std() > 0
