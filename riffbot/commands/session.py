"""What commands that make clips work with: settings, pictures and an engine."""
# ruff: noqa: PLC0415

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riffbot.interrupts import WARM_UP_THREAD

if TYPE_CHECKING:
    from riffbot.commands.image_resolver import ImageResolver
    from riffbot.inference.engine.engine import Engine
    from riffbot.settings import Settings


def open_session(
    model: str | None, folder: Path, *, recipe_folder: Path | None = None
) -> tuple[Settings, ImageResolver]:
    """Load the settings and prepare the folder to write to.

    Args:
        model: another model than that of the settings.
        folder: where to write; it is created if necessary.
        recipe_folder: the folder of a recipe that is replayed, which may hold its sources.

    Raises:
        BadRequest: a setting is wrong, or the folder is a file.
        StorageError: the folder cannot be written.
    """
    from riffbot.commands.files import SourceFolder, prepare_output_folder
    from riffbot.commands.image_resolver import ImageResolver

    settings = load_model_settings(model)
    out = prepare_output_folder(folder)
    return settings, ImageResolver(
        settings, SourceFolder(out), SourceFolder(recipe_folder) if recipe_folder else None
    )


def load_model_settings(model: str | None) -> Settings:
    """Load the settings, with another model if `--model` names one. Raises BadRequest."""
    from riffbot.settings import load_settings

    return load_settings(**({"model": model} if model else {}))


@asynccontextmanager
async def open_engine(settings: Settings, resolver: ImageResolver) -> AsyncIterator[Engine]:
    """Open an engine that makes clips one at a time, so that each replays to the byte."""
    from riffbot.inference.engine.engine import Engine

    engine = Engine(lambda: _open_pipeline(settings, resolver), max_batch=1)
    try:
        yield engine
    finally:
        # After Ctrl-C, do not wait for a clip that nobody will hear.
        await engine.close(grace_s=0, last_step_s=1.0)


def _open_pipeline(settings: Settings, resolver: ImageResolver) -> Any:
    """Load the model, which takes seconds, in the engine's thread."""
    from riffbot.inference.pipeline.factory import open_pipeline

    pipeline = open_pipeline(settings, resolver.images)
    # Only now: two imports at a time take turns, but the model computes beside one.
    threading.Thread(target=_load_codec, name=WARM_UP_THREAD, daemon=True).start()
    return pipeline


def _load_codec() -> None:
    """Import what makes sound of a picture, and compile it or read it from its cache."""
    with suppress(Exception):  # `rendering` meets the same fault, and reports it
        from audio import codec
        from riffbot import rendering  # noqa: F401

        codec.warm_up(analysis=False)
