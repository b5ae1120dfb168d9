"""The one road from a wish to a stored clip: for the bot, the page, replays and recovery."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from audio.image import encode_png
from riffbot import recipes
from riffbot.composing import compose
from riffbot.errors import BadRequest, Cancelled, GenerationFailed, NotFound, RiffBotError
from riffbot.images import Images
from riffbot.inference.engine import Engine, Owner, Progress, Riff
from riffbot.inference.ticket import OnProgress
from riffbot.library.models import StoredJob, StoredRiff
from riffbot.library.records import DRAWING, Author, Credit, Origin
from riffbot.library.store import Library
from riffbot.rendering import Rendered, render
from riffbot.request import MAX_SEED, RiffRequest
from riffbot.settings import Settings
from riffbot.uploads import Source

__all__ = ["MAX_ATTEMPTS", "Author", "Clip", "Origin", "Studio", "stored_clip", "takes"]

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""A job that the model started on this often without an end is not tried again."""

OnTake = Callable[[int, Progress], None]


@dataclass(frozen=True, eq=False)
class Clip:
    """A stored riff with its files, ready to be posted.

    Attributes:
        id: the riff's name in the library, and its job's.
        request: resolved; replays to the same picture.
        mp3, png, picture: the files' bytes: sound, raw spectrogram, spectrogram for people.
        image_ref: the riff's own picture as another request's seed image.
        alt: the picture in words.
        duration_s: seconds of sound.
        timings: seconds by name: `queued_s`, `generate_s`, `render_s`, `store_s`; empty for a
            clip out of the library.
        parent_id: the riff that it was made from.
        kind: what made it (`records.KINDS`).
        credits: whom it owes its beginning.
        remix_allowed: whether others may start from it.
    """

    id: str
    request: RiffRequest
    mp3: bytes
    png: bytes
    picture: bytes
    image_ref: str
    alt: str
    duration_s: float
    model_name: str
    model_hash: str
    author: Author
    parent_id: str | None
    created_at: datetime
    timings: Mapping[str, float] = field(default_factory=dict)
    kind: str = "riff"
    credits: tuple[Credit, ...] = ()
    remix_allowed: bool = True


class Studio:
    """Makes clips and keeps them.

    Every clip takes the same way: its job is written down, the engine makes the picture, a thread
    renders it, the library keeps row and files. A crash anywhere leaves an unfinished job for
    `resume`.
    """

    def __init__(
        self, engine: Engine, library: Library, settings: Settings, images: Images | None = None
    ) -> None:
        self._engine = engine
        self._library = library
        self._settings = settings
        self._parts: dict[str, str] = {}  # job → the engine's name for what it computes of it now
        # Composed clips lend their half-made pictures to the engine's pipeline through these.
        self._images = images or Images(settings.seed_images, library.files.path)

    async def make(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        second_parent: str | None = None,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
    ) -> Clip:
        """Make one clip and keep it.

        Cancelling the awaiting task cancels the job.

        Args:
            parent, second_parent: ids of the riffs that it is made from.
            on_progress, wants_preview, deadline: as for `Engine.submit`.

        Raises:
            BadRequest: the request is nonsense, or the parent is gone.
            Refused: the line is too long, or too many of the author's clips wait already.
            Cancelled: it was taken back.
            ModelError, GenerationFailed, StorageError: it could not be made or kept.
        """
        self._engine.check(_owner(author))
        job = await self._library.create_job(
            request, author=author, origin=origin, parent=parent, second_parent=second_parent
        )
        return await self._carry_out(
            job, on_progress=on_progress, wants_preview=wants_preview, deadline=deadline
        )

    async def make_many(
        self,
        requests: Sequence[RiffRequest],
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        on_progress: OnTake | None = None,
        wants_preview: bool = False,
    ) -> AsyncIterator[tuple[int, Clip]]:
        """Make several clips of one member (see `takes`), each given as soon as it is done.

        They are let in together or not at all. Leaving early (`aclose`, cancellation) takes back
        what is not done.

        Args:
            on_progress: told the number of the request, from 0, and its progress.

        Yields:
            The number of the request and its clip.

        Raises:
            RiffBotError: what the first clip that failed raised, after all others were given.
        """
        self._engine.check(_owner(author), len(requests))

        async def one(number: int) -> tuple[int, Clip]:
            listener = None if on_progress is None else lambda news: on_progress(number, news)
            clip = await self.make(
                requests[number],
                author=author,
                origin=origin,
                parent=parent,
                on_progress=listener,
                wants_preview=wants_preview,
            )
            return number, clip

        tasks = [asyncio.create_task(one(number)) for number in range(len(requests))]
        failure: RiffBotError | None = None
        try:
            for done in asyncio.as_completed(tasks):
                try:
                    yield await done
                except RiffBotError as error:
                    failure = failure or error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if failure is not None:
            raise failure

    async def resume(
        self,
        job: StoredJob,
        *,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
    ) -> Clip:
        """Finish a job of `Library.unfinished_jobs` after a crash; the door does not refuse it.

        Raises:
            GenerationFailed: it was tried `MAX_ATTEMPTS` times, and each time RiffBot went down.
            RiffBotError: as `make`.
        """
        if job.attempts >= MAX_ATTEMPTS:
            sentence = (
                f"I broke down {job.attempts} times while making this riff, so I gave up on it; "
                "please try other settings."
            )
            await self._library.fail_job(job.id, sentence)
            raise GenerationFailed(sentence)
        return await self._carry_out(
            job, on_progress=on_progress, wants_preview=wants_preview, promised=True
        )

    async def replay(self, riff_id: str) -> Riff:
        """Compute a stored riff once more; nothing is stored. The picture is the same to the byte.

        Raises:
            NotFound: there is no such riff.
            BadRequest: it was made by a model that is not the one loaded.
            RiffBotError: as `make`.
        """
        stored = await self._library.get(riff_id)
        riff = await self._replayed(stored.request, stored.batch)
        if riff.model_hash != stored.model_hash:
            raise BadRequest(
                f"The riff {riff_id} was made by the model {stored.model_name} "
                f"({stored.model_hash[:8]}); {riff.model_name} ({riff.model_hash[:8]}) would make "
                "another one of it."
            )
        return riff

    async def clip(self, riff_id: str) -> Clip:
        """A stored riff with its files.

        Raises:
            NotFound: it, or one of its files, is gone.
            StorageError: a file cannot be read.
        """
        return await stored_clip(self._library, riff_id)

    async def adopt(
        self, source: Source, *, author: Author, origin: Origin | None = None
    ) -> StoredRiff:
        """Keep an upload as its bringer's, so that what is made from it can name its beginning.

        Raises:
            StorageError: it cannot be kept.
        """
        ref = await asyncio.to_thread(self.keep, source.pixels, source.recipe)
        request = RiffRequest(
            prompt=source.name, seed=0, seed_image=ref, denoising=0.0, bpm=source.bpm
        )
        taken_as = DRAWING if source.kind == "drawing" else "an upload"
        riff = Riff(request, source.pixels, taken_as, "0" * 64)
        rendered = await asyncio.to_thread(self._render, riff)
        # The picture itself as it came: one that was made here knows its recipe.
        png = await asyncio.to_thread(encode_png, source.pixels, recipe=source.recipe)
        return await self._library.adopt(
            riff, replace(rendered, png=png), author=author, origin=origin
        )

    def keep(self, pixels: NDArray[np.uint8], recipe: str | None = None) -> str:
        """Put a picture into the library's files; returns its reference. For a thread.

        A file that no riff refers to within the hour is collected.

        Raises:
            StorageError: the disk is full or read-only.
        """
        return f"sha256:{self._library.files.put(encode_png(pixels, recipe=recipe), '.png')}"

    def picture(self, ref: str) -> NDArray[np.uint8]:
        """The picture behind a reference, of any width: uint8[512, W]. For a thread.

        Raises:
            NotFound: there is none (any more).
        """
        return self._images.any_width(ref)

    def thumbnails(self, riffs: Iterable[StoredRiff]) -> dict[str, NDArray[np.uint8]]:
        """The first five seconds of each riff's picture, small: for drawings. For a thread."""
        found = {}
        for riff in riffs:
            if riff.gone is None:
                with suppress(RiffBotError):
                    found[riff.id] = self._images.any_width(riff.image_ref)[::4, :512:4]
        return found

    def recipe_in(self, data: bytes) -> recipes.Recipe:
        """The recipe in a downloaded clip. For a thread.

        Raises:
            BadRequest: the file holds no recipe.
        """
        recipe = recipes.inside(data)
        if recipe is None:
            raise BadRequest(
                "That file holds no recipe: take a .png, .mp3 or .json that RiffBot made, as it "
                "was downloaded."
            )
        return recipe

    async def revive(self, recipe: recipes.Recipe, *, author: Author) -> recipes.Recipe:
        """The recipe of a downloaded clip, ready to be made again here.

        Pictures that it starts from and that are gone are made again first, from the recipes that
        travel in the file, in their asker's turn like any other clip.

        Raises:
            NotFound: it starts from a picture that is gone and that nothing tells of.
            RiffBotError: as `make`.
        """
        owner = _owner(author)
        return await recipes.revived(
            recipe,
            there=self._there,
            make=lambda older: self._replayed(
                older.request,
                # A batch that is never made here cannot be needed for an exact copy either.
                older.batch if older.batch <= self._settings.max_batch else 1,
                owner,
            ),
            keep=lambda png: self._library.files.put(png, ".png"),
        )

    def _there(self, ref: str) -> bool:
        try:
            self._images.any_width(ref)
        except NotFound:
            return False
        return True

    async def _replayed(self, request: RiffRequest, batch: int, owner: Owner | None = None) -> Riff:
        return await compose(
            request,
            self._images,
            lambda r, number, _: self._engine.submit(
                r, batch=batch, owner=owner, promised=number > 0
            ),
        )

    async def store(
        self,
        riff: Riff,
        rendered: Rendered,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
    ) -> Clip:
        """Keep a riff that was made elsewhere (a stretch of a jam).

        Raises:
            StorageError: the library cannot take it.
        """
        job = await self._library.create_job(
            riff.request, author=author, origin=origin, parent=parent
        )
        try:
            stored = await self._library.finish_job(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._note_end(job.id, error))
            raise
        return _clip(stored, rendered, {})

    def cancel(self, job_id: str) -> bool:
        """Take back a job by its id; whether there was anything to take back."""
        return self._engine.cancel(self._parts.get(job_id, job_id)) > 0

    async def _carry_out(
        self,
        job: StoredJob,
        *,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
        promised: bool = False,
    ) -> Clip:
        try:
            riff = await self._compute(job, on_progress, wants_preview, deadline, promised)
            started = time.monotonic()
            rendered = await asyncio.to_thread(self._render, riff)
            rendered_at = time.monotonic()
            stored = await self._library.finish_job(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._note_end(job.id, error))
            raise
        timings = {
            **riff.timings,
            "render_s": rendered_at - started,
            "store_s": time.monotonic() - rendered_at,
        }
        return _clip(stored, rendered, timings, await self._library.credits(stored))

    async def _compute(
        self,
        job: StoredJob,
        on_progress: OnProgress | None,
        wants_preview: bool,
        deadline: float | None,
        promised: bool,
    ) -> Riff:
        """The job's picture, or all of its pictures as one."""

        async def submit(request: RiffRequest, number: int, count: int) -> Riff:
            # The engine may still be clearing away the picture before.
            part = self._parts[job.id] = job.id if number == 0 else f"{job.id}.{number}"
            return await self._engine.submit(
                request,
                deadline=deadline,
                owner=_owner(job.author),
                on_progress=_of_many(on_progress, number, count),
                wants_preview=wants_preview,
                job_id=part,
                on_start=(lambda: self._library.begin_job(job.id)) if number == 0 else None,
                # What was let in is finished, however long the line has become meanwhile.
                promised=promised or number > 0,
            )

        try:
            return await compose(job.request, self._images, submit)
        finally:
            self._parts.pop(job.id, None)

    async def _note_end(self, job_id: str, error: BaseException) -> None:
        """Write down why there is no clip; when RiffBot stops, the next start finishes it."""
        taken_back = isinstance(error, Cancelled | asyncio.CancelledError)
        if taken_back and self._engine.closing:
            return
        try:
            if taken_back:
                await self._library.cancel_job(job_id)
            else:
                await self._library.fail_job(job_id, str(error))
        except RiffBotError:
            log.exception("job %s: its end could not be noted", job_id)

    def _render(self, riff: Riff) -> Rendered:
        try:
            return render(
                riff,
                loudness_lufs=self._settings.loudness_lufs,
                made_from=recipes.ancestors(riff.request, self._images),
            )
        except RiffBotError:
            raise
        except Exception as error:
            log.exception("a riff could not be rendered: %s", riff.request.model_dump_json())
            raise GenerationFailed(
                "The picture was made but could not be turned into sound; the log has the details."
            ) from error


async def stored_clip(library: Library, riff_id: str) -> Clip:
    """A clip out of a library, no engine needed; see `Studio.clip`."""
    stored = await library.get(riff_id)

    def read() -> Rendered:
        return Rendered(
            mp3=library.files.read(stored.mp3),
            png=library.files.read(stored.png),
            picture=library.files.read(stored.picture),
            alt=stored.alt,
            duration_s=stored.duration_s,
        )

    rendered = await asyncio.to_thread(read)
    return _clip(stored, rendered, {}, await library.credits(stored))


def takes(request: RiffRequest, count: int) -> list[RiffRequest]:
    """`count` takes of a request: its own seed and the ones that follow it."""
    return [
        request.model_copy(update={"seed": (request.seed + number) % (MAX_SEED + 1)})
        for number in range(count)
    ]


def _owner(author: Author) -> Owner:
    return Owner(author.user_id, author.guild_id)


def _of_many(on_progress: OnProgress | None, number: int, count: int) -> OnProgress | None:
    """News of one picture as news of the whole clip that it is a part of."""
    if on_progress is None or count == 1:
        return on_progress

    def tell(news: Progress) -> None:
        if news.stage == "queued" and number > 0:
            return  # between its pictures a clip is not waiting: it goes on
        left, steps = news.eta_s, news.steps or 1
        if left is not None and news.step > 0:
            # What is left of this picture tells how long the others take.
            share = (steps - news.step) / steps
            left = left + (count - 1 - number) * left / share if share else None
        on_progress(
            replace(
                news,
                eta_s=left,
                step=number * steps + news.step,
                steps=count * steps if news.steps else 0,
            )
        )

    return tell


def _clip(
    stored: StoredRiff,
    rendered: Rendered,
    timings: Mapping[str, float],
    credits: tuple[Credit, ...] = (),
) -> Clip:
    return Clip(
        id=stored.id,
        request=stored.request,
        mp3=rendered.mp3,
        png=rendered.png,
        picture=rendered.picture,
        image_ref=stored.image_ref,
        alt=stored.alt,
        duration_s=stored.duration_s,
        model_name=stored.model_name,
        model_hash=stored.model_hash,
        author=stored.author,
        parent_id=stored.parent_id,
        created_at=stored.created_at,
        timings=timings,
        kind=stored.kind,
        credits=credits,
        remix_allowed=stored.remix_allowed,
    )
