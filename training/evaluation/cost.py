"""How much arithmetic a clip takes, which no machine can blur."""

from __future__ import annotations

from typing import Any

from torch.utils.flop_counter import FlopCounterMode

from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest

COLUMNS = 512
"""Width of the clip that is counted, 5.12 seconds."""
PROMPT = "jazz piano"


def cost(pipeline: Pipeline) -> dict[str, Any]:
    """Floating-point operations from a prompt to a picture at the model's default steps.

    A multiplication and an addition are two operations, as `torch.utils.flop_counter` counts:
    convolutions, matrix products and attention, by part of the model, in thousands of millions.
    """
    request = resolve(
        RiffRequest(prompt=PROMPT, width=COLUMNS, seed=0), pipeline.model.card, pipeline.images
    )
    with FlopCounterMode(display=False) as counter:
        pipeline.run([request])
    by_module = counter.get_flop_counts()
    total, denoiser = counter.get_total_flops(), sum(by_module[_name(pipeline.model.unet)].values())
    return {
        "columns": COLUMNS,
        "steps": request.steps,
        "gflop": round(total / 1e9, 2),
        "denoiser": round(denoiser / 1e9, 2),
        "rest": round((total - denoiser) / 1e9, 2),
    }


def _name(module: Any) -> str:
    return type(module).__name__
