"""A clip: a stored riff with its files, ready to be posted, played or taken along."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from riffbot.library.models import StoredRiff
from riffbot.library.store import Library
from riffbot.library.types import Author, Credit
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest


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


async def load_clip(library: Library, riff_id: str) -> Clip:
    """A clip out of a library, no engine needed.

    Raises:
        NotFound: it, or one of its files, is gone.
        StorageError: a file cannot be read.
    """
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
    return build_clip(stored, rendered, {}, await library.credits(stored))


def build_clip(
    stored: StoredRiff,
    rendered: Rendered,
    timings: Mapping[str, float],
    credits: tuple[Credit, ...] = (),
) -> Clip:
    """A row and its files as one; see `Clip` for the timings."""
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
