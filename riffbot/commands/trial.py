"""One small riff on the whole way, from words to a row of a library, in a folder that goes again.

What cannot be told from looking (a cache that cannot be written, a codec that is not built in, a
disk that knows no locks) shows by doing it.
"""
# ruff: noqa: PLC0415 - a part that cannot even be imported is a part that fails

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from riffbot.errors import RiffBotError, told
from riffbot.settings import Settings

LIMIT_S = 180.0
"""The first time code is compiled, which takes half a minute on two busy cores."""

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
class Outcome:
    """How far the trial came.

    Attributes:
        seconds: that it took.
        failed: the part that failed; empty if all went well.
        reason: why, for the owner.
        remedy: what to do about it.
    """

    seconds: float
    failed: str = ""
    reason: str = ""
    remedy: str = ""


def attempt(settings: Settings, *, limit_s: float = LIMIT_S) -> Outcome:
    """Make one riff of some columns with the settings' model and keep it in a scratch library.

    The scratch folder lies beside the data folder's files, since that disk has to do, and is
    removed. Never raises; a part that hangs is named when the time is over, and left to itself.
    """
    trial = _Trial(settings)
    began = time.monotonic()
    thread = threading.Thread(target=trial.run, name="riffbot-trial", daemon=True)
    thread.start()
    thread.join(limit_s)
    seconds = time.monotonic() - began
    if thread.is_alive():
        return Outcome(
            seconds, trial.part, f"it is not done after {limit_s:.0f} s", _REMEDIES[trial.part]
        )
    if trial.error is None:
        return Outcome(seconds)
    return Outcome(seconds, trial.part, _words(trial.error), _REMEDIES[trial.part])


class _Trial:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.part = next(iter(_REMEDIES))
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

        self.part = "drawing a picture"
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

        self.part = "making sound of it"
        from riffbot import rendering

        rendering.sound(picture)

        self.part = "writing MP3 and PNG"
        riff = GeneratedRiff(request, picture, model.name, model.hash, {})
        rendered = rendering.render(riff, loudness_lufs=self._settings.loudness_lufs)

        self.part = "keeping it in a library"
        with tempfile.TemporaryDirectory(
            prefix=".riffbot-trial-", dir=nearest(self._settings.data_dir)
        ) as scratch:
            asyncio.run(self._kept(Path(scratch), riff, rendered))

        self.part = "listening to it"
        from audio import files, loops

        sound = files.read(rendered.mp3)
        loops.tempo(sound.samples, sound.sample_rate)

    async def _kept(self, folder: Path, riff: object, rendered: object) -> None:
        from typing import Any, cast

        from riffbot.clips.clip import load_clip
        from riffbot.library.store import Library
        from riffbot.library.types import Author

        there = self._settings.model_copy(update={"data_dir": folder, "database_url": None})
        library = await Library.open(there)
        try:
            job = await library.jobs.create(cast("Any", riff).request, author=Author(0, "trial"))
            stored = await library.jobs.finish(job.id, cast("Any", riff), cast("Any", rendered))
            clip = await load_clip(library, stored.id)
        finally:
            await library.close()
        if clip.mp3 != cast("Any", rendered).mp3:
            raise RiffBotError("what was read is not what was written")


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest thing above it that is there and can be looked at."""
    whole = folder.absolute()
    for path in (whole, *whole.parents):
        try:
            if path.exists():
                return path
        except OSError:  # may not be looked into, or a name too long
            continue
    return Path(whole.anchor)


def _words(error: Exception) -> str:
    said = " ".join(str(error).split())[:200] or "no message"
    if isinstance(error, RiffBotError):
        return told(error)
    return f"{type(error).__name__}: {said}"
