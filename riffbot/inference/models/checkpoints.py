"""Finding and reading a checkpoint's files: our folders, v1 folders, single files, hub ids."""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from huggingface_hub import snapshot_download
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertModel, CLIPTextConfig, CLIPTextModel

from riffbot.errors import ModelError, strip_folders
from riffbot.inference.models import quantised, sd_v1
from riffbot.inference.models.model import ModelCard, TextEncoderCard
from riffbot.inference.models.patch_autoencoder import PatchAutoencoder
from riffbot.inference.models.prompt_embedding import PromptEmbedding

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FETCHED = ["*.json", "tokenizer/*", "scheduler/*"] + [
    f"{part}/*{suffix}"
    for part in ("unet", "vae", "text_encoder")
    for suffix in (".json", ".safetensors", ".bin")
]
_CLIP_PREFIX = "cond_stage_model.transformer."


@dataclass
class Parts:
    """A checkpoint in memory, on the CPU in float32.

    Attributes:
        text_window: tokens that the text encoder reads at a time.
        files: the weight files, in a fixed order; the model's hash is taken over them.
        prompt_embedding: the network that pools a prompt into one vector, where the model has one.
    """

    unet: Any
    vae: Any
    tokenizer: Any
    text_encoder: Any
    text_window: int
    scheduler_config: Mapping[str, Any]
    files: list[Path]
    prompt_embedding: Any = None


def locate(ref: str) -> Path:
    """A folder or file on this disk; a hub id is fetched first.

    Raises:
        ModelError: there is nothing of that name, or it cannot be fetched.
    """
    path = Path(ref)
    try:
        path = path.expanduser()
        is_folder, is_file = bool(ref) and path.is_dir(), path.is_file()
    except (OSError, RuntimeError, ValueError):  # a name too long, a user without a home
        is_folder = is_file = False
    if is_folder:
        return path
    if is_file:
        if path.suffix != ".safetensors":
            raise ModelError(
                f"{path.name} is not a .safetensors file; a .ckpt can run programs on your "
                f"machine, so please convert it or name a folder in diffusers' layout."
            )
        return path
    if not _HUB_ID.fullmatch(ref):
        raise ModelError(
            f"There is no model at {strip_folders(ref)[:100]}; RIFFBOT_MODEL takes a folder, a "
            f".safetensors file or a hub id such as riffusion/riffusion-model-v1."
        ).with_path(path)
    try:
        return Path(snapshot_download(ref, allow_patterns=_FETCHED))
    except Exception as error:
        raise ModelError(
            f"The model {ref} is not on this disk and could not be fetched "
            f"({type(error).__name__}); check the name and the connection."
        ) from error


def names_riffusion(ref: str, where: Path) -> bool:
    """Whether a checkpoint's name, or the name it remembers, is Riffusion's."""
    index = where / "model_index.json"
    remembered = json.loads(index.read_text("utf-8")) if index.is_file() else {}
    own = Path(ref).name if Path(ref).exists() else ref
    return any("riffusion" in str(n).lower() for n in (own, remembered.get("_name_or_path", "")))


def read(where: Path, card: ModelCard) -> Parts:
    """Read a checkpoint from a folder in diffusers' layout or from a single file."""
    return _read_file(where) if where.is_file() else _read_folder(where, card)


def _read_folder(folder: Path, card: ModelCard) -> Parts:
    unet, unet_file = _network(UNet2DConditionModel, folder / "unet")
    vae, vae_file = _network(_autoencoder_class(folder / "vae"), folder / "vae")
    if card.text_encoder is None:
        encoder_folder, tokenizer_folder = folder / "text_encoder", folder / "tokenizer"
    else:
        encoder_folder = tokenizer_folder = _installed(card.text_encoder)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    encoder, encoder_file = _text_encoder(encoder_folder)
    files, prompt_embedding = [unet_file, vae_file, encoder_file], None
    if (folder / "gist").is_dir():
        prompt_embedding, embedding_file = _network(PromptEmbedding, folder / "gist")
        files.append(embedding_file)
    return Parts(
        unet=unet,
        vae=vae,
        tokenizer=tokenizer,
        text_encoder=encoder,
        text_window=card.text_encoder.max_length
        if card.text_encoder
        else min(tokenizer.model_max_length, encoder.config.max_position_embeddings),
        scheduler_config=json.loads(
            (folder / "scheduler" / "scheduler_config.json").read_text("utf-8")
        ),
        files=files,
        prompt_embedding=prompt_embedding,
    )


def _autoencoder_class(folder: Path) -> Any:
    """Ours if the folder's config says so, else AutoencoderKL."""
    named = json.loads((folder / "config.json").read_text("utf-8")).get("_class_name")
    return PatchAutoencoder if named == PatchAutoencoder.__name__ else AutoencoderKL


def _network(kind: Any, folder: Path) -> tuple[Any, Path]:
    """A UNet or an autoencoder, from eight bits where such a file lies there."""
    small = folder / quantised.FILE
    if small.is_file():
        network = kind.from_config(kind.load_config(folder))
        network.load_state_dict(quantised.load(small))
        return network, small
    return _pretrained(kind, folder, ("diffusion_pytorch_model",), torch_dtype=torch.float32)


def _text_encoder(folder: Path) -> tuple[Any, Path]:
    config = folder / "config.json"
    if not config.is_file():
        raise ModelError(
            f"{folder.name} holds no text encoder (its config.json is missing)."
        ).with_path(folder)
    bert = json.loads(config.read_text("utf-8")).get("model_type") == "bert"
    kind: Any = BertModel if bert else CLIPTextModel
    options: dict[str, Any] = {"add_pooling_layer": False} if bert else {}
    return _pretrained(kind, folder, ("model", "pytorch_model"), dtype=torch.float32, **options)


def _pretrained(
    kind: Any, folder: Path, stems: tuple[str, ...], **options: Any
) -> tuple[Any, Path]:
    """What diffusers or transformers reads of a folder, and the file; no weight may be missing."""
    # .bin or .safetensors, transformers reads a .bin through torch's weights-only loader.
    file, variant = _weights(folder, stems)
    network, info = kind.from_pretrained(
        folder,
        variant=variant,
        use_safetensors=file.suffix == ".safetensors",
        output_loading_info=True,
        **options,
    )
    _check_complete(folder, info["missing_keys"])
    return network, file


def _weights(folder: Path, stems: tuple[str, ...]) -> tuple[Path, str | None]:
    """The weight file of a folder and its variant; safetensors before .bin, full before half."""
    for variant in (None, "fp16"):
        middle = f".{variant}" if variant else ""
        for suffix in (".safetensors", ".bin"):
            for stem in stems:
                file = folder / f"{stem}{middle}{suffix}"
                if file.is_file():
                    return file, variant
    raise ModelError(
        f"There are no weights in {folder.name} ({stems[0]}.safetensors or .bin)."
    ).with_path(folder)


def _installed(card: TextEncoderCard) -> Path:
    spec = importlib.util.find_spec(card.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"The text encoder {card.package} is not installed; please run make setup again."
        )
    return Path(spec.submodule_search_locations[0]) / card.folder


def _check_complete(folder: Path, missing: Any) -> None:
    if missing:
        raise ModelError(
            f"The weights in {folder.name} are not complete: {len(missing)} are missing, "
            f"{sorted(missing)[0]} among them."
        ).with_path(folder)


# -- single files --------------------------------------------------------------------------------


def _read_file(file: Path) -> Parts:
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
    _check_complete(
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
    _check_complete(folder, wanted.keys() - found.keys())
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
