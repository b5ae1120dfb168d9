"""The state of each clip that is being generated, and the messages that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import discord

from cogs.common.buttons import cancel_view
from cogs.common.cards import Card, CardFile
from cogs.common.formatting import (
    ACCENT,
    MUTED,
    format_duration,
    format_ordinal,
    join_parts,
    progress_bar,
)
from cogs.common.markdown import escape_line
from riffbot.clips.clip import Clip
from riffbot.inference.job import Progress
from riffbot.library.tables import StoredJob
from riffbot.rendering import heading
from riffbot.request import RiffRequest

POSTPONED = "I have to restart; this comes as soon as I am back."

PREVIEW_FILE = "forming.png"


@dataclass(eq=False)
class TaskItem:
    """One clip of a `GenerationTask`.

    `progress` is written by the engine from any thread and read by the event loop: it is replaced
    as a whole, never changed.

    Attributes:
        request: what was requested.
        job: the stored job from before a restart that this item resumes; None for a new one.
        progress: the engine's latest progress; None before the first.
        clip: the clip, once it is made.
        failure: why there is no clip, in one sentence.
        is_postponed: RiffBot stops, and the next start will finish it.
        job_id: the id of its job, for which the server's quotas are charged.
    """

    request: RiffRequest
    job: StoredJob | None = None
    progress: Progress | None = None
    clip: Clip | None = None
    failure: str | None = None
    is_postponed: bool = False
    job_id: str | None = None

    def update(self, progress: Progress) -> None:
        """Take over the engine's progress; keep the last preview where it brings none."""
        if progress.preview is None and self.progress is not None:
            progress = replace(progress, preview=self.progress.preview)
        self.progress = progress

    @property
    def is_done(self) -> bool:
        """Whether there is a clip or a failure."""
        return self.clip is not None or self.failure is not None

    def describe(self) -> str:
        """One line for the progress message."""
        if self.failure is not None:
            return self.failure
        if self.clip is not None:
            return "done"
        if self.is_postponed:
            return POSTPONED
        now = self.progress
        if now is None:
            return "getting ready"
        left = f"about {format_duration(now.eta_s)} left" if now.eta_s is not None else None
        if now.stage == "queued":
            next_up = now.position <= 1
            place = "next in line" if next_up else f"{format_ordinal(now.position)} in line"
            return join_parts(place, left)
        bar = progress_bar(now.step, now.steps)
        return join_parts(bar, f"step {now.step} of {now.steps}", left)


def progress_card(
    items: Sequence[TaskItem], task_id: str, user_id: int, preview: bytes | None = None
) -> Card:
    """The first message while clips are being generated.

    Args:
        task_id, user_id: for the Cancel button.
        preview: a PNG of the first unfinished item.
    """
    if len(items) == 1:
        lines = [items[0].describe()]
    else:
        lines = [f"**{number}** {item.describe()}" for number, item in enumerate(items, 1)]
    embed = discord.Embed(
        title=escape_line(heading(items[0].request)), description="\n".join(lines), colour=MUTED
    )
    files: tuple[CardFile, ...] = ()
    if preview is not None:
        files = (CardFile(PREVIEW_FILE, preview, "The spectrogram as it forms out of noise"),)
        embed.set_image(url=f"attachment://{PREVIEW_FILE}")
    return Card(embed=embed, files=files, build_view=partial(cancel_view, task_id, user_id))


def summary_card(items: Sequence[TaskItem]) -> Card:
    """The first message after several clips: each has a message of its own below."""
    made = [item.clip for item in items if item.clip is not None]
    seeds = ", ".join(f"`{clip.request.seed}`" for clip in made)
    lines = [f"{len(made)} takes below · seeds {seeds}" if len(made) > 1 else f"seed {seeds}"]
    lines += [item.failure for item in items if item.failure is not None]
    embed = discord.Embed(
        title=escape_line(heading(items[0].request)), description="\n".join(lines), colour=ACCENT
    )
    return Card(embed=embed)
