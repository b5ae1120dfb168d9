"""Clips: a stored riff with its files, ready to be posted, played or exported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from riffbot.clips import recipes
from riffbot.errors import GenerationFailed, RiffBotError
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Credit
from riffbot.rendering import Rendered, render
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Clip:
    """A stored riff with its files, ready to be posted.

    Attributes:
        id: of the riff, and of the job that made it.
        request: resolved; replays to the same picture.
        mp3, png, picture: the files' bytes: sound, raw spectrogram, plot.
        image_ref: the riff's own picture, as a seed image for other requests.
        alt: the plot in words.
        duration_s: seconds of sound.
        timings: seconds by name: `queued_s`, `generate_s`, `render_s`, `store_s`; empty for a
            clip out of the library.
        parent_id: the riff that the clip was made from.
        kind: the kind of request (`library.types.KINDS`).
        credits: the parents and their authors.
        remix_allowed: whether others may remix the riff.
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


async def load_clip(library: Library, riff_id: str) -> Clip:
    """Load a stored riff with its files; needs no engine.

    Raises:
        NotFound: it, or one of its files, is gone.
        StorageError: a file cannot be read.
    """
    stored = await library.riffs.get(riff_id)

    def read() -> Rendered:
        return Rendered(
            mp3=library.files.read(stored.mp3),
            png=library.files.read(stored.png),
            plot=library.files.read(stored.picture),
            alt=stored.alt,
            duration_s=stored.duration_s,
        )

    rendered = await asyncio.to_thread(read)
    return build_clip(stored, rendered, {}, await library.riffs.credits(stored))


def build_clip(
    stored: StoredRiff,
    rendered: Rendered,
    timings: Mapping[str, float],
    credits: tuple[Credit, ...] = (),
) -> Clip:
    """Join a row and its files; see `Clip` for the timings."""
    return Clip(
        id=stored.id,
        request=stored.request,
        mp3=rendered.mp3,
        png=rendered.png,
        picture=rendered.plot,
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


def render_clip(riff: GeneratedRiff, images: Images, *, loudness_lufs: float) -> Rendered:
    """Render a riff to its files, with the recipes of what it starts from. For a thread.

    Raises:
        GenerationFailed: it cannot be rendered, which is a bug and logged.
        RiffBotError: as `rendering.render`.
    """
    try:
        return render(
            riff,
            loudness_lufs=loudness_lufs,
            made_from=recipes.collect_ancestors(riff.request, images),
        )
    except RiffBotError:
        raise
    except Exception as error:
        log.exception("a riff of %d columns could not be rendered", riff.image.shape[1])
        raise GenerationFailed(
            "The picture was made but could not be turned into sound; the log has the details."
        ) from error
