"""`riffbot bench`: speed and quality of RiffBot, compared with what people would use instead.

Every bench measures both sides in one run on one machine, interleaved where possible, and reports
ratios: figures from another day or machine cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from riffbot.bench.progress import ProgressBar
from riffbot.settings import Settings


@dataclass(frozen=True)
class Report:
    """What a bench found.

    Attributes:
        text: a table for people.
        data: the same as JSON.
    """

    text: str
    data: dict[str, Any]


@dataclass(frozen=True)
class BenchTask:
    """How a bench is to run.

    Attributes:
        settings: whose model and seed images are measured.
        clips: repetitions; medians count.
        quick: as small as possible, to check that it runs: the figures mean nothing.
        bar: shows the progress.
    """

    settings: Settings
    clips: int
    quick: bool
    bar: ProgressBar


def _codec(task: BenchTask) -> Report:
    from riffbot.bench import codec  # noqa: PLC0415 - a bench loads only what it measures

    size = codec.QUICK if task.quick else codec.FULL
    seed_images = task.settings.seed_images
    result = codec.run(repeats=task.clips, seed_images=seed_images, size=size, bar=task.bar)
    return Report(result.table(), result.as_dict())


def _engine(task: BenchTask) -> Report:
    from riffbot.bench import engine  # noqa: PLC0415

    iterations = {"iterations": 1} if task.quick else {}
    result = engine.run(task.settings, clips=task.clips, bar=task.bar, **iterations)
    return Report(result.table(), result.as_dict())


def _model(task: BenchTask) -> Report:
    from riffbot.bench import model  # noqa: PLC0415

    prompts = {"prompts": 2} if task.quick else {}
    result = model.run(task.settings, clips=task.clips, bar=task.bar, **prompts)
    return Report(result.table(), result.as_dict())


def _jam(task: BenchTask) -> Report:
    from riffbot.bench import jam  # noqa: PLC0415

    # It plays in time and once, whatever the clips.
    size = jam.QUICK if task.quick else jam.FULL
    result = jam.run(task.settings, size=size, bar=task.bar)
    return Report(result.table(), result.as_dict())


def _voice(task: BenchTask) -> Report:
    from riffbot.bench import voice  # noqa: PLC0415

    # No model, and it plays in time.
    size = voice.QUICK if task.quick else voice.FULL
    result = voice.run(size=size, bar=task.bar)
    return Report(result.table(), result.as_dict())


def _remix(task: BenchTask) -> Report:
    from riffbot.bench import remix  # noqa: PLC0415

    size = remix.QUICK if task.quick else remix.FULL
    result = remix.run(task.settings, repeats=task.clips, size=size, bar=task.bar)
    return Report(result.table(), result.as_dict())


def _library(task: BenchTask) -> Report:
    from riffbot.bench import library  # noqa: PLC0415
    from riffbot.library.connection import database_url  # noqa: PLC0415

    riffs = 500 if task.quick else library.RIFFS
    url = database_url(task.settings.database)
    postgres = url if url.get_backend_name() == "postgresql" else None
    result = library.run(repeats=task.clips, riffs=riffs, postgres=postgres, bar=task.bar)
    return Report(result.table(), result.as_dict())


def _page(task: BenchTask) -> Report:
    from riffbot.bench import page  # noqa: PLC0415

    size = page.QUICK if task.quick else page.FULL
    result = page.run(task.settings, clips=2 * task.clips, size=size, bar=task.bar)
    return Report(result.table(), result.as_dict())


def _gpu(task: BenchTask) -> Report:
    from riffbot.bench import gpu  # noqa: PLC0415

    result = gpu.run(task.settings, clips=task.clips, tiny=task.quick, bar=task.bar)
    if not result.figures:  # one sentence
        return Report(" ".join(result.left_out.values()), result.as_dict())
    return Report(result.table(), result.as_dict())


_BENCHES: dict[str, Callable[[BenchTask], Report]] = {
    "codec": _codec,
    "engine": _engine,
    "model": _model,
    "jam": _jam,
    "voice": _voice,
    "remix": _remix,
    "library": _library,
    "page": _page,
    "gpu": _gpu,
}

NAMES = tuple(_BENCHES)


def run(name: str, settings: Settings, *, clips: int = 3, quick: bool = False) -> Report:
    """Run one bench and show its progress on stderr.

    Args:
        name: one of `NAMES`.
        clips: repetitions; medians count.
        quick: as small as possible, to check that it runs: the figures mean nothing.

    Raises:
        RiffBotError: the model cannot be loaded.
    """
    with ProgressBar(name) as bar:
        return _BENCHES[name](BenchTask(settings, clips, quick, bar))
