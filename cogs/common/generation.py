"""From requests to posted riffs: watch them being made, show it, deliver each, let them be stopped.

The handler of the command or button awaits its own clips here, in its own task. The engine only
leaves its latest news in each `TaskItem`; this loop looks at them at most every two seconds, so
edits are coalesced by construction and come from the one task whose interaction they use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from operator import is_not
from time import perf_counter
from typing import TYPE_CHECKING

import discord

from audio.picture import picture
from cogs.common.cards import Card
from cogs.common.clip_cards import clip_cards, progress_card, summary_card
from cogs.common.delivery import ReplyTarget
from cogs.common.errors import error_message, log_error
from cogs.common.progress import TaskItem
from cogs.common.sources import ResolvedSource
from cogs.common.visibility import author_of
from riffbot.clips.clip import Clip
from riffbot.errors import Cancelled, RiffBotError
from riffbot.inference.job import Owner, Progress
from riffbot.library.types import Author
from riffbot.rendering import heading as heading_of
from riffbot.request import Layer, RiffRequest, check_prompts

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

FIRST_LOOK_S = 0.7
INTERVAL_S = 2.0
"""Discord tolerates an edit every two seconds or so on one message."""


@dataclass(eq=False)
class GenerationTask:
    """Everything that one command or click asked for.

    Attributes:
        id: the name that the Cancel button carries.
        place: where it is shown; its first message is posted.
        author: whose the riffs are.
        takes: the clips on their way, in the order asked.
        parent, second_parent: the riffs that they descend from.
        heading: a line above every clip.
        weights: hash of the model that made it before, for a clip that is made again.
    """

    id: str
    place: ReplyTarget
    author: Author
    takes: list[TaskItem]
    parent: str | None = None
    second_parent: str | None = None
    heading: str | None = None
    weights: str | None = None
    stopped: bool = field(default=False, init=False)
    _jobs: dict[asyncio.Task[Clip], TaskItem] = field(default_factory=dict, init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _shown: list[Progress | None] = field(default_factory=list, init=False)

    async def run(self) -> None:
        """Make, show and deliver; returns when everything asked for is posted or accounted for."""
        sessions = self.place.bot.sessions
        sessions[self.id] = self
        try:
            asked = [take.request for take in self.takes if take.job is None]
            pricing = self.place.bot.services.clip_service.pricing
            price = asyncio.ensure_future(pricing.admit_together(asked))
            price.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._jobs = {asyncio.create_task(self._make(take, price)): take for take in self.takes}
            await self._watch()
            await self._conclude()
        except Exception:
            await self.place.delete()  # a bug; its message must not promise for ever
            raise
        finally:
            del sessions[self.id]
            for job in self._jobs:
                job.cancel()

    async def stop(self) -> None:
        """Take back what is not finished yet."""
        self.stopped = True
        for job in self._jobs:
            job.cancel()  # the engine drops what is queued and stops what runs at its next step

    async def _make(self, take: TaskItem, price: asyncio.Future[None]) -> Clip:
        """Make one take, after a look at what all of them cost together."""
        clip_service = self.place.bot.services.clip_service
        if take.job is not None:
            return await clip_service.resume(
                take.job, on_progress=self._listener(take), wants_preview=True
            )
        await asyncio.shield(price)
        return await clip_service.make(
            take.request,
            author=self.author,
            origin=self.place.origin,
            parent=self.parent,
            second_parent=self.second_parent,
            on_progress=self._listener(take),
            wants_preview=True,
        )

    async def _watch(self) -> None:
        """Look when there is news, and at the latest when the next edit is due.

        Both, because a lone timer stands still in the local Discord while an action is under way;
        for the same reason the time is `perf_counter`, which its simulated clock leaves alone.
        """
        pending = set(self._jobs)
        next_look = perf_counter() + FIRST_LOOK_S
        while pending:
            news = asyncio.ensure_future(self._news.wait())
            done, _ = await asyncio.wait(
                {*pending, news},
                timeout=max(0.0, next_look - perf_counter()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            news.cancel()
            self._news.clear()
            pending -= done
            for job in self._jobs:
                if job in done:
                    await self._settle(job)
            if pending and perf_counter() >= next_look:
                await self._show()
                next_look = perf_counter() + INTERVAL_S

    def _listener(self, take: TaskItem) -> Callable[[Progress], None]:
        def listen(progress: Progress) -> None:
            take.report(progress)
            self._news.set()

        return listen

    async def _settle(self, job: asyncio.Task[Clip]) -> None:
        """Deliver a finished take, or remember why there is none."""
        take = self._jobs[job]
        try:
            clip = job.result()
        except (Cancelled, asyncio.CancelledError):
            if self.place.bot.services.engine.is_closing:
                take.postponed = True
            else:
                take.failure = "cancelled"
        except Exception as error:
            log_error(error, f"a riff for member {self.author.user_id}")
            take.failure = error_message(error)
        else:
            take.clip = clip
            await self._deliver(clip)

    async def _deliver(self, clip: Clip) -> None:
        """Post a clip; several get a message each, one alone takes the first message's place."""
        place = self.place
        deliver = place.post if len(self.takes) > 1 else place.finish
        heading = self.heading
        if self.weights not in (None, clip.model_hash):
            heading = "Another model made that file, so this is a new take of it."
        cards = clip_cards(
            clip, place.filesize_limit, heading=heading, is_visible=place.is_visible_to_readers
        )
        message_id = await deliver(*cards)
        if message_id is None:
            log.warning("riff %s is in the library, but Discord did not take it", clip.id)
            return
        library = place.bot.services.library
        try:
            await library.jobs.set_message(
                clip.id, channel_id=place.channel_id, message_id=message_id
            )
        except RiffBotError as error:
            log.warning("where riff %s was posted could not be noted: %s", clip.id, error)

    async def _show(self) -> None:
        """One progress edit, if there is anything new."""
        news = [take.progress for take in self.takes]
        # By identity: two pieces of news may hold two pictures, and those do not compare.
        if len(news) != len(self._shown) or any(map(is_not, news, self._shown)):
            self._shown = news
            await self.place.edit(self._card(await self._preview()))

    async def _preview(self) -> bytes | None:
        """The forming picture of the first take that has one, drawn off the event loop."""
        for take in self.takes:
            forming = take.progress.preview if take.progress is not None else None
            if forming is not None and not take.done:
                return await asyncio.to_thread(picture, forming, title=heading_of(take.request))
        return None

    def _card(self, preview: bytes | None = None) -> Card:
        return progress_card(self.takes, self.id, self.author.user_id, preview)

    async def _conclude(self) -> None:
        """Leave the first message as it should stand for ever, and tell what went wrong."""
        if any(take.postponed for take in self.takes):
            # No button: there is nothing left to cancel until the next start.
            await self.place.edit(replace(self._card(), build_view=None))
            return
        failures = list(dict.fromkeys(t.failure for t in self.takes if t.failure is not None))
        if any(take.clip is not None for take in self.takes):
            if len(self.takes) > 1:
                await self.place.edit(summary_card(self.takes))
        else:
            await self.place.delete()
        if self.stopped:
            return  # whoever pressed Cancel was told so
        if failures:
            await self.place.send_ephemeral("\n".join(failures))


async def generate_and_post(
    interaction: discord.Interaction[RiffBot],
    requests: Sequence[RiffRequest],
    *,
    parent: str | None = None,
    second_parent: str | None = None,
    heading: str | None = None,
    weights: str | None = None,
) -> None:
    """Answer a command, a click or a modal with riffs; the arguments are those of `GenerationTask`.

    Raises:
        PromptError: a prompt cannot be read; nothing was posted.
        Refused: so many would not be let in; nothing was posted.
        discord.HTTPException: the interaction could not even be acknowledged.
    """
    for request in requests:
        if not isinstance(request.piece, Layer):  # whose prompt is a caption that no model reads
            check_prompts(request)
    author = author_of(interaction)
    interaction.client.services.engine.check(Owner(author.user_id, author.guild_id), len(requests))
    takes = [TaskItem(request) for request in requests]
    task_id = str(interaction.id)
    target = await ReplyTarget.respond(interaction, progress_card(takes, task_id, author.user_id))
    await GenerationTask(
        task_id, target, author, takes, parent, second_parent, heading, weights
    ).run()


async def generate_from_source(
    interaction: discord.Interaction[RiffBot], begin: ResolvedSource, request: RiffRequest
) -> None:
    """Answer with what was made from a start; a note about the start stands above it."""
    await generate_and_post(interaction, [request], parent=begin.start.riff_id, heading=begin.note)
