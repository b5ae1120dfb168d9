"""Prompts and tempo → what the denoiser is told: token states through cross-attention and, for
models with a prompt embedding, one pooled vector beside the timestep. What it is shown, `planes`
draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from riffbot.inference.models.model import Model
from riffbot.inference.pipeline.prompt_encoder import Prompt, PromptEncoder
from riffbot.prompt import Fragment, parse
from riffbot.request import RiffRequest
from riffbot.tempo import find_tempo


class Conditioning(NamedTuple):
    """One side of the guidance: tokens float[N, T, D] and, for some models, pooled [N, P]."""

    tokens: torch.Tensor
    pooled: torch.Tensor | None


@dataclass(frozen=True)
class ConditioningGroup:
    """Rows of a batch that go through the denoiser together, and their conditioning.

    Their texts are equally long, as padding one to a longer neighbour's length would let the
    neighbour change its clip, and all or none of them need two passes.

    Attributes:
        rows: indices into the batch.
        cond: of the prompts.
        uncond: of the negative prompts; None where one pass is enough: guidance is off (scale 1)
            or distilled into the model.
        guidance: the guidance scales, float32[len(rows), 1, 1, 1].
    """

    rows: list[int]
    cond: Conditioning
    uncond: Conditioning | None
    guidance: torch.Tensor


class _PromptPair(NamedTuple):
    """A request's texts, each at its start and at its target (the same where it has none)."""

    prompts: tuple[Prompt, Prompt]
    negatives: tuple[Prompt, Prompt]


class Conditioner:
    """Makes the conditioning of a batch of resolved requests for one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._encoder = PromptEncoder(
            model.tokenizer,
            model.text_encoder,
            window=model.text_window,
            prompt_embedding=model.prompt_embedding,
        )

    def groups(self, requests: Sequence[RiffRequest]) -> list[ConditioningGroup]:
        """The batch by length of text and by passes.

        One group, unless a prompt exceeds the encoder's window or a model of distilled guidance is
        given a negative prompt.
        """
        pairs = [self._prompts(request) for request in requests]
        kinds = [
            (max(map(self._encoder.windows, [*p.prompts, *p.negatives])), self._passes(request, p))
            for request, p in zip(requests, pairs, strict=True)
        ]
        return [
            self._group(
                [i for i, found in enumerate(kinds) if found == kind], requests, pairs, kind
            )
            for kind in sorted(set(kinds))
        ]

    def _passes(self, request: RiffRequest, texts: _PromptPair) -> int:
        """How often the denoiser runs in a step, 1 or 2."""
        assert request.guidance is not None
        distilled = self._model.card.distilled_guidance
        is_negated = any(fragment.text.strip() for side in texts.negatives for fragment in side)
        is_learnt = distilled is not None and request.guidance <= distilled and not is_negated
        return 1 if request.guidance == 1.0 or is_learnt else 2

    def _group(
        self,
        rows: list[int],
        requests: Sequence[RiffRequest],
        pairs: Sequence[_PromptPair],
        kind: tuple[int, int],
    ) -> ConditioningGroup:
        windows, passes = kind
        guidance = torch.tensor([requests[i].guidance for i in rows]).view(-1, 1, 1, 1)
        alphas = [requests[i].alpha for i in rows]
        cond = self._embed([pairs[i].prompts for i in rows], alphas, windows)
        uncond = None
        if passes == 2:
            uncond = self._embed([pairs[i].negatives for i in rows], alphas, windows)
        return ConditioningGroup(rows, cond, uncond, guidance.to(self._model.device))

    def _prompts(self, request: RiffRequest) -> _PromptPair:
        # At its ends an interpolation is the clip of that end to the bit, so the other end's
        # prompt must not even lengthen the text.
        target = request.target or request
        start = target if request.alpha >= 1 else request
        end = request if request.alpha <= 0 else target
        prompts = [self._with_tempo(side.prompt, request.bpm) for side in (start, end)]
        negatives = [tuple(parse(side.negative)) for side in (start, end)]
        return _PromptPair((prompts[0], prompts[1]), (negatives[0], negatives[1]))

    def _with_tempo(self, prompt: str, bpm: float | None) -> Prompt:
        """The prompt's fragments, “, 120 bpm” appended for models that were trained so."""
        fragments = parse(prompt)
        if not self._model.card.tempo_in_prompt or bpm is None or find_tempo(prompt) is not None:
            return tuple(fragments)
        # Behind the fragments rather than the text, where an open bracket would swallow it.
        return (*fragments, Fragment(f", {round(bpm)} bpm"))

    def _embed(
        self, pairs: Sequence[tuple[Prompt, Prompt]], alphas: Sequence[float], windows: int
    ) -> Conditioning:
        """Each pair interpolated linearly by its alpha, in the model's dtype."""
        tokens, pooled = [], []
        for (start, end), alpha in zip(pairs, alphas, strict=True):
            first, last = self._encoder.encode(start, windows), self._encoder.encode(end, windows)
            tokens.append(torch.lerp(first.float(), last.float(), alpha))
            one, other = self._encoder.pooled(start), self._encoder.pooled(end)
            if one is not None and other is not None:
                pooled.append(torch.lerp(one.float(), other.float(), alpha))
        dtype = self._model.dtype
        return Conditioning(
            torch.stack(tokens).to(dtype), torch.stack(pooled).to(dtype) if pooled else None
        )
