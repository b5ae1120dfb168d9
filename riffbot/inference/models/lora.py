"""Low-rank adapters (Hu 2021), merged into the weights once, so that they cost nothing later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import PNDMScheduler, StableDiffusionPipeline
from peft import PeftModel

from riffbot.errors import ModelError, strip_folders
from riffbot.inference.models.library_logs import quiet
from riffbot.inference.models.parts import Parts

_PEFT = "adapter_config.json"


@quiet()
def merge(parts: Parts, folder: Path) -> list[Path]:
    """Merge the adapters in a folder into the denoiser and, where they reach it, the text encoder.

    Two layouts: peft's (an `adapter_config.json` in the folder, then for the denoiser, or in its
    subfolders `unet` and `text_encoder`), and diffusers' (a .safetensors file, as v1 LoRAs are
    shared).

    Returns:
        The adapters' files in a fixed order, for the model's hash.

    Raises:
        ModelError: there are no adapters, or they do not fit this model.
    """
    found = sorted(folder.rglob("*.safetensors")) if folder.is_dir() else []
    files = [file for file in found if file.is_file()]  # no pipe, which would hang
    if not files:
        raise ModelError(
            f"There is no LoRA in {folder.name}; RIFFBOT_LORAS takes folders with a .safetensors "
            "file."
        ).with_path(folder)
    try:
        if list(folder.rglob(_PEFT)):
            _merge_peft(parts, folder)
        else:
            _merge_diffusers(parts, files)
    except ModelError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"The LoRA in {folder.name} does not fit this model: {strip_folders(said[0])[:200]}"
        ).with_path(folder) from error
    return files


def _merge_peft(parts: Parts, folder: Path) -> None:
    unet = folder if (folder / _PEFT).is_file() else folder / "unet"
    if (unet / _PEFT).is_file():
        parts.unet = _merged(parts.unet, unet)
    if (folder / "text_encoder" / _PEFT).is_file():
        parts.text_encoder = _merged(parts.text_encoder, folder / "text_encoder")


def _merged(network: Any, folder: Path) -> Any:
    return PeftModel.from_pretrained(network, folder).merge_and_unload(safe_merge=True)


def _merge_diffusers(parts: Parts, files: list[Path]) -> None:
    # diffusers knows the dialects of LoRA files, but only through a pipeline.
    pipeline: Any = StableDiffusionPipeline(
        vae=parts.vae,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        unet=parts.unet,
        scheduler=PNDMScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    for file in files:
        pipeline.load_lora_weights(str(file.parent), weight_name=file.name)
        pipeline.fuse_lora(components=["unet", "text_encoder"], safe_fusing=True)
        pipeline.unload_lora_weights()
