"""A riff's picture → everything a person gets: MP3, PNG, a plot to look at and words about it.

The recipe (the request, the model's name and its hash) is written into the PNG and the MP3, so a
file that left the library can still be replayed and remixed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from audio import codec, describe, encoding, image, loudness, plot
from audio.arrays import Floats, Pixels
from audio.columns import seconds_of
from riffbot.request import Extend, Morph, RiffRequest

SAMPLE_RATE = 44100
TITLE_LENGTH = 100
MAX_RECIPE = 32_000
"""Bytes of a recipe in a file, its ancestors included: some sixty generations."""


class RiffLike(Protocol):
    """What `render` needs of a riff (`riffbot.inference.job.GeneratedRiff` has it)."""

    @property
    def request(self) -> RiffRequest: ...

    @property
    def image(self) -> Pixels: ...

    @property
    def model_name(self) -> str: ...

    @property
    def model_hash(self) -> str: ...

    @property
    def batch(self) -> int: ...


@dataclass(frozen=True)
class Rendered:
    """A clip, ready to be posted.

    Attributes:
        mp3: the sound, loudness-normalised, gapless.
        png: the raw spectrogram, pixel-exact, with its parameters and recipe.
        plot: the spectrogram drawn for people (PNG).
        alt: the plot in words.
        duration_s: exactly as long as the columns of the picture.
    """

    mp3: bytes
    png: bytes
    plot: bytes
    alt: str
    duration_s: float


def render(
    riff: RiffLike,
    *,
    loudness_lufs: float = -14.0,
    made_from: Mapping[str, str] | None = None,
    retired_tag: bool = False,
) -> Rendered:
    """Turn a finished riff into files. Takes a fraction of a second; call it in a thread.

    Args:
        riff: the picture and what decided it.
        loudness_lufs: how loud.
        made_from: as for `recipe`.
        retired_tag: as for `encode_png`.

    Raises:
        audio.errors.AudioError: the picture is no spectrogram.
    """
    request = riff.request
    text = recipe(riff, made_from)
    title = heading(request)
    return Rendered(
        mp3=encoding.encode(
            sound(
                riff.image,
                seed=request.seed,
                loudness_lufs=loudness_lufs,
                loop=is_loop(request),
            ),
            SAMPLE_RATE,
            "mp3",
            tags={"title": title[:TITLE_LENGTH], "artist": "RiffBot", "comment": text},
        ),
        png=image.encode_png(riff.image, recipe=text, retired_tag=retired_tag),
        plot=plot.encode_plot(riff.image, title=title, bpm=request.bpm),
        alt=describe.describe(riff.image, bpm=request.bpm),
        duration_s=seconds_of(riff.image.shape[1]),
    )


def sound(
    pixels: Pixels,
    *,
    seed: int = 0,
    loudness_lufs: float = -14.0,
    sample_rate: int = SAMPLE_RATE,
    loop: bool = True,
) -> Floats:
    """The sound of a picture as people get it: a seamless loop at a fixed loudness.

    `loop=False` is for clips that begin and end: extended clips and morphs.
    """
    samples = codec.image_to_audio(pixels, loop=loop, seed=seed, sample_rate=sample_rate)
    return loudness.normalize(samples, sample_rate, target_lufs=loudness_lufs, loop=loop)


def heading(request: RiffRequest) -> str:
    """The title of a clip: its prompt, or both prompts of a morph."""
    if isinstance(request.piece, Morph) and request.target is not None:
        return f"{request.prompt} → {request.target.prompt}"
    return request.prompt


def is_loop(request: RiffRequest) -> bool:
    """Whether a clip is a loop, as all are but extended clips and morphs."""
    return not isinstance(request.piece, Extend | Morph)


def recipe(riff: RiffLike, made_from: Mapping[str, str] | None = None) -> str:
    """The JSON that replays a riff: `{"request": …, "model": …, "model_hash": …, "batch": n}`.

    The batch is that of `GeneratedRiff.batch`; without it a replay on an accelerator may differ by
    a pixel.

    Args:
        riff: what was made.
        made_from: the recipes of the pictures that it starts from, by their references. They
            travel along (as `"made_from": {reference: recipe}`), so that a remix of a remix can
            be made again from the first prompt on where there is no library any more.
    """
    fields: dict[str, Any] = {
        "request": riff.request.model_dump(mode="json", exclude_none=True),
        "model": riff.model_name,
        "model_hash": riff.model_hash,
        "batch": riff.batch,
    }
    ancestors = {ref: json.loads(text) for ref, text in (made_from or {}).items()}
    whole = _json({**fields, "made_from": ancestors}) if ancestors else ""
    # A line of remixes longer than a file should carry begins with its last pictures.
    return whole if 0 < len(whole.encode()) <= MAX_RECIPE else _json(fields)


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
