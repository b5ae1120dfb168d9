"""A checkpoint as it is read, before it is a `Model`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
