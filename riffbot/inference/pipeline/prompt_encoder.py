"""Weighted prompts -> token embeddings that the denoiser reads.

A prompt longer than the encoder's window (CLIP 77 tokens, MiniLM 32) is cut into windows that are
encoded one by one and laid end to end, so nothing is lost; the shorter of two prompts that must be
mixed is filled up with empty windows.

A model with a prompt embedding (`models.prompt_embedding`) is conditioned on one pooled vector of
the whole prompt as well. A weight w moves that vector along what the fragment adds: by w - 1 times
the difference between the prompt with the fragment and without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from cachetools import LRUCache

from riffbot.prompt import Fragment

CACHED_PROMPTS = 64
"""Embeddings kept; a CLIP window takes 0.2 MB, a MiniLM window 0.05 MB."""

Prompt = tuple[Fragment, ...]


class PromptEncoder:
    """A tokenizer and its encoder with weights, windows and a small memory.

    Args:
        tokenizer: any transformers tokenizer that frames a text with two special tokens.
        encoder: BertModel or CLIPTextModel in evaluation mode.
        window: tokens in one window, the two special ones included.
        prompt_embedding: pools token states into one vector; None for models without it.
    """

    def __init__(
        self, tokenizer: Any, encoder: Any, *, window: int, prompt_embedding: Any = None
    ) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._window = window
        self._first, self._last = tokenizer("").input_ids
        # CLIP was trained without a mask over its padding, BERT with one; as in diffusers, the
        # encoder's config says which, and BERT's own default is to use it.
        self._masked = getattr(
            encoder.config, "use_attention_mask", encoder.config.model_type == "bert"
        )
        self._prompt_embedding = prompt_embedding
        self._cache: LRUCache[Prompt, torch.Tensor] = LRUCache(CACHED_PROMPTS)
        self._pooled: LRUCache[Prompt, torch.Tensor] = LRUCache(CACHED_PROMPTS)

    def windows(self, prompt: Prompt) -> int:
        """How many windows the prompt fills, at least 1."""
        return len(self._cut(self._tokens(prompt)))

    def encode(self, prompt: Prompt, windows: int = 1) -> torch.Tensor:
        """Embed a weighted prompt.

        Args:
            prompt: fragments as `riffbot.prompt.parse` gives them.
            windows: fill up with empty windows to this many, so that prompts can be mixed.

        Returns:
            float[windows * window, dim] in the encoder's dtype and on its device.
        """
        embedded = self._embed_cached(prompt)
        missing = windows - embedded.shape[0] // self._window
        if missing <= 0:
            return embedded
        return torch.cat([embedded, *[self._embed_cached((Fragment(""),))] * missing])

    def pooled(self, prompt: Prompt) -> torch.Tensor | None:
        """The whole prompt as one vector, float[size]; None without a prompt embedding."""
        if self._prompt_embedding is None:
            return None
        if (pooled := self._pooled.get(prompt)) is None:
            pooled = self._pooled[prompt] = self._weighted_pooled(prompt)
        return pooled

    def _weighted_pooled(self, prompt: Prompt) -> torch.Tensor:
        plain = tuple(replace(fragment, weight=1.0) for fragment in prompt)
        whole = self._unweighted_pooled(plain)
        pooled = whole
        for place, fragment in enumerate(prompt):
            if fragment.weight != 1.0:
                without = self._unweighted_pooled((*plain[:place], *plain[place + 1 :]))
                pooled = pooled + (fragment.weight - 1.0) * (whole - without)
        return pooled

    @torch.inference_mode()
    def _unweighted_pooled(self, prompt: Prompt) -> torch.Tensor:
        """The mean over the prompt's windows."""
        states, mask = self._encoded(self._cut(self._tokens(prompt)))
        pooled: torch.Tensor = self._prompt_embedding(states, mask).mean(0)
        return pooled

    def _embed_cached(self, prompt: Prompt) -> torch.Tensor:
        if (embedded := self._cache.get(prompt)) is None:
            embedded = self._cache[prompt] = self._embed(self._tokens(prompt))
        return embedded

    def _tokens(self, prompt: Prompt) -> list[tuple[int, float]]:
        """Each token with its weight, without the special tokens."""
        return [
            (token, fragment.weight)
            for fragment in prompt
            for token in self._tokenizer(fragment.text, add_special_tokens=False).input_ids
        ]

    def _cut(self, tokens: Sequence[tuple[int, float]]) -> list[Sequence[tuple[int, float]]]:
        room = self._window - 2
        return [tokens[at : at + room] for at in range(0, len(tokens), room)] or [[]]

    @torch.inference_mode()
    def _embed(self, tokens: Sequence[tuple[int, float]]) -> torch.Tensor:
        cut = self._cut(tokens)
        embedded, _ = self._encoded(cut)
        weights = torch.ones(len(cut), self._window)
        for row, part in enumerate(cut):
            weights[row, 1 : len(part) + 1] = torch.tensor([weight for _, weight in part])
        return _weighted(embedded, weights.to(embedded)).flatten(0, 1)

    def _encoded(self, cut: list[Sequence[tuple[int, float]]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token states float[windows, window, dim] and which of them are the text's own."""
        device = self._encoder.device
        ids = torch.tensor([self._framed([token for token, _ in part]) for part in cut])
        used = torch.tensor([len(part) + 2 for part in cut])
        mask = (torch.arange(self._window) < used[:, None]).long().to(device)
        embedded = self._encoder(
            input_ids=ids.to(device), attention_mask=mask if self._masked else None
        )[0]
        return embedded, mask

    def _framed(self, ids: list[int]) -> list[int]:
        padding = [self._tokenizer.pad_token_id] * (self._window - 2 - len(ids))
        return [self._first, *ids, self._last, *padding]


def _weighted(embedded: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Scale each token by its weight, then move the whole back to the mean it had.

    The long-prompt-weighting pipeline restores the mean by a ratio. MiniLM's embeddings have a
    mean of about 0.01 at a spread of 0.45, where a ratio of means is noise and may flip the sign;
    a shift restores it as exactly and cannot.

    Args:
        embedded: float[windows, window, dim].
        weights: float[windows, window].
    """
    if bool((weights == 1).all()):
        return embedded
    scaled = embedded.float() * weights.float()[..., None]
    return (scaled + (embedded.float().mean() - scaled.mean())).to(embedded)
