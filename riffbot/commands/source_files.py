"""Reads seed images, masks and recipes from picture and sound files.

Nothing is fitted here: a picture must be a spectrogram of the right height, a sound is taken from
its start. Sources of edits are fitted, cut to whole beats or taken as drawings instead:
`riffbot.commands.edit_sources`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio import codec, decoder, filetypes, regrid
from audio.columns import seconds_of
from audio.image import SpectrogramImage
from riffbot.clips import recipes
from riffbot.commands.files import MAX_PICTURE_BYTES, require_file
from riffbot.errors import BadRequest
from riffbot.images import HEIGHT
from riffbot.library.files import Files
from riffbot.settings import Settings
from riffbot.tempo import MAX_WIDTH, MIN_WIDTH

RECIPE_TAG = recipes.RECIPE_TAG

SOUND_SUFFIXES = {".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff"}


@dataclass(frozen=True)
class SourceFile:
    """A picture that was read from a file.

    Attributes:
        pixels: uint8[H, W], or uint8[H, W, 2] for stereo.
        recipe: the text of the recipe in the file; not validated.
        cut_s: seconds that were cut off because a clip may not be longer.
        notes: further sentences about what was lost.
        retired_tag: the picture was written by an earlier version (`audio.params.RETIRED_TAG`).
    """

    pixels: NDArray[np.uint8]
    recipe: str | None = None
    cut_s: float = 0.0
    notes: tuple[str, ...] = ()
    retired_tag: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what of the file was not used; empty if all of it was."""
        if self.cut_s <= 0.005:
            return self.notes
        taken_s = seconds_of(self.pixels.shape[1])
        return (f"took {taken_s:g} s and left out {self.cut_s:.1f} s.", *self.notes)


def read_source(path: Path) -> SourceFile:
    """Read a picture or a sound from its beginning, as much as fits: uint8[512, 64 … 2048].

    Raises:
        BadRequest: it is neither, or too large, too short, damaged.
    """
    if is_sound(require_file(path)):
        return _read_sound(path)
    try:
        source = _to_source(regrid.to_standard(decoder.decode_image(path)))
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error
    height, width = source.pixels.shape[:2]
    if height != HEIGHT or width < MIN_WIDTH:
        raise BadRequest(
            f"“{path.name}” is {width} × {height} pixels; a spectrogram is {HEIGHT} high and "
            f"{MIN_WIDTH} to {MAX_WIDTH} wide."
        )
    cut_s = seconds_of(max(0, width - MAX_WIDTH))
    return replace(source, pixels=source.pixels[:, :MAX_WIDTH], cut_s=cut_s)


def read_picture(path: Path) -> SourceFile:
    """Read a picture of any size, with the recipe in it. Raises BadRequest."""
    require_file(path, max_bytes=MAX_PICTURE_BYTES)
    try:
        return _to_source(decoder.decode_image(require_file(path)))
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error


def _to_source(decoded: SpectrogramImage) -> SourceFile:
    notes = (decoded.note,) if decoded.note else ()
    return SourceFile(decoded.pixels, decoded.recipe, notes=notes, retired_tag=decoded.retired_tag)


def is_sound(path: Path) -> bool:
    """Whether the file is a sound, by its first bytes, then by its suffix."""
    kind = filetypes.identify(read_head(path))
    if kind.family == "unknown":
        return path.suffix.lower() in SOUND_SUFFIXES
    return kind.family == "sound"


def read_head(path: Path) -> bytes:
    """Read a file's first bytes, which identify its format."""
    with path.open("rb") as file:
        return file.read(filetypes.HEAD)


def read_recipe_tag(path: Path) -> str | None:
    """Read the recipe in a sound file's tags. Raises BadRequest if it is not a sound file."""
    try:
        return decoder.read_tags(path).get(RECIPE_TAG)
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error


def _read_sound(path: Path) -> SourceFile:
    try:
        sound = decoder.read(path)
        excerpt = sound.samples[: round(seconds_of(MAX_WIDTH) * sound.sample_rate)]
        shortest = seconds_of(MIN_WIDTH)
        if len(excerpt) < shortest * sound.sample_rate:
            raise BadRequest(
                f"“{path.name}” is {sound.seconds:.2f} s long; a clip needs {shortest} s."
            )
        pixels = codec.audio_to_image(excerpt, sound.sample_rate)
    except ValueError as error:
        raise BadRequest(f"“{path.name}”: {error}") from error
    left_out = (len(sound.samples) - len(excerpt)) / sound.sample_rate
    # A part of a clip is another clip: its recipe would not make it again.
    recipe = (
        None if left_out else recipes.of_sound(read_recipe_tag(path), read_head(path), loop=False)
    )
    return SourceFile(pixels[:, :MAX_WIDTH], recipe, left_out, sound.notes)


def find_in_library(digest: str, settings: Settings) -> Path | None:
    """Return the library's file with this sha256, if it exists."""
    return Files(settings.files_dir).path(digest)
