"""What a clip can start from: a file of picture or sound, or a clip of the library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio import codec, files, image
from riffbot import recipes
from riffbot.commands.files import LARGEST_PICTURE, existing
from riffbot.errors import BadRequest
from riffbot.images import HEIGHT
from riffbot.library.files import Files
from riffbot.settings import Settings

NARROWEST, WIDEST = 64, 2048
"""Columns of 10 ms that a clip may have."""

RECIPE_TAG = recipes.RECIPE_TAG

SOUND_SUFFIXES = {".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff"}


@dataclass(frozen=True)
class Source:
    """A picture to start from.

    Attributes:
        pixels: uint8[H, W], or uint8[H, W, 2] for stereo.
        recipe: the text in the file that says how it was made, ours or anybody's.
        cut_s: seconds that were left out because a clip holds no more.
    """

    pixels: NDArray[np.uint8]
    recipe: str | None = None
    cut_s: float = 0.0


def read(path: Path, *, start: float = 0.0, seconds: float | None = None) -> Source:
    """Read a picture or a sound as uint8[512, 64 … 2048].

    Args:
        path: the file.
        start: of a sound, the second to begin at.
        seconds: of a sound, how much to take; None takes what fits.

    Raises:
        BadRequest: it is neither, or too large, too short, damaged.
    """
    if is_sound(existing(path)):
        return _from_sound(path, start, seconds)
    source = picture(path)
    height, width = source.pixels.shape[:2]
    if height != HEIGHT or width < NARROWEST:
        raise BadRequest(
            f"“{path.name}” is {width} × {height} pixels; a spectrogram is {HEIGHT} high and "
            f"{NARROWEST} to {WIDEST} wide."
        )
    return Source(source.pixels[:, :WIDEST], source.recipe, max(0, width - WIDEST) / 100)


def picture(path: Path) -> Source:
    """Read a picture of any size, with the recipe in it. Raises BadRequest."""
    existing(path, max_bytes=LARGEST_PICTURE)
    try:
        decoded = image.decode_image(existing(path))
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error
    return Source(decoded.pixels, decoded.recipe)


def is_sound(path: Path) -> bool:
    """Whether to listen to the file rather than look at it (by its first bytes, then its name)."""
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")) or head[8:12] == b"WEBP":
        return False
    if head.startswith((b"RIFF", b"ID3", b"fLaC", b"OggS", b"FORM")):
        return True
    return path.suffix.lower() in SOUND_SUFFIXES


def recipe_in_tags(path: Path) -> str | None:
    """The recipe that a sound file carries. Raises BadRequest if it is no sound file."""
    try:
        return files.read_tags(path).get(RECIPE_TAG)
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error


def _from_sound(path: Path, start: float, seconds: float | None) -> Source:
    longest = WIDEST / 100
    if not 0 <= start < float("inf"):
        raise BadRequest(f"--start must be 0 or more, not {start:g}.")
    if seconds is not None and not NARROWEST / 100 <= seconds <= longest:
        raise BadRequest(f"--seconds must be {NARROWEST / 100} … {longest}, not {seconds:g}.")
    try:
        sound = files.read(path)
        first = round(start * sound.sample_rate)
        wanted = round((seconds or longest) * sound.sample_rate)
        taken = sound.samples[first : first + wanted]
        if len(taken) < NARROWEST / 100 * sound.sample_rate:
            raise BadRequest(
                f"“{path.name}” is {sound.seconds:.2f} s long; a clip needs {NARROWEST / 100} s"
                + (f" after --start {start:g}." if start else ".")
            )
        pixels = codec.audio_to_image(taken, sound.sample_rate)
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error
    whole = start == 0 and len(taken) == len(sound.samples)
    left_out = 0.0 if seconds else (len(sound.samples) - first - len(taken)) / sound.sample_rate
    # A part of a clip is another clip: its recipe would not make it again.
    return Source(pixels[:, :WIDEST], recipe_in_tags(path) if whole else None, left_out)


def in_library(digest: str, settings: Settings) -> Path | None:
    """Where the library keeps the file with this sha256, if it does."""
    return Files(settings.files_dir).path(digest)
