"""The loss on clips that no trainer learns from: what each kind of conditioning is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from riffbot.inference.models.beats import scale_beats
from training.conditioning import Conditioner, Shown, grids, harmonies
from training.distillation import GuidedTeacher
from training.feed import read_ready
from training.flow import Question, predict_velocity, velocity_loss
from training.progress import wait_for

GUIDANCE = 4.0
"""The scale at which a distilled denoiser is compared with its teacher."""


class HeldOut:
    """Clips never trained on, at fixed noise: the loss with full conditioning, and with less."""

    def __init__(
        self,
        path: Path,
        conditioner: Conditioner,
        device: torch.device,
        teacher: GuidedTeacher | None = None,
    ) -> None:
        wait_for(path.exists, f"{path} (training.prepare)")
        ready = read_ready(path)
        rows = max(ready.values(), key=lambda rows: len(rows["told"]))
        latents, said = rows["latents"][:64].float(), rows["told"][:64]
        generator = torch.Generator().manual_seed(5)
        noise = torch.randn(latents.shape, generator=generator)
        s = (torch.arange(len(said)) + 0.5) / len(said)
        cells, rows_high = latents.shape[3], latents.shape[2]
        grid = grids(said, cells, rows_high)
        harmony = harmonies(said, cells, rows_high, [Shown()] * len(said))
        all_, no_grid, no_harmony = (
            torch.cat(both, dim=1).to(device).split(16)
            for both in (
                (grid, harmony),
                (scale_beats(grid, 0.0), harmony),
                (grid, torch.zeros_like(harmony)),
            )
        )
        cond, empty = (
            [part.split(16) for part in conditioner(texts)]
            for texts in ([t["captions"][0] for t in said], [""] * len(said))
        )
        self._rows = [part.to(device).split(16) for part in (latents, noise, s)]
        self._teacher = teacher
        self._conditions = {
            "all": (all_, *cond),
            "no_caption": (all_, *empty),
            "no_grid": (no_grid, *cond),
            "no_harmony": (no_harmony, *cond),
        }

    @torch.no_grad()
    def measure(self, network: Any) -> dict[str, float]:
        """Mean loss of each kind."""
        found = {}
        for name, parts in self._conditions.items():
            losses = [
                velocity_loss(network, Question(x, planes, (states, gist), s, noise))
                for x, noise, s, planes, states, gist in zip(*self._rows, *parts, strict=True)
            ]
            found[name] = round(torch.cat(losses).mean().item(), 4)
        if self._teacher is not None:
            found["guided"] = self._distance(network, self._teacher)
        return found

    def _distance(self, network: Any, teacher: GuidedTeacher) -> float:
        """Of one pass from the teacher's two at `GUIDANCE`, as a share of what guidance adds."""
        error = added = 0.0
        for x, noise, s, planes, states, gist in zip(
            *self._rows, *self._conditions["all"], strict=True
        ):
            question = Question(x, planes, (states, gist), s, noise)
            guidance = torch.full_like(s, GUIDANCE)
            wanted, plain = (teacher.predict(question, w) for w in (guidance, torch.ones_like(s)))
            found = predict_velocity(network, question, guidance)
            error += (found - wanted).square().mean().item()
            added += (plain - wanted).square().mean().item()
        return round(error / added, 4)
