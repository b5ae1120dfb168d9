"""Makes one small riff, from prompt to a row of a library, in a temporary folder.

This finds what no single check can: a cache that cannot be written, a codec that is not built in,
a disk without file locks.
"""
# ruff: noqa: PLC0415 - a failing import is a failing stage

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from riffbot.errors import RiffBotError, describe_for_owner
from riffbot.settings import Settings

TIMEOUT_S = 180.0
"""The first run compiles code, which takes half a minute on two busy cores."""

STEPS = 2

_REMEDIES = {
    "loading the model": "look at the model's line above, or set RIFFBOT_MODEL to another",
    "drawing a picture": "set RIFFBOT_DEVICE=cpu and RIFFBOT_DTYPE=float32, or free some memory",
    "making sound of it": "give this user a folder that numba can write to (NUMBA_CACHE_DIR), or "
    "remove the one it has; then reinstall: make setup",
    "writing MP3 and PNG": "reinstall PyAV and Pillow: pip install --force-reinstall av pillow",
    "keeping it in a library": "give the data folder to this user, on a disk that knows locks "
    "(not every network disk does)",
    "listening to it": "reinstall librosa and numba: pip install --force-reinstall librosa numba",
}


@dataclass(frozen=True)
class TrialResult:
    """How far the trial got.

    Attributes:
        seconds: how long it took.
        failed: the stage that failed; empty if none did.
        reason: why, for the owner.
        remedy: what to do about it.
    """

    seconds: float
    failed: str = ""
    reason: str = ""
    remedy: str = ""


def run_trial(settings: Settings, *, limit_s: float = TIMEOUT_S) -> TrialResult:
    """Make one small riff with the settings' model and store it in a scratch library.

    The scratch folder lies on the disk of the data folder, which is what must work, and is
    removed. Never raises; after `limit_s` seconds a hanging stage is reported and abandoned.
    """
    trial = _Trial(settings)
    began = time.monotonic()
    thread = threading.Thread(target=trial.run, name="riffbot-trial", daemon=True)
    thread.start()
    thread.join(limit_s)
    seconds = time.monotonic() - began
    if thread.is_alive():
        return TrialResult(
            seconds, trial.stage, f"it is not done after {limit_s:.0f} s", _REMEDIES[trial.stage]
        )
    if trial.error is None:
        return TrialResult(seconds)
    return TrialResult(seconds, trial.stage, _describe_error(trial.error), _REMEDIES[trial.stage])


class _Trial:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.stage = next(iter(_REMEDIES))
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:
            self.error = error

    def _run(self) -> None:
        from riffbot.images import Images
        from riffbot.inference.pipeline.factory import open_pipeline

        images = Images(self._settings.seed_images)
        pipeline = open_pipeline(self._settings, images)

        self.stage = "drawing a picture"
        from riffbot.inference.job import GeneratedRiff
        from riffbot.inference.pipeline.resolve import resolve
        from riffbot.request import RiffRequest

        model = pipeline.model
        multiple = model.card.width_multiple
        asked = RiffRequest(
            prompt="funky sax", seed=1, steps=STEPS, width=-(-64 // multiple) * multiple
        )
        request = resolve(asked, model.card, images)
        (picture,) = pipeline.run([request])

        self.stage = "making sound of it"
        from riffbot import rendering

        rendering.sound(picture)

        self.stage = "writing MP3 and PNG"
        riff = GeneratedRiff(request, picture, model.name, model.hash, {})
        rendered = rendering.render(riff, loudness_lufs=self._settings.loudness_lufs)

        self.stage = "keeping it in a library"
        with tempfile.TemporaryDirectory(
            prefix=".riffbot-trial-", dir=nearest_existing(self._settings.data_dir)
        ) as scratch:
            asyncio.run(self._store_and_load(Path(scratch), riff, rendered))

        self.stage = "listening to it"
        from audio import files, loops

        sound = files.read(rendered.mp3)
        loops.estimate_tempo(sound.samples, sound.sample_rate)

    async def _store_and_load(self, folder: Path, riff: object, rendered: object) -> None:
        from typing import Any, cast

        from riffbot.clips.clip import load_clip
        from riffbot.library.store import Library
        from riffbot.library.types import Author

        scratch = self._settings.model_copy(update={"data_dir": folder, "database_url": None})
        library = await Library.open(scratch)
        try:
            job = await library.jobs.create(cast("Any", riff).request, author=Author(0, "trial"))
            stored = await library.jobs.finish(job.id, cast("Any", riff), cast("Any", rendered))
            clip = await load_clip(library, stored.id)
        finally:
            await library.close()
        if clip.mp3 != cast("Any", rendered).mp3:
            raise RiffBotError("what was read is not what was written")


def nearest_existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists and can be accessed."""
    whole = folder.absolute()
    for path in (whole, *whole.parents):
        try:
            if path.exists():
                return path
        except OSError:  # may not be looked into, or a name too long
            continue
    return Path(whole.anchor)


def _describe_error(error: Exception) -> str:
    message = " ".join(str(error).split())[:200] or "no message"
    if isinstance(error, RiffBotError):
        return describe_for_owner(error)
    return f"{type(error).__name__}: {message}"
