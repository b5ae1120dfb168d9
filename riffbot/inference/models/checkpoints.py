"""Finding and reading a checkpoint's files: our folders, v1 folders, single files, hub ids.

What the embedded model is made of is ours and imported here; diffusers and transformers, which
take seconds, only where a checkpoint needs them (`stock_checkpoints`).
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from riffbot.errors import ModelError, strip_folders
from riffbot.inference.models import network_files, quantised
from riffbot.inference.models.bert import Bert, BertConfig
from riffbot.inference.models.model import ModelCard, TextEncoderCard
from riffbot.inference.models.parts import Parts
from riffbot.inference.models.patch_autoencoder import PatchAutoencoder
from riffbot.inference.models.prompt_embedding import PromptEmbedding
from riffbot.inference.models.unet import UNet, UNetConfig
from riffbot.inference.models.wordpiece import WordPiece

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FETCHED = ["*.json", "tokenizer/*", "scheduler/*"] + [
    f"{part}/*{suffix}"
    for part in ("unet", "vae", "text_encoder")
    for suffix in (".json", ".safetensors", ".bin")
]


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
    from huggingface_hub import snapshot_download  # noqa: PLC0415  # most never fetch

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


def read(where: Path, card: ModelCard | None, *, stock: bool = False) -> Parts:
    """Read a checkpoint from a folder in diffusers' layout or from a single file.

    Args:
        where: a folder or file.
        card: of one of our own models; None for a foreign checkpoint.
        stock: read denoiser and text encoder with the classes of diffusers and transformers, as
            adapters and diffusers' pipelines expect them, though ours would do.
    """
    if where.is_file():
        return _stock().read_file(where)
    return _read_folder(where, card, stock=stock or card is None)


def _read_folder(folder: Path, card: ModelCard | None, *, stock: bool) -> Parts:
    text_card = card.text_encoder if card else None
    unet, unet_file = read_unet(folder / "unet", stock=stock)
    vae, vae_file = read_autoencoder(folder / "vae")
    if text_card is None:
        encoder_folder, tokenizer_folder = folder / "text_encoder", folder / "tokenizer"
    else:
        encoder_folder = tokenizer_folder = _text_folder(folder, text_card)
    encoder, encoder_file = _read_text_encoder(encoder_folder, stock=stock)
    tokenizer = _read_tokenizer(tokenizer_folder, stock=stock or not isinstance(encoder, Bert))
    files, prompt_embedding = [unet_file, vae_file, encoder_file], None
    if (folder / "gist").is_dir():
        prompt_embedding, embedding_file = _read_own(PromptEmbedding, folder / "gist")
        files.append(embedding_file)
    return Parts(
        unet=unet,
        vae=vae,
        tokenizer=tokenizer,
        text_encoder=encoder,
        text_window=text_card.max_length
        if text_card
        else min(tokenizer.model_max_length, encoder.config.max_position_embeddings),
        scheduler_config=json.loads(
            (folder / "scheduler" / "scheduler_config.json").read_text("utf-8")
        ),
        files=files,
        prompt_embedding=prompt_embedding,
    )


def read_unet(folder: Path, *, stock: bool = False) -> tuple[Any, Path]:
    """Read a denoiser, ours if it is of this configuration; and the file of its weights."""
    # Full precision stays with diffusers, which leaves weights where they lie in the file: what was
    # made with such a model replays to the bit only with weights at the same alignment.
    is_small = (folder / quantised.FILE).is_file()
    config = UNetConfig.from_json(network_files.read_config(folder)) if is_small else None
    if config is None or stock:
        return _stock().read_unet(folder)
    file, _ = network_files.find_weights(folder)
    return network_files.load(partial(UNet, config), file), file


def read_autoencoder(folder: Path) -> tuple[Any, Path]:
    """Read ours if the folder's config says so, else AutoencoderKL; and the file of its weights."""
    named = network_files.read_config(folder).get("_class_name")
    if named == PatchAutoencoder.__name__:
        return _read_own(PatchAutoencoder, folder)
    return _stock().read_autoencoder(folder)


def _read_own(kind: Any, folder: Path) -> tuple[Any, Path]:
    """A network whose config's fields are its arguments."""
    config = network_files.read_config(folder)
    settings = {key: value for key, value in config.items() if not key.startswith("_")}
    file, _ = network_files.find_weights(folder)
    return network_files.load(partial(kind, **settings), file), file


def _read_text_encoder(folder: Path, *, stock: bool) -> tuple[Any, Path]:
    if not (folder / network_files.CONFIG).is_file():
        raise ModelError(
            f"{folder.name} holds no text encoder (its config.json is missing)."
        ).with_path(folder)
    config = BertConfig.from_json(network_files.read_config(folder))
    # Encoders in eight bits are ours (`training.text_encoder`), and transformers has no such class.
    is_ours = (folder / quantised.FILE).is_file()
    if config is None or (stock and not is_ours):
        return _stock().read_text_encoder(folder)
    file, _ = network_files.find_weights(folder, network_files.TEXT_STEMS)
    try:
        # Checkpoints have a pooler, which nothing here reads.
        return network_files.load(partial(Bert, config), file, may_hold_more=True), file
    except ModelError:
        if is_ours:
            raise
        # transformers knows the names that weights had in earlier years, too.
        return _stock().read_text_encoder(folder)


def _read_tokenizer(folder: Path, *, stock: bool) -> Any:
    return (
        _stock().read_tokenizer(folder)
        if stock or not WordPiece.suits(folder)
        else WordPiece(folder)
    )


def _stock() -> ModuleType:
    """What reads with diffusers' and transformers' classes."""
    from riffbot.inference.models import stock_checkpoints  # noqa: PLC0415  # takes seconds

    return stock_checkpoints


def _text_folder(model: Path, card: TextEncoderCard) -> Path:
    """Where encoder and tokenizer are: in the model's own folder, or in an installed package."""
    if card.package is None:
        return model / card.folder
    spec = importlib.util.find_spec(card.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"The text encoder {card.package} is not installed; please run make setup again."
        )
    return Path(spec.submodule_search_locations[0]) / card.folder
