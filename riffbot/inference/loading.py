"""From a folder, a file or a hub id to a `Model`, on the device and in the precision asked for."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import AutoTokenizer, BertModel

from riffbot.inference import quantised
from riffbot.inference.circular import make_circular
from riffbot.inference.model import Model, ModelCard

CARD = "riffbot.json"


def load_model(
    ref: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    allow_any: bool = False,
    loras: Sequence[Path] = (),
) -> Model:
    folder = Path(ref)
    card = _card(folder)
    on = torch.device("cpu")
    kind = torch.float32
    with quiet():
        unet = _unet(folder / "unet")
        vae = AutoencoderKL.from_pretrained(folder / "vae")
        tokenizer, encoder = _packaged_text(card)
    if card.circular:
        make_circular(unet)
        make_circular(vae)
    for part in (unet, vae, encoder):
        part.eval().requires_grad_(False).to(on, kind)
    for part in (unet, vae):
        part.to(memory_format=torch.channels_last)
    return Model(
        name=card.name,
        hash=_hash(sorted(folder.rglob("*.safetensors"))),
        tokenizer=tokenizer,
        text_encoder=encoder,
        text_window=card.text_encoder.max_length,
        unet=unet,
        vae=vae,
        scheduler_config=json.loads((folder / "scheduler" / "scheduler_config.json").read_text()),
        card=card,
        device=on,
        dtype=kind,
    )


def _card(folder: Path) -> ModelCard:
    return ModelCard.model_validate_json((folder / CARD).read_text("utf-8"))


def _unet(folder: Path) -> Any:
    small = folder / quantised.FILE
    if not small.exists():
        return UNet2DConditionModel.from_pretrained(folder)
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder))
    unet.load_state_dict(quantised.load(small))
    return unet


def _packaged_text(card: ModelCard) -> tuple[Any, Any]:
    where = importlib.util.find_spec(card.text_encoder.package)
    folder = Path(where.submodule_search_locations[0]) / card.text_encoder.folder
    return (
        AutoTokenizer.from_pretrained(folder),
        BertModel.from_pretrained(folder, add_pooling_layer=False),
    )


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' progress bars and load reports: these are not the member's concern."""
    levels = transformers.logging.get_verbosity(), diffusers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    diffusers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    diffusers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(levels[0])
        diffusers.logging.set_verbosity(levels[1])
        transformers.logging.enable_progress_bar()
        diffusers.logging.enable_progress_bar()
