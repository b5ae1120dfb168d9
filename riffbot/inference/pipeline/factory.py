"""The model that the settings name, ready to run."""

from __future__ import annotations

from riffbot.images import Images
from riffbot.inference.models.loading import load_model
from riffbot.inference.models.model import Model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.settings import Settings


def open_model(settings: Settings, *, stock: bool = False) -> Model:
    """Load it with its device, precision and adapters. Takes seconds.

    Args:
        stock: with diffusers' and transformers' classes, for diffusers' own pipelines.

    Raises:
        ModelError: it is missing, damaged, or no spectrogram model.
        BadRequest: there is no such device or precision here.
    """
    return load_model(
        settings.model,
        device=settings.device,
        dtype=settings.dtype,
        allow_any=settings.allow_any_model,
        loras=settings.loras,
        stock=stock,
    )


def open_pipeline(settings: Settings, images: Images) -> Pipeline:
    """The same with everything around it, from requests to pictures. Raises as `open_model`."""
    return Pipeline(open_model(settings), images)
