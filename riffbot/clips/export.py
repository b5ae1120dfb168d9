"""Exporting a clip as a file: sound, spectrogram, video, recipe, or a ZIP of all."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from audio import encoding, image
from audio.video import playhead_video
from riffbot.errors import BadRequest, shorten
from riffbot.naming import slugify_ascii
from riffbot.rendering import SAMPLE_RATE, heading, is_loop, sound

if TYPE_CHECKING:
    from riffbot.clips.clip import Clip

FORMATS = {
    "mp4": "MP4 · video with a moving playhead",
    "mp3": "MP3 · the clip, its recipe inside",
    "wav": "WAV · 24 bit, for your studio",
    "flac": "FLAC · the same, smaller",
    "ogg": "OGG · Vorbis",
    "png": "PNG · the raw spectrogram, its recipe inside",
    "json": "JSON · the recipe alone",
    "zip": "ZIP · sound, pictures and recipe",
}
"""Descriptions of the formats, by the suffix of the file."""

_VIDEO_S = 10.0
"""How long a video repeats a loop, in seconds, about."""

_SOUND_FORMATS: tuple[Literal["wav", "flac", "ogg"], ...] = ("wav", "flac", "ogg")


def export(clip: Clip, format: str, loudness_lufs: float = -14.0) -> tuple[str, bytes]:
    """Export a stored clip as a file. Takes up to some seconds; call it in a thread.

    Args:
        clip: a stored clip with the contents of its files.
        format: one of `FORMATS`.
        loudness_lufs: the loudness of a sound that is rendered again, in LUFS.

    Returns:
        The file's name, in plain ASCII, and its bytes.

    Raises:
        BadRequest: there is no such format.
    """
    if format not in FORMATS:
        raise BadRequest(f"“{shorten(format)}” is no format I can write: use {', '.join(FORMATS)}.")
    stem = slugify_ascii(heading(clip.request))
    name = f"{stem}-{clip.id}.{format}"
    builders: dict[str, Callable[[], bytes]] = {
        "mp3": lambda: clip.mp3,
        "png": lambda: clip.png,
        "json": lambda: encode_recipe(clip),
        "mp4": lambda: _render_video(clip, loudness_lufs),
        "zip": lambda: _pack_zip(clip, stem),
    }
    for kind in _SOUND_FORMATS:
        builders[kind] = lambda kind=kind: _render_sound(clip, kind, loudness_lufs)  # type: ignore[misc]
    return name, builders[format]()


def encode_recipe(clip: Clip) -> bytes:
    """Return the recipe of a clip as JSON in UTF-8, as its files contain it."""
    text = image.decode_image(clip.png, max_pixels=10**9).recipe or json.dumps(
        {"request": clip.request.model_dump(mode="json", exclude_none=True)}
    )
    return text.encode()


def _render_sound(clip: Clip, kind: Literal["wav", "flac", "ogg"], loudness_lufs: float) -> bytes:
    # Rendered from the spectrogram rather than decoded from the MP3, which is lossy.
    pixels = image.decode_image(clip.png, max_pixels=10**9).pixels
    samples = sound(
        pixels,
        seed=clip.request.seed,
        loudness_lufs=loudness_lufs,
        loop=is_loop(clip.request),
    )
    tags = {"title": heading(clip.request)[:100], "artist": "RiffBot"}
    return encoding.encode(samples, SAMPLE_RATE, kind, tags=tags)


def _render_video(clip: Clip, loudness_lufs: float) -> bytes:
    pixels = image.decode_image(clip.png, max_pixels=10**9).pixels
    loop = is_loop(clip.request)
    samples = sound(pixels, seed=clip.request.seed, loudness_lufs=loudness_lufs, loop=loop)
    return playhead_video(
        pixels,
        samples,
        SAMPLE_RATE,
        title=heading(clip.request),
        bpm=clip.request.bpm,
        rounds=max(1, round(_VIDEO_S / clip.duration_s)) if loop else 1,
    )


def _pack_zip(clip: Clip, stem: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{stem}.mp3", clip.mp3)
        archive.writestr(f"{stem}.png", clip.png)
        archive.writestr(f"{stem}-picture.png", clip.picture)
        archive.writestr(f"{stem}.json", encode_recipe(clip))
    return out.getvalue()
