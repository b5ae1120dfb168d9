"""Our own networks on disk: a folder with config.json and weights, in the layout of diffusers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from riffbot.errors import ModelError
from riffbot.inference.models import quantised

CONFIG = "config.json"
STEM = "diffusion_pytorch_model"
"""What diffusers calls weights; with .safetensors or .bin behind it."""

TEXT_STEMS = ("model", "pytorch_model")
"""What transformers calls weights."""

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def save(network: Any, folder: Path) -> None:
    """Write a network with a `config` dataclass: config.json and weights, in its own precision."""
    folder.mkdir(parents=True, exist_ok=True)
    save_config(network, folder)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, folder / f"{STEM}.safetensors", {"format": "pt"})


def save_config(network: Any, folder: Path) -> None:
    """Write the config.json of a network with a `config` dataclass."""
    held = {"_class_name": type(network).__name__, **dataclasses.asdict(network.config)}
    (folder / CONFIG).write_text(json.dumps(held, indent=2, sort_keys=True) + "\n", "utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of a network; what begins with `_` says who wrote it."""
    held: dict[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
    return held


def find_weights(folder: Path, stems: tuple[str, ...] = (STEM,)) -> tuple[Path, str | None]:
    """Find the weight file of a folder, and its variant: eight bits before safetensors before
    .bin, full precision before half. Raises ModelError.
    """
    small = folder / quantised.FILE
    if small.is_file():
        return small, None
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


def load(build: Any, file: Path, *, may_hold_more: bool = False) -> Any:
    """Build a network and fill it with a file's weights, in float32. Raises ModelError.

    Args:
        build: makes the network; it is called where tensors hold nothing, so that no weights are
            drawn at random first.
        file: as `find_weights` finds it.
        may_hold_more: the file may have weights that the network has no place for.
    """
    state = read_state(file)
    with torch.device("meta"):
        network = build()
    found = network.load_state_dict(state, strict=False, assign=True)
    check_complete(file.parent, found.missing_keys)
    if found.unexpected_keys and not may_hold_more:
        raise ModelError(
            f"The weights in {file.parent.name} do not fit its config.json, which has no place for "
            f"{len(found.unexpected_keys)} of them, {sorted(found.unexpected_keys)[0]} among them."
        ).with_path(file.parent)
    return network


def read_state(file: Path) -> dict[str, torch.Tensor]:
    """Read a file of weights in any precision, as float32 tensors of their own memory."""
    if file.name == quantised.FILE:
        return quantised.load(file)
    if file.suffix == ".bin":
        held = torch.load(file, map_location="cpu", weights_only=True)
    else:
        held = load_file(file)
    return {name: tensor.float() for name, tensor in held.items()}


def check_complete(folder: Path, missing: Any) -> None:
    """Raise ModelError if weights are missing, which would be left to chance."""
    if missing:
        raise ModelError(
            f"The weights in {folder.name} are not complete: {len(missing)} are missing, "
            f"{sorted(missing)[0]} among them."
        ).with_path(folder)
