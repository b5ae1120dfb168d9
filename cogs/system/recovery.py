"""Keeps what was promised before a crash or a restart: finishes it, or tells its owner why not."""

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
from riffbot.errors import RiffBotError
from riffbot.library.models import StoredJob
from riffbot.library.types import Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

HEADING = "I was restarted while making this; here it is."


class Recovery(commands.Cog, name="recovery"):
    """Resumes the library's unfinished jobs, once, when the bot knows its servers."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._left: Sequence[StoredJob] = ()

    async def cog_load(self) -> None:
        """Look before anybody can ask for anything new: that would be unfinished, too."""
        self._left = await self.bot.services.library.jobs.unfinished()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Discord is there: may come again after a reconnect, and then means nothing."""
        if not self.bot.simulated:
            await self.recover()

    @commands.Cog.listener()
    async def on_furnished(self, channel_id: int) -> None:
        """The local Discord is there; its world is new, so old promises are kept in its channel."""
        await self.recover(channel_id)

    async def recover(self, channel_id: int | None = None) -> None:
        """Finish everything; returns when the last of it is posted.

        Args:
            channel_id: where to post instead of where it was asked for.
        """
        jobs, self._left = self._left, ()
        if jobs:
            log.info("finishing %d riffs from before the restart", len(jobs))
        await asyncio.gather(*(self._finish(group, channel_id) for group in _asked_together(jobs)))

    async def _finish(self, jobs: list[StoredJob], channel_id: int | None) -> None:
        first = jobs[0]
        origin = first.origin if channel_id is None else Origin(channel_id=channel_id)
        if origin is None:
            await asyncio.gather(*(self._finish_unseen(job) for job in jobs))
            return
        session = GenerationTask(
            id=str(first.message_id or 0),
            place=ReplyTarget.from_origin(self.bot, first.author, origin),
            author=first.author,
            takes=[TaskItem(job.request, job) for job in jobs],
            heading=HEADING,
        )
        await session.run()

    async def _finish_unseen(self, job: StoredJob) -> None:
        """A job of the web page: nobody waits in a channel, the library keeps the riff."""
        try:
            await self.bot.services.clip_service.resume(job)
        except RiffBotError as error:
            log.info("job %s is not finished: %s", job.id, error)


def _asked_together(jobs: Iterable[StoredJob]) -> list[list[StoredJob]]:
    """Jobs of one command share its message: they are shown, and summed up, together."""

    def key(job: StoredJob) -> tuple[int, int, int]:
        return (job.channel_id or 0, job.message_id or 0, job.author_id)

    return [list(group) for _, group in groupby(sorted(jobs, key=key), key)]


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Recovery(bot))
