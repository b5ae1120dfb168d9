"""`riffbot bench`: what RiffBot takes and how good it is, beside what people would use instead.

Every bench measures both sides in one run on one machine, interleaved where it can be, and reports
ratios: figures of another day or machine prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def _codec(settings: Settings, clips: int) -> Report:
    from riffbot import bench_codec  # noqa: PLC0415 - a bench loads only what it measures

    result = bench_codec.run(repeats=clips, seed_images=settings.seed_images)
    return Report(result.table(), result.as_dict())


def _engine(settings: Settings, clips: int) -> Report:
    from riffbot import bench_engine  # noqa: PLC0415

    result = bench_engine.run(settings, clips=clips)
    return Report(result.table(), result.as_dict())


def _model(settings: Settings, clips: int) -> Report:
    from riffbot import bench_model  # noqa: PLC0415

    result = bench_model.run(settings, clips=clips)
    return Report(result.table(), result.as_dict())


def _jam(settings: Settings, clips: int) -> Report:
    from riffbot import bench_jam  # noqa: PLC0415

    del clips  # it plays in time and once
    result = bench_jam.run(settings)
    return Report(result.table(), result.as_dict())


def _voice(settings: Settings, clips: int) -> Report:
    from riffbot import bench_voice  # noqa: PLC0415

    del settings, clips  # no model, and it plays in time
    result = bench_voice.run()
    return Report(result.table(), result.as_dict())


def _remix(settings: Settings, clips: int) -> Report:
    from riffbot import bench_remix  # noqa: PLC0415

    result = bench_remix.run(settings, repeats=clips)
    return Report(result.table(), result.as_dict())


def _library(_: Settings, clips: int) -> Report:
    from riffbot import bench_library  # noqa: PLC0415

    result = bench_library.run(repeats=clips)
    return Report(result.table(), result.as_dict())


def _page(settings: Settings, clips: int) -> Report:
    from riffbot import bench_page  # noqa: PLC0415

    result = bench_page.run(settings, clips=2 * clips)
    return Report(result.table(), result.as_dict())


_BENCHES: dict[str, Callable[[Settings, int], Report]] = {
    "codec": _codec,
    "engine": _engine,
    "model": _model,
    "jam": _jam,
    "voice": _voice,
    "remix": _remix,
    "library": _library,
    "page": _page,
}

NAMES = tuple(_BENCHES)


def run(name: str, settings: Settings, *, clips: int = 3) -> Report:
    """Run one bench.

    Args:
        name: one of `NAMES`.
        clips: repetitions; medians count.

    Raises:
        RiffBotError: the model cannot be loaded.
    """
    return _BENCHES[name](settings, clips)
