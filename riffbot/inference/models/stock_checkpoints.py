"""Checkpoints read with the classes of diffusers and transformers, which take seconds to import.

These are Stable Diffusion v1 and what else differs from the embedded model; and the embedded model
where adapters or diffusers' own pipelines are to work with it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertModel, CLIPTextConfig, CLIPTextModel

from riffbot.errors import ModelError
from riffbot.inference.models import quantised, sd_v1
from riffbot.inference.models.library_logs import quiet
from riffbot.inference.models.network_files import (
    STEM,
    TEXT_STEMS,
    check_complete,
    find_weights,
    read_config,
)
from riffbot.inference.models.parts import Parts

_CLIP_PREFIX = "cond_stage_model.transformer."


def read_unet(folder: Path) -> tuple[Any, Path]:
    """Read a denoiser, from eight bits where such a file is there, and the file of its weights."""
    return _read_network(UNet2DConditionModel, folder)


def read_autoencoder(folder: Path) -> tuple[Any, Path]:
    """Read an AutoencoderKL, and the file of its weights."""
    return _read_network(AutoencoderKL, folder)


@quiet()
def read_text_encoder(folder: Path) -> tuple[Any, Path]:
    """Read a BERT or CLIP text encoder, and the file of its weights."""
    bert = read_config(folder).get("model_type") == "bert"
    kind: Any = BertModel if bert else CLIPTextModel
    options: dict[str, Any] = {"add_pooling_layer": False} if bert else {}
    return _pretrained(kind, folder, TEXT_STEMS, dtype=torch.float32, **options)


@quiet()
def read_tokenizer(folder: Path) -> Any:
    """Read any tokenizer of transformers."""
    return AutoTokenizer.from_pretrained(folder)


@quiet()
def _read_network(kind: Any, folder: Path) -> tuple[Any, Path]:
    small = folder / quantised.FILE
    if small.is_file():
        network = kind.from_config(kind.load_config(folder))
        network.load_state_dict(quantised.load(small))
        return network, small
    return _pretrained(kind, folder, (STEM,), torch_dtype=torch.float32)


def _pretrained(
    kind: Any, folder: Path, stems: tuple[str, ...], **options: Any
) -> tuple[Any, Path]:
    """What diffusers or transformers reads of a folder, and the file; no weight may be missing."""
    # .bin or .safetensors, transformers reads a .bin through torch's weights-only loader.
    file, variant = find_weights(folder, stems)
    network, info = kind.from_pretrained(
        folder,
        variant=variant,
        use_safetensors=file.suffix == ".safetensors",
        output_loading_info=True,
        **options,
    )
    check_complete(folder, info["missing_keys"])
    return network, file


# -- single files --------------------------------------------------------------------------------


@quiet()
def read_file(file: Path) -> Parts:
    """A v1 checkpoint as its makers trained it: one file, older names, no configs.

    Configs and the tokenizer are taken from the folders beside the file where there are such
    (`unet/config.json`, …, `tokenizer/`); otherwise they are v1's own.
    """
    checkpoint = load_file(file)
    with tempfile.TemporaryDirectory() as scratch:
        beside = (file.parent / "unet" / "config.json").is_file()
        configs = file.parent if beside else sd_v1.write_configs(Path(scratch))
        unet = _from_single(UNet2DConditionModel, checkpoint, configs, "unet")
        vae = _from_single(AutoencoderKL, checkpoint, configs, "vae")
        encoder = _clip(checkpoint, configs / "text_encoder")
        scheduler = json.loads((configs / "scheduler" / "scheduler_config.json").read_text())
    tokenizer = _tokenizer_beside(file)
    return Parts(
        unet=unet,
        vae=vae,
        tokenizer=tokenizer,
        text_encoder=encoder,
        text_window=min(tokenizer.model_max_length, encoder.config.max_position_embeddings),
        scheduler_config=scheduler,
        files=[file],
    )


def _from_single(
    kind: Any, checkpoint: Mapping[str, torch.Tensor], configs: Path, part: str
) -> Any:
    network = kind.from_single_file(
        dict(checkpoint),
        config=str(configs),
        subfolder=part,
        local_files_only=True,
        torch_dtype=torch.float32,
    )
    check_complete(
        Path(part), [name for name, weight in network.named_parameters() if weight.is_meta]
    )
    return network


def _clip(checkpoint: Mapping[str, torch.Tensor], folder: Path) -> CLIPTextModel:
    encoder = CLIPTextModel(CLIPTextConfig.from_pretrained(folder))
    wanted = encoder.state_dict()
    # transformers 5 dropped the `text_model.` that the older files' names begin with.
    wrapped = any(name.startswith("text_model.") for name in wanted)
    prefix = _CLIP_PREFIX if wrapped else f"{_CLIP_PREFIX}text_model."
    found = {
        name.removeprefix(prefix): weight.float()
        for name, weight in checkpoint.items()
        if name.startswith(prefix) and name.removeprefix(prefix) in wanted
    }
    check_complete(folder, wanted.keys() - found.keys())
    encoder.load_state_dict(found)
    return encoder


def _tokenizer_beside(file: Path) -> Any:
    beside = file.parent / "tokenizer"
    try:
        return AutoTokenizer.from_pretrained(beside if beside.is_dir() else sd_v1.TOKENIZER)
    except Exception as error:
        raise ModelError(
            f"{file.name} needs the CLIP tokenizer, which is not in such a file: please put the "
            f"folder tokenizer/ of {sd_v1.TOKENIZER} or of any v1 checkpoint beside it."
        ) from error
