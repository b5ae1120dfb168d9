"""The progress of a clip of many pictures."""

from __future__ import annotations

from dataclasses import replace

from riffbot.inference.engine.pending_job import OnProgress
from riffbot.inference.job import Progress


def whole_clip_progress(
    on_progress: OnProgress | None, number: int, count: int, rest_s: float | None = None
) -> OnProgress | None:
    """Turn the progress of one picture into the progress of the clip that it is a part of.

    Args:
        number, count: the number of the picture, from 0, and how many there are.
        rest_s: the estimated seconds of the pictures after it; None if unknown.
    """
    if on_progress is None or count == 1:
        return on_progress

    def report(news: Progress) -> None:
        if news.stage == "queued" and number > 0:
            return  # between its pictures a clip counts as running
        left, steps = news.eta_s, news.steps or 1
        if left is not None and news.step > 0:
            # The others are assumed to take as long as this picture.
            share = (steps - news.step) / steps
            left = left + (count - 1 - number) * left / share if share else rest_s
        elif left is not None and rest_s is not None:
            left += rest_s
        on_progress(
            replace(
                news,
                eta_s=left,
                step=number * steps + news.step,
                steps=count * steps if news.steps else 0,
            )
        )

    return report
