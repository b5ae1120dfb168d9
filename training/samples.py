"""Draws the questions that the denoiser learns from: clips, what is shown of them, noise.

One caption in ten is empty, for classifier-free guidance, and then beat and harmony are mostly
faint, as guidance shows them to its unprompted half. One beat grid in seven is blank, the key in
half of the clips and the chords in a third, so that prompts that name none stay free.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from riffbot.inference.models.beats import scale_beats
from training.ahead import CaptionsAhead, GridsAhead, HarmoniesAhead
from training.conditioning import Conditioner, Shown, grids, harmonies, has_even_halves
from training.dataset import ByWidth, Json
from training.feed import Batch
from training.flow import Question, noise_levels

EMPTY_CAPTIONS = 0.1
BLANK_GRIDS = 0.15
FAINT = 0.8
"""Share of the empty captions beside which beat and harmony are shown at a random share of their
size, as far as they are shown."""
KEYS_SHOWN = 0.5
CHORDS_SHOWN = 0.65
BASSES: tuple[Literal["always", "changes", "never"], ...] = ("always", "changes", "never")
"""How the bass of shown chords is, each as often as the next: all of it is a bass line, where the
chord changes it is what a chord's name says."""
HALVED = 0.75
"""Share of the batches made of halves while there are any."""


@dataclass(frozen=True)
class Sources:
    """What makes conditioning of captions and labels.

    Attributes:
        conditioner: as `conditioning.Conditioner`.
        grids, harmonies: as the functions of `conditioning`.
    """

    conditioner: Any
    grids: Any
    harmonies: Any

    @classmethod
    def of(cls, gist: Path, device: torch.device, *, ahead: bool) -> Sources:
        """Those of a gist's checkpoint; with `ahead` each answer is kept on the device."""
        conditioner = Conditioner(gist, device)
        if not ahead:
            return cls(conditioner, grids, harmonies)
        return cls(CaptionsAhead(conditioner, device), GridsAhead(device), HarmoniesAhead(device))


class QuestionDrawer:
    """Draws questions from the clips of a store.

    Args:
        store: grows while it is drawn from.
        generator: decides everything but the noise, which has a generator on the device.
    """

    def __init__(
        self, store: ByWidth, sources: Sources, generator: torch.Generator, device: torch.device
    ) -> None:
        self._store, self._sources = store, sources
        self._generator, self._device = generator, device
        # Drawn where it is used: a batch of a GPU has tens of millions of numbers.
        self._noise = torch.Generator(device).manual_seed(generator.initial_seed())
        self._empty = sources.conditioner([""])

    def draw(self, size: int, *, with_halves: bool = False) -> Question:
        """Draw `size` clips of one width, or with `with_halves` often twice as many halves."""
        batch = self._draw_clips(size, with_halves)
        count = len(batch.labels)
        silent = torch.rand(count, generator=self._generator) < EMPTY_CAPTIONS
        latents, planes = batch.latents.to(self._device), self._draw_planes(batch, silent)
        # The networks are circular, but their strides are not: turn the clip by up to a stride.
        turn = int(torch.randint(4, (1,), generator=self._generator).item())
        latents, planes = latents.roll(turn, -1), planes.roll(turn, -1)
        conditioning = self._draw_captions(batch.labels, silent)
        noise = torch.randn(latents.shape, generator=self._noise, device=self._device)
        s = noise_levels(count, self._generator).to(self._device)
        return Question(latents, planes, conditioning, s, noise)

    def _draw_clips(self, size: int, with_halves: bool) -> Batch:
        """Whole clips, or twice as many halves, which are whole measures."""
        generator = self._generator
        dice = torch.rand(1, generator=generator).item()
        if with_halves and dice < HALVED:
            latents, labels = self._store.draw(4 * size, generator)
            fit = [i for i, said in enumerate(labels) if has_even_halves(said)][: 2 * size]
            cells = latents.shape[3]
            if cells % 2 == 0 and len(fit) >= size:
                half = int(torch.randint(2, (1,), generator=generator).item())
                first = half * cells // 2
                latents = latents[fit][..., first : first + cells // 2]
                return Batch(latents.float(), [labels[i] for i in fit], half)
        latents, labels = self._store.draw(size, generator)
        return Batch(latents.float(), labels, None)

    def _draw_planes(self, batch: Batch, silent: Tensor) -> Tensor:
        """The beat grid and the harmony of each clip as they are shown, (B, …, rows, cells)."""
        rows, cells = batch.latents.shape[2:]
        grid = self._sources.grids(batch.labels, cells, rows, 1 if batch.half is None else 2)
        share = draw_shares(silent, BLANK_GRIDS, self._generator).to(self._device)
        grid = scale_beats(grid.to(self._device), share.view(-1, 1, 1, 1))
        shown = draw_shown(len(silent), self._generator)
        harmony = self._sources.harmonies(batch.labels, cells, rows, shown, half=batch.half)
        share = draw_shares(silent, 0.0, self._generator).to(self._device)
        return torch.cat([grid, harmony.to(self._device) * share.view(-1, 1, 1, 1)], dim=1)

    def _draw_captions(self, labels: list[Json], silent: Tensor) -> tuple[Tensor, Tensor]:
        """Token states and prompt embeddings of a caption each; of the empty one where `silent`."""
        picks = torch.randint(1 << 30, (len(labels),), generator=self._generator).tolist()
        texts = [
            said["captions"][pick % len(said["captions"])]
            for said, pick in zip(labels, picks, strict=True)
        ]
        states, gist = self._sources.conditioner(texts)
        silent = silent.to(self._device)
        states = torch.where(silent[:, None, None], self._empty[0], states)
        return states, torch.where(silent[:, None], self._empty[1], gist)


def draw_shown(count: int, generator: torch.Generator) -> list[Shown]:
    """Draw what is shown of the harmony of `count` clips."""
    key, chords, bass = torch.rand(3, count, generator=generator).tolist()
    return [
        Shown(k < KEYS_SHOWN, c < CHORDS_SHOWN, BASSES[int(b * len(BASSES))])
        for k, c, b in zip(key, chords, bass, strict=True)
    ]


def draw_shares(silent: Tensor, blank: float, generator: torch.Generator) -> Tensor:
    """Draw how much of each clip's beat or harmony is shown, (B,), 0 … 1: of a share `blank` of all
    nothing, of most others without a caption some.
    """
    dice, share = torch.rand(2, len(silent), generator=generator)
    loud = torch.where(dice < blank, 0.0, 1.0)
    faint = torch.where(dice < FAINT, share, 1.0)
    # Where no tempo is known guidance has neither words nor beat in its unprompted half.
    return torch.where(silent & (dice >= blank), faint, loud)
