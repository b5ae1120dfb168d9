"""Generates riffs for a command or click: shows progress, posts each clip, can be cancelled.

A `GenerationTask` runs in the asyncio task of the command or click. The engine only leaves the
latest progress in each `TaskItem`; the task reads it at most every two seconds. So edits are
coalesced, and all of them come from the one task whose interaction they use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from operator import is_not
from typing import TYPE_CHECKING

import discord

from audio.plot import encode_plot
from cogs.common.cards import Card
from cogs.common.clip_cards import clip_cards
from cogs.common.delivery import ReplyTarget
from cogs.common.errors import error_message, log_error
from cogs.common.progress import TaskItem, progress_card, summary_card
from cogs.common.rules import admit_riffs
from cogs.common.sources import ResolvedSource
from cogs.common.visibility import author_of
from riffbot.clips.clip import Clip
from riffbot.clips.harmony_notes import describe_ignored_harmony
from riffbot.clock import monotonic
from riffbot.errors import Cancelled, Postponed, RiffBotError
from riffbot.harmony import NO_HARMONY, HarmonyText
from riffbot.inference.job import Progress, Requester
from riffbot.library.types import Author
from riffbot.rendering import heading as heading_of
from riffbot.request import Layer, RiffRequest

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

FIRST_EDIT_S = 0.7
EDIT_INTERVAL_S = 2.0
"""Discord tolerates about one edit every two seconds on one message."""


@dataclass(eq=False)
class GenerationTask:
    """All clips that one command or click requested.

    Attributes:
        id: the part of the Cancel button's custom id that names this task.
        target: where progress and clips are posted; its first message is sent already.
        author: the author of the riffs.
        items: the clips, in the order requested.
        parent, second_parent: ids of the riffs that these are made from.
        heading: a line above every clip.
        model_hash: of the model that made the clip before, where a clip is made again.
        held: key and chords of the source, which nobody asked for anew.
    """

    id: str
    target: ReplyTarget
    author: Author
    items: list[TaskItem]
    parent: str | None = None
    second_parent: str | None = None
    heading: str | None = None
    model_hash: str | None = None
    held: HarmonyText = NO_HARMONY
    stopped: bool = field(default=False, init=False)
    _running: dict[asyncio.Task[Clip], TaskItem] = field(default_factory=dict, init=False)
    _progressed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _shown: list[Progress | None] = field(default_factory=list, init=False)

    async def run(self) -> None:
        """Generate, show progress and post; returns when every item is posted or has failed."""
        active = self.target.bot.generation_tasks
        active[self.id] = self
        try:
            requests = [item.request for item in self.items if item.job is None]
            pricing = self.target.bot.services.clip_service.pricing
            admission = asyncio.ensure_future(pricing.admit_together(requests))
            # Retrieve its exception, which nobody awaits when all items are cancelled.
            admission.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._running = {
                asyncio.create_task(self._generate(item, admission)): item for item in self.items
            }
            await self._watch()
            await self._conclude()
        except Exception:
            await self.target.delete()  # a bug: no message may go on promising a riff
            raise
        finally:
            del active[self.id]
            for running in self._running:
                running.cancel()

    async def stop(self) -> None:
        """Cancel what is not finished yet."""
        self.stopped = True
        for running in self._running:
            running.cancel()  # the engine drops queued jobs and stops running ones at a step

    async def _generate(self, item: TaskItem, admission: asyncio.Future[None]) -> Clip:
        """Generate one item once all requests are admitted; a stored job resumes at once."""
        clip_service = self.target.bot.services.clip_service
        if item.job is not None:
            return await clip_service.resume(
                item.job, on_progress=self._progress_callback(item), wants_preview=True
            )
        await asyncio.shield(admission)
        return await clip_service.make(
            item.request,
            author=self.author,
            origin=self.target.origin,
            parent=self.parent,
            second_parent=self.second_parent,
            job_id=item.job_id,
            on_progress=self._progress_callback(item),
            wants_preview=True,
        )

    async def _watch(self) -> None:
        """Handle progress and finished items until none is left.

        Wakes on progress and, at the latest, when the next edit is due. A timer alone stands still
        in the local Discord while an action is under way; for the same reason the clock is
        `riffbot.clock.monotonic`, which the simulated time leaves alone.
        """
        pending = set(self._running)
        next_edit = monotonic() + FIRST_EDIT_S
        while pending:
            progressed = asyncio.ensure_future(self._progressed.wait())
            done, _ = await asyncio.wait(
                {*pending, progressed},
                timeout=max(0.0, next_edit - monotonic()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            progressed.cancel()
            self._progressed.clear()
            pending -= done
            for running in self._running:
                if running in done:
                    await self._collect(running)
            if pending and monotonic() >= next_edit:
                await self._show_progress()
                next_edit = monotonic() + EDIT_INTERVAL_S

    def _progress_callback(self, item: TaskItem) -> Callable[[Progress], None]:
        def on_progress(progress: Progress) -> None:
            item.update(progress)
            self._progressed.set()

        return on_progress

    async def _collect(self, finished: asyncio.Task[Clip]) -> None:
        """Post a finished item, or note why it failed."""
        item = self._running[finished]
        try:
            clip = finished.result()
        except (Cancelled, asyncio.CancelledError):
            if self.target.bot.services.engine.is_closing:
                item.is_postponed = True
            else:
                item.failure = "cancelled"
                await self._give_back(item)
        except Exception as error:
            log_error(error, f"a riff for member {self.author.user_id}")
            item.failure = error_message(error)
            if not isinstance(error, Postponed):
                await self._give_back(item)
        else:
            item.clip = clip
            await self._post(item, clip)

    async def _give_back(self, item: TaskItem) -> None:
        """Give back the quota of an item that is not made; its job has done so if it was stored."""
        if item.job_id is None or self.author.guild_id is None:
            return
        try:
            await self.target.bot.services.library.quotas.give_back([item.job_id])
        except RiffBotError as error:
            log.warning("the quota of %s could not be given back: %s", item.job_id, error)

    def _heading(self, item: TaskItem, clip: Clip) -> str | None:
        """What stands above a clip: about its source, and what its model could not be told."""
        heading = self.heading
        if self.model_hash not in (None, clip.model_hash):
            heading = "Another model made that file, so this is a new take of it."
        ignored = describe_ignored_harmony(item.request, clip.request, clip.model_name, self.held)
        return " ".join(filter(None, (heading, ignored))) or None

    async def _post(self, item: TaskItem, clip: Clip) -> None:
        """Post a clip: one of several as a new message, a single one in the first message."""
        target = self.target
        post = target.post if len(self.items) > 1 else target.finish
        cards = clip_cards(
            clip,
            target.filesize_limit,
            heading=self._heading(item, clip),
            is_visible=target.is_visible_to_readers,
        )
        message_id = await post(*cards)
        if message_id is None:
            log.warning("riff %s is in the library, but Discord did not take it", clip.id)
            return
        library = target.bot.services.library
        try:
            await library.jobs.set_message(
                clip.id, channel_id=target.channel_id, message_id=message_id
            )
        except RiffBotError as error:
            log.warning("where riff %s was posted could not be noted: %s", clip.id, error)

    async def _show_progress(self) -> None:
        """Edit the progress message, if anything changed."""
        latest = [item.progress for item in self.items]
        # By identity: progress may hold pixels, which do not compare to a single truth value.
        if len(latest) != len(self._shown) or any(map(is_not, latest, self._shown)):
            self._shown = latest
            await self.target.edit(self._progress_card(await self._preview_png()))

    async def _preview_png(self) -> bytes | None:
        """The plot of the first unfinished item's preview, drawn in a thread; None without one."""
        for item in self.items:
            preview = item.progress.preview if item.progress is not None else None
            if preview is not None and not item.is_done:
                return await asyncio.to_thread(encode_plot, preview, title=heading_of(item.request))
        return None

    def _progress_card(self, preview: bytes | None = None) -> Card:
        return progress_card(self.items, self.id, self.author.user_id, preview)

    async def _conclude(self) -> None:
        """Bring the first message into its final state and report failures to the asker."""
        if any(item.is_postponed for item in self.items):
            # No button: there is nothing left to cancel until the next start.
            await self.target.edit(replace(self._progress_card(), build_view=None))
            return
        failures = list(dict.fromkeys(i.failure for i in self.items if i.failure is not None))
        if any(item.clip is not None for item in self.items):
            if len(self.items) > 1:
                await self.target.edit(summary_card(self.items))
        else:
            await self.target.delete()
        if self.stopped:
            return  # the Cancel button has answered already
        if failures:
            await self.target.send_ephemeral("\n".join(failures))


async def generate_and_post(
    interaction: discord.Interaction[RiffBot],
    requests: Sequence[RiffRequest],
    *,
    parent: str | None = None,
    second_parent: str | None = None,
    heading: str | None = None,
    model_hash: str | None = None,
    held: HarmonyText = NO_HARMONY,
    are_stored: bool = False,
) -> None:
    """Answer a command, click or modal with riffs; the arguments are those of `GenerationTask`.

    Args:
        are_stored: as for `admit_riffs`.

    Raises:
        PromptError: a prompt cannot be parsed; nothing was posted.
        Disallowed: a rule does not allow it; nothing was posted.
        Refused: the engine admits no more requests; nothing was posted.
        discord.HTTPException: the interaction could not even be acknowledged.
    """
    for request in requests:  # stored ones, too: of buttons and /replay
        if not isinstance(request.piece, Layer):  # its prompt is a caption that no model reads
            request.check_prompts()
    author = author_of(interaction)
    interaction.client.services.engine.check(
        Requester(author.user_id, author.guild_id), len(requests)
    )
    admission = await admit_riffs(interaction, requests, are_stored=are_stored)
    items = [
        TaskItem(request, job_id=job_id)
        for request, job_id in zip(admission.requests, admission.job_ids, strict=True)
    ]
    task_id = str(interaction.id)
    try:
        target = await ReplyTarget.respond(
            interaction, progress_card(items, task_id, author.user_id)
        )
    except BaseException:
        await interaction.client.services.library.quotas.give_back(admission.job_ids)
        raise
    if admission.warning is not None:
        await target.send_ephemeral(admission.warning)
    task = GenerationTask(
        task_id, target, author, items, parent, second_parent, heading, model_hash, held
    )
    await task.run()


async def generate_from_source(
    interaction: discord.Interaction[RiffBot], resolved: ResolvedSource, request: RiffRequest
) -> None:
    """Answer with a riff made from a source; the note about the source stands above it."""
    await generate_and_post(
        interaction,
        [request],
        parent=resolved.source.riff_id,
        heading=resolved.note,
        held=resolved.source.harmony,
    )
