"""Resumes the jobs that a crash or restart interrupted, or tells their authors why it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from discord.ext import commands

from cogs.common.delivery import ReplyTarget
from cogs.common.generation import GenerationTask
from cogs.common.progress import TaskItem
from riffbot.errors import RiffBotError, describe_for_log
from riffbot.library.tables import StoredJob
from riffbot.library.types import Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

HEADING = "I was restarted while making this; here it is."


class RecoveryCog(commands.Cog, name="recovery"):
    """Resumes the library's unfinished jobs, once, when the bot knows its servers."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._jobs: Sequence[StoredJob] = ()

    async def cog_load(self) -> None:
        """Read the unfinished jobs before members can add new ones."""
        self._jobs = await self.bot.services.library.jobs.unfinished()

    @commands.Cog.listener()
    async def on_host_ready(self, fallback_channel_id: int | None) -> None:
        """Finish the jobs of before a restart; after a reconnect there are none left."""
        await self.recover(fallback_channel_id)

    async def recover(self, channel_id: int | None = None) -> None:
        """Finish all jobs; returns when the last is posted.

        Args:
            channel_id: where to post instead of in the channels that the jobs came from.
        """
        jobs, self._jobs = self._jobs, ()
        if jobs:
            log.info("finishing %d riffs from before the restart", len(jobs))
        await asyncio.gather(
            *(self._finish(group, channel_id) for group in _group_by_message(jobs))
        )

    async def _finish(self, jobs: list[StoredJob], channel_id: int | None) -> None:
        first = jobs[0]
        origin = first.origin if channel_id is None else Origin(channel_id=channel_id)
        if origin is None:
            await asyncio.gather(*(self._finish_without_message(job) for job in jobs))
            return
        task = GenerationTask(
            id=str(first.message_id or 0),
            target=ReplyTarget.from_origin(self.bot, first.author, origin),
            author=first.author,
            items=[TaskItem(job.request, job) for job in jobs],
            heading=HEADING,
        )
        await task.run()

    async def _finish_without_message(self, job: StoredJob) -> None:
        """Finish a job of the web page, which has no channel; the library stores the riff."""
        try:
            await self.bot.services.clip_service.resume(job)
        except RiffBotError as error:
            log.info("job %s is not finished: %s", job.id, describe_for_log(error))


def _group_by_message(jobs: Iterable[StoredJob]) -> list[list[StoredJob]]:
    """Group the jobs of one command, which share a progress message."""

    def key(job: StoredJob) -> tuple[int, int, int]:
        return (job.channel_id or 0, job.message_id or 0, job.author_id)

    return [list(group) for _, group in groupby(sorted(jobs, key=key), key)]


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(RecoveryCog(bot))
