"""One clip of a request on its way, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cogs.common.formatting import format_duration, format_ordinal, join_parts, progress_bar
from riffbot.clips.clip import Clip
from riffbot.inference.job import Progress
from riffbot.library.models import StoredJob
from riffbot.request import RiffRequest

POSTPONED = "I have to restart; this comes as soon as I am back."


@dataclass(eq=False)
class TaskItem:
    """What is known of a clip now.

    `progress` is written by the engine, from whichever thread it likes, and read by the event loop:
    one reference, replaced whole.

    Attributes:
        request: what was asked for.
        progress: the engine's latest news; None before the first.
        clip: the clip, once it is made.
        failure: why there is none, in one sentence.
        postponed: RiffBot stops, and the next start will finish it.
        job: the promise from before a restart that this take keeps; None for a new one.
    """

    request: RiffRequest
    job: StoredJob | None = None
    progress: Progress | None = None
    clip: Clip | None = None
    failure: str | None = None
    postponed: bool = False

    def report(self, progress: Progress) -> None:
        """The engine's `on_progress`: keeps the last preview where the news bring none."""
        if progress.preview is None and self.progress is not None:
            progress = replace(progress, preview=self.progress.preview)
        self.progress = progress

    @property
    def done(self) -> bool:
        """Nothing more will happen to this take."""
        return self.clip is not None or self.failure is not None

    def __str__(self) -> str:
        """One line: where this take is."""
        if self.failure is not None:
            return self.failure
        if self.clip is not None:
            return "done"
        if self.postponed:
            return POSTPONED
        now = self.progress
        if now is None:
            return "getting ready"
        wait = f"about {format_duration(now.eta_s)} left" if now.eta_s is not None else None
        if now.stage == "queued":
            place = (
                "next in line" if now.position <= 1 else f"{format_ordinal(now.position)} in line"
            )
            return join_parts(place, wait)
        return join_parts(
            progress_bar(now.step, now.steps), f"step {now.step} of {now.steps}", wait
        )
