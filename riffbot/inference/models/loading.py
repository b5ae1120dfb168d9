"""From a folder, a file or a hub id to a `Model`, on the device and in the precision asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from pydantic import ValidationError

from riffbot.errors import BadRequest, ModelError, strip_folders
from riffbot.inference.models import checkpoints
from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.beats import STRIDE as GRID_STRIDE
from riffbot.inference.models.bert import BertConfig
from riffbot.inference.models.circular import make_circular
from riffbot.inference.models.harmony_planes import CHANNELS as HARMONY_CHANNELS
from riffbot.inference.models.library_logs import quiet
from riffbot.inference.models.model import Model, ModelCard
from riffbot.inference.models.parts import Parts
from riffbot.inference.models.sd_v1 import v1_card

CARD = "riffbot.json"
"""The file that makes a folder one of our own models."""

_DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def load_model(
    ref: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    allow_any: bool = False,
    loras: Sequence[Path] = (),
    stock: bool = False,
) -> Model:
    """Load a model; the safety checker of a foreign checkpoint is never read.

    Args:
        ref: a folder with a `riffbot.json` (ours); a Stable Diffusion v1 checkpoint as a folder
            in diffusers' layout (safetensors or .bin), a single .safetensors file, or a hub id
            such as `riffusion/riffusion-model-v1`.
        device: `auto` (CUDA, else MPS, else CPU) or a torch device.
        dtype: `auto` (float16 on CUDA, float32 elsewhere), `float32`, `float16` or `bfloat16`.
        allow_any: load a checkpoint that is not known to draw spectrograms.
        loras: folders of low-rank adapters, peft's or diffusers', merged in this order.
        stock: load the embedded model, too, with the classes of diffusers and transformers, for
            diffusers' own pipelines.

    Raises:
        ModelError: the files are missing, damaged, or not a spectrogram model's.
        BadRequest: there is no such device or precision here.
    """
    on = _device(device)
    precision = _dtype(dtype, on)
    where = checkpoints.locate(str(ref))
    own_card = read_card(where) if (where / CARD).is_file() else None
    card = own_card or v1_card(str(ref))
    with _in_words(ref):
        _check_kind(str(ref), where, card, allow_any)
        parts = checkpoints.read(where, own_card, stock=stock or bool(loras))
        files = [*parts.files, *_with_loras(parts, loras)]
    _check_shape(parts, card)
    for network in (parts.unet, parts.vae):
        if card.circular:
            make_circular(network)
        network.to(memory_format=torch.channels_last)
    with quiet():
        for network in filter(
            None, (parts.unet, parts.vae, parts.text_encoder, parts.prompt_embedding)
        ):
            network.eval().requires_grad_(False).to(on, precision)
    return Model(
        name=card.name,
        hash=_hash(files),
        tokenizer=parts.tokenizer,
        text_encoder=parts.text_encoder,
        text_window=parts.text_window,
        prompt_embedding=parts.prompt_embedding,
        unet=parts.unet,
        vae=parts.vae,
        scheduler_config=parts.scheduler_config,
        card=card,
        device=on,
        dtype=precision,
    )


def read_card(folder: Path) -> ModelCard:
    """The `riffbot.json` of a model's folder. Raises ModelError with the first thing wrong."""
    path = folder / CARD
    try:
        return ModelCard.model_validate_json(path.read_text("utf-8-sig"))
    except OSError as error:
        raise ModelError(
            f"The model's {CARD} cannot be read: {error.strerror or type(error).__name__}."
        ).with_path(path) from error
    except UnicodeDecodeError as error:
        raise ModelError(
            f"The model's {CARD} is no UTF-8: please save it as UTF-8, or fetch it anew."
        ).with_path(path) from error
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise ModelError(f"The model's {CARD} is not a model's card: {said}.").with_path(
            path
        ) from error


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BadRequest(
            f"PyTorch has no device “{name}” here; set RIFFBOT_DEVICE to auto, cpu, cuda or mps."
        ) from error
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in _DTYPES:
        raise BadRequest(
            f"“{name}” is no precision; set RIFFBOT_DTYPE to auto, {', '.join(_DTYPES)}."
        )
    return _DTYPES[name]


def _check_kind(ref: str, where: Path, card: ModelCard, allow_any: bool) -> None:
    """Refuse what would answer a prompt with a photograph, played as sound."""
    if card.kind == "spectrogram" or allow_any:
        return
    if checkpoints.names_riffusion(ref, where):
        return
    raise ModelError(
        f"{_named(ref)} does not look like a spectrogram model; set RIFFBOT_ALLOW_ANY_MODEL=true "
        f"to use it all the same."
    )


def _check_shape(parts: Parts, card: ModelCard) -> None:
    stride = 2 ** (len(parts.vae.config.block_out_channels) - 1)
    if card.width_multiple % stride:
        raise ModelError(
            f"{card.name}: width_multiple {card.width_multiple} is no multiple of the "
            f"autoencoder's stride {stride}; please correct its riffbot.json."
        )
    if card.beat_grid and stride != GRID_STRIDE:
        raise ModelError(
            f"{card.name}: a beat grid is drawn in cells of {GRID_STRIDE} columns, but the "
            f"autoencoder's stride is {stride}; please correct its riffbot.json."
        )
    inputs = parts.vae.config.latent_channels
    inputs += (GRID_CHANNELS if card.beat_grid else 0) + (
        HARMONY_CHANNELS if card.harmony_grid else 0
    )
    if parts.unet.config.in_channels != inputs:
        raise ModelError(
            f"{card.name}: the denoiser reads {parts.unet.config.in_channels} channels, but its "
            f"card and the autoencoder make {inputs}; they do not belong together."
        )
    is_shown_guidance = parts.unet.config.time_cond_proj_dim is not None
    if is_shown_guidance != (card.distilled_guidance is not None):
        raise ModelError(
            f"{card.name}: its card says that guidance {'was not' if is_shown_guidance else 'was'} "
            "distilled into the denoiser, its weights say otherwise; please correct its "
            "riffbot.json."
        )
    reads = parts.text_encoder.config
    wants = parts.unet.config.cross_attention_dim
    gives = reads.states_size if isinstance(reads, BertConfig) else reads.hidden_size
    if wants != gives:
        raise ModelError(
            f"{card.name}: the denoiser reads text of {wants} numbers a token, the text encoder "
            f"gives {gives}; they do not belong together."
        )


def _with_loras(parts: Parts, folders: Sequence[Path]) -> list[Path]:
    if not folders:
        return []
    from riffbot.inference.models import lora  # noqa: PLC0415  # brings two seconds of imports

    return [file for folder in folders for file in lora.merge(parts, folder)]


def _hash(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _named(ref: str | Path) -> str:
    """A model as strangers may read of it: a hub id whole, of a path its last part."""
    return Path(ref).name if Path(ref).exists() else str(ref)


@contextmanager
def _in_words(ref: str | Path) -> Iterator[None]:
    """What the libraries raise over a damaged file, as one sentence."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"The model {_named(ref)} cannot be loaded: {strip_folders(said[0])[:200]}"
        ).with_path(Path(ref) if Path(ref).exists() else None) from error
