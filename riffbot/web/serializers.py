"""Riffs and jams as JSON for the page (`schema.py`), without names of members."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from riffbot.harmony import HarmonyText
from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.session import JamSession
from riffbot.library.jam_record import PageJam
from riffbot.naming import slugify_ascii
from riffbot.request import RiffRequest
from riffbot.web import schema

FILES = {
    "clip.mp3": ("mp3", "audio/mpeg"),
    "spectrogram.png": ("png", "image/png"),
    "picture.png": ("picture", "image/png"),
}
"""Address → which of a stored riff's files it is, and its type."""


class RiffLike(Protocol):
    """What a stored riff and a new clip have in common."""

    @property
    def id(self) -> str: ...
    @property
    def request(self) -> RiffRequest: ...
    @property
    def image_ref(self) -> str: ...
    @property
    def alt(self) -> str: ...
    @property
    def duration_s(self) -> float: ...
    @property
    def model_name(self) -> str: ...
    @property
    def model_hash(self) -> str: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...


def serialize_riff(riff: RiffLike) -> schema.Riff:
    """Serialize a riff. The page does not show who made it."""
    address = f"api/riffs/{riff.id}"
    return schema.Riff(
        id=riff.id,
        request=riff.request.model_dump(mode="json", exclude_none=True),
        picture_ref=riff.image_ref,
        alt=riff.alt,
        harmony=riff.request.harmony.describe() or None,
        duration_s=riff.duration_s,
        model=riff.model_name,
        model_hash=riff.model_hash,
        parent=riff.parent_id,
        created=riff.created_at.isoformat(),
        page=f"riff/{riff.id}",
        files=schema.RiffFiles(
            mp3=f"{address}/clip.mp3",
            png=f"{address}/spectrogram.png",
            picture=f"{address}/picture.png",
            heard=f"{address}/heard.png",
            recipe=f"{address}/recipe.json",
        ),
    )


def serialize_jam(session: JamSession) -> schema.JamStatus:
    """Serialize a jam. The page does not show who listens or votes."""
    status = session.status()
    return schema.JamStatus(
        id=status.id,
        state=status.phase,
        playing=status.current_prompt,
        coming=status.next_prompt,
        shares=[
            schema.PromptShare(prompt=s.prompt, share=round(s.share, 3), votes=len(s.voters))
            for s in status.shares
        ],
        seed_image=status.seed_image,
        bpm=session.loop_grid.bpm,
        denoising=round(status.denoising, 3),
        seed=status.seed,
        chunk=f"{status.seed}-{status.alpha:g}-{status.denoising:g}",
        played_s=round(status.played_s, 2),
        buffer_s=round(status.buffer_s, 2),
        underruns=status.underruns,
        late_chunks=status.late_chunks,
        real_time_factor=status.real_time_factor,
        listeners=status.listeners,
        private=is_private(session),
        beats=status.beats,
        alpha=status.alpha,
        harmony=HarmonyText(status.key, status.chords).describe() or None,
        error=status.error,
        head=session.ring.head * PACKET_SAMPLES,
    )


def is_private(session: JamSession) -> bool:
    """Whether a jam was started on the page, so that it belongs to no server."""
    return isinstance(session.key, PageJam)


def hide_sources(request: dict[str, Any]) -> dict[str, Any]:
    """A request as JSON without references to other riffs' pictures, which work as their links."""
    kept = {name: value for name, value in request.items() if not _is_picture(value)}
    piece = kept.get("piece", {})
    # A mask and a piece mean nothing without the picture that they belong to.
    if "seed_image" not in kept:
        kept.pop("mask", None)
    if _is_picture(piece.get("image")) or len(kept) < len(request):
        kept.pop("piece", None)
    return kept


def _is_picture(value: object) -> bool:
    return isinstance(value, str) and value.startswith("sha256:")


def download_name(riff: RiffLike, name: str) -> str:
    """The name that browsers save a file under: `funky-sax-42.mp3`."""
    stem = slugify_ascii(riff.request.prompt)
    extra = "-picture" if name == "picture.png" else ""
    return f"{stem}-{riff.request.seed}{extra}.{name.rpartition('.')[2]}"
