"""A stretch of a jam → the files of a riff."""

from __future__ import annotations

import json

import numpy as np

from audio import describe, encoding, image, picture
from riffbot import rendering
from riffbot.inference.job import Riff
from riffbot.jam.types import Kept

_FADE_S = 0.02
"""A kept stretch begins and ends within the music; so much keeps its ends from clicking."""


def rendered(kept: Kept) -> rendering.Rendered:
    """The MP3 and the pictures of what was heard. Takes about a second; call it in a thread.

    Returns:
        The MP3 and the picture for people show the whole stretch; the raw spectrogram is the last
        chunk, which the recipe makes again to the byte. The recipe's `jam` lists all chunks.
    """
    riff = Riff(kept.request, kept.chunk, kept.model_name, kept.model_hash)
    recipe = json.dumps(
        {**json.loads(rendering.recipe(riff)), "jam": kept.stretch.to_json()},
        ensure_ascii=False,
        separators=(",", ":"),
    )
    title, bpm = " → ".join(kept.prompts)[: rendering.TITLE_LENGTH], kept.request.bpm
    return rendering.Rendered(
        mp3=encoding.encode(
            _faded(kept),
            kept.sample_rate,
            "mp3",
            tags={"title": title, "artist": "RiffBot", "comment": recipe},
        ),
        png=image.encode_png(kept.chunk, recipe=recipe),
        picture=picture.picture(kept.picture, title=title, bpm=bpm),
        alt=describe.describe(kept.picture, bpm=bpm),
        duration_s=len(kept.samples) / kept.sample_rate,
    )


def _faded(kept: Kept) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    samples = kept.samples.copy()
    fade = min(len(samples) // 2, round(_FADE_S * kept.sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    samples[:fade] *= ramp
    samples[len(samples) - fade :] *= ramp[::-1]
    return samples
