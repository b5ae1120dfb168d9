"""Tiny models of the real classes with random weights: they load and run in milliseconds.

    folder = tiny_embedded_model(tmp_path / "tiny")      # like models/riffbot-mini
    folder = tiny_v1_checkpoint(tmp_path / "v1")         # like a Stable Diffusion v1 upload
    pipeline = tiny_pipeline(tmp_path)                   # the first, loaded

What they draw is noise, but noise that depends on prompt, seed, seed image and every setting, as
a trained model's pictures do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel

from riffbot.images import Images
from riffbot.inference.models import guidance_embedding, network_files, quantised
from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.harmony_planes import CHANNELS as HARMONY_CHANNELS
from riffbot.inference.models.loading import load_model
from riffbot.inference.models.prompt_embedding import PromptEmbedding
from riffbot.inference.models.sd_v1 import SCHEDULER
from riffbot.inference.pipeline.pipeline import Pipeline
from tests.support.ldm_names import single_file

FLOW = {
    "_class_name": "DPMSolverMultistepScheduler",
    "num_train_timesteps": 1000,
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "flow_shift": 1.0,
    "final_sigmas_type": "zero",
}
WINDOW = 16
_WIDTH = 16  # of the text embeddings
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.-()[]\\:'"


def tiny_embedded_model(
    folder: Path,
    *,
    seed: int = 0,
    grayscale: bool = True,
    circular: bool = True,
    int8: bool = False,
    steps: int = 3,
    conditioned: bool = True,
    harmony: bool = False,
    guidance: bool = False,
    **card: object,
) -> Path:
    """Write a model in the layout of `models/riffbot-mini`: f=16, rectified flow, `riffbot.json`.

    Args:
        folder: is created.
        seed: of the random weights; another seed is another model with another hash.
        grayscale: one channel of colour, else three.
        circular: time is a circle.
        int8: store the denoiser in eight bits.
        steps: the card's default.
        conditioned: the denoiser is given a prompt embedding and a beat grid.
        harmony: it is shown key and chords as well.
        guidance: its guidance is an input, as if distilled, up to a scale of 8.
        card: further fields of `riffbot.json`.

    Returns:
        The folder, to be given to `load_model`, `Settings.model` or `RIFFBOT_MODEL`.
    """
    torch.manual_seed(seed)
    channels = 1 if grayscale else 3
    unet, vae = (
        _unet(latents=8, conditioned=conditioned, harmony=harmony, guidance=guidance),
        _vae((4, 4, 4, 4, 4), latents=8, channels=channels),
    )
    vae.save_pretrained(folder / "vae")
    unet.save_pretrained(folder / "unet")
    if int8:
        (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
        quantised.save(unet.state_dict(), folder / "unet" / quantised.FILE)
    _bert(folder)
    if conditioned:
        gist = PromptEmbedding(width=_WIDTH, size=_WIDTH, heads=2, hidden=8)
        network_files.save(gist, folder / "gist")
    _write_json(folder / "scheduler" / "scheduler_config.json", FLOW)
    _write_json(
        folder / "riffbot.json",
        {
            "name": "riffbot-tiny",
            "version": "0",
            "kind": "spectrogram",
            "licence": "MIT",
            "defaults": {"steps": steps, "guidance": 3.0, "scheduler": "flow", "width": 128},
            "schedulers": ["flow"],
            "width_multiple": 16,
            "circular": circular,
            "tempo_in_prompt": True,
            "grayscale": grayscale,
            "beat_grid": conditioned,
            **({"harmony_grid": True} if harmony else {}),
            **({"distilled_guidance": 8.0} if guidance else {}),
            **card,
        },
    )
    return folder


def tiny_v1_checkpoint(
    folder: Path, *, seed: int = 0, layout: str = "safetensors", name: str = "riffusion-tiny"
) -> Path:
    """Write a Stable Diffusion v1 checkpoint: f=8, CLIP, PNDM.

    Args:
        folder: is created.
        seed: of the random weights, equal in every layout.
        layout: `safetensors`; `bin`, with the names that uploads of 2022 used; `fp16`, with
            only half-precision variants; or `single`, one file beside its configs.
        name: what `model_index.json` remembers.

    Returns:
        The folder, or for `single` the file.
    """
    torch.manual_seed(seed)
    unet, vae = _unet(latents=4), _vae((4, 4, 4, 8), latents=4, channels=3, attention=True)
    clip = _clip(folder)
    for part, network in (("unet", unet), ("vae", vae), ("text_encoder", clip)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        _save_part(folder / part, network, layout)
    _write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    _write_json(
        folder / "model_index.json",
        {"_class_name": "StableDiffusionPipeline", "_name_or_path": f"someone/{name}"},
    )
    if layout != "single":
        return folder
    file = folder / f"{name}.safetensors"
    states = (unet.state_dict(), vae.state_dict(), clip.state_dict())
    save_file(dict(single_file(*states, layers=1)), file)
    return file


def _save_part(folder: Path, network: Any, layout: str) -> None:
    """Config and weights of one part, the weights as the layout has them (`single`: elsewhere)."""
    text = folder.name == "text_encoder"
    network.config.save_pretrained(folder) if text else network.save_config(folder)
    stem = "model" if text else "diffusion_pytorch_model"
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    match layout:
        case "safetensors":
            save_file(state, folder / f"{stem}.safetensors", {"format": "pt"})
        case "fp16":
            half = {key: value.half() for key, value in state.items()}
            save_file(half, folder / f"{stem}.fp16.safetensors", {"format": "pt"})
        case "bin":
            stem = "pytorch_model" if text else stem
            torch.save(_names_of_2022(folder.name, state), folder / f"{stem}.bin")


def _names_of_2022(part: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if part == "text_encoder":
        ids = {"text_model.embeddings.position_ids": torch.arange(WINDOW)[None]}
        return {f"text_model.{k.removeprefix('text_model.')}": v for k, v in state.items()} | ids
    if part == "vae":
        old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        return {
            re.sub(r"to_(q|k|v|out\.0)(?=\.\w+$)", lambda m: old[m[0]], key): value
            for key, value in state.items()
        }
    return state


def tiny_pipeline(folder: Path, **options: object) -> Pipeline:
    """`tiny_embedded_model(folder / "model", **options)`, loaded, without bundled images."""
    model = load_model(tiny_embedded_model(folder / "model", **options))  # type: ignore[arg-type]
    return Pipeline(model, Images(folder / "seed_images"))


def _unet(
    *, latents: int, conditioned: bool = False, harmony: bool = False, guidance: bool = False
) -> UNet2DConditionModel:
    gist: dict[str, Any] = {
        "class_embed_type": "projection",
        "projection_class_embeddings_input_dim": _WIDTH,
    }
    return UNet2DConditionModel(
        time_cond_proj_dim=guidance_embedding.SIZE if guidance else None,
        sample_size=32,
        in_channels=latents
        + (GRID_CHANNELS if conditioned else 0)
        + (HARMONY_CHANNELS if harmony else 0),
        out_channels=latents,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=_WIDTH,
        attention_head_dim=2,
        norm_num_groups=4,
        **(gist if conditioned else {}),
    )


def _vae(
    blocks: tuple[int, ...], *, latents: int, channels: int, attention: bool = False
) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(blocks),
        up_block_types=("UpDecoderBlock2D",) * len(blocks),
        block_out_channels=blocks,
        layers_per_block=1,
        latent_channels=latents,
        norm_num_groups=2,
        mid_block_add_attention=attention,
        sample_size=512,
        scaling_factor=1.0,
    )


_ENCODER: dict[str, Any] = {
    "hidden_size": _WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": WINDOW,
}


def _bert(folder: Path) -> None:
    """A text encoder that spells: its words are single letters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    config = BertConfig(vocab_size=len(words), **_ENCODER)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder / "text_encoder")
    _write_lines(folder / "tokenizer" / "vocab.txt", words)
    _write_json(
        folder / "tokenizer" / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": WINDOW},
    )


def _clip(folder: Path) -> CLIPTextModel:
    """CLIP's byte-pair tokenizer without a single merge, and an encoder to it."""
    letters = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    words = [*letters, "<|startoftext|>", "<|endoftext|>"]
    config = CLIPTextConfig(
        vocab_size=len(words),
        **_ENCODER,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
    )
    _write_json(folder / "tokenizer" / "vocab.json", {word: i for i, word in enumerate(words)})
    _write_lines(folder / "tokenizer" / "merges.txt", ["#version: 0.2"])
    _write_json(
        folder / "tokenizer" / "tokenizer_config.json",
        {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": WINDOW,
            "bos_token": "<|startoftext|>",
            "eos_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
        },
    )
    return CLIPTextModel(config)


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
