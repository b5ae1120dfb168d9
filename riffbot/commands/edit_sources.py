"""FILE|ID as what a clip starts from: a sound, a picture, or a clip of the library."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from audio import image
from riffbot.clips import edits, recipes
from riffbot.clips.edits import EditSource
from riffbot.clips.uploads import Source, open_upload
from riffbot.commands import sources
from riffbot.commands.files import contents, existing, is_folder
from riffbot.commands.options import Options
from riffbot.commands.pictures import Pictures
from riffbot.errors import BadRequest, NotFound
from riffbot.library.models import StoredRiff
from riffbot.library.store import Library
from riffbot.naming import prompt_from_filename
from riffbot.settings import Settings

_LARGEST = 2 * 1024**3
"""A file of one's own may be large; what is decoded of it is bounded all the same."""


def start_of(
    typed: str, options: Options, settings: Settings, pictures: Pictures, *, cut: bool = True
) -> EditSource:
    """A file if one lies there, else a clip of the library.

    Args:
        cut: of a song, take only what one clip can start from.

    Raises:
        NotFound: it is neither.
        BadRequest: it can be no clip.
    """
    path = Path(typed)
    if "/" in typed or path.suffix or _there(path):
        return _from_file(existing(path), options, pictures)
    return _from_library(typed, options, settings, pictures, cut)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False


def end_of(
    typed: str, options: Options, settings: Settings, pictures: Pictures
) -> EditSource | str:
    """An end of a walk: a file if one lies there, a clip of the library by its id, else words."""
    try:
        if Path(typed).is_file():
            return _from_file(Path(typed), options, pictures)
    except (OSError, ValueError):
        return typed
    if len(typed) == 12 and typed.isalnum() and any(c.isdigit() for c in typed):
        try:
            return _from_library(typed, options, settings, pictures, True)
        except NotFound:
            return typed
    return typed


def drawn(typed: str, options: Options, pictures: Pictures) -> EditSource:
    """Any picture as a drawing. Raises BadRequest in one sentence."""
    path = existing(Path(typed))
    if sources.is_sound(path):
        raise BadRequest(f"“{path.name}” is a sound; `riffbot remix` starts from sounds.")
    source = open_upload(
        contents(path, _LARGEST),
        path.name,
        seconds=options.seconds,
        drawing=True,
        max_bytes=_LARGEST,
    )
    _say(str(source))
    return _start(source, pictures, path.stem)


def _from_file(path: Path, options: Options, pictures: Pictures) -> EditSource:
    source = open_upload(
        contents(path, _LARGEST),
        path.name,
        start=getattr(options, "start", 0.0),
        seconds=getattr(options, "seconds", None),
        on_beat=getattr(options, "loop", False),
        max_bytes=_LARGEST,
    )
    if source.beats:
        _say(str(source))
    elif source.left_out_s > 0.005 and getattr(options, "seconds", None) is None:
        _say(
            f"took {source.seconds:g} s and left out {source.left_out_s:.1f} s; "
            "--start and --seconds choose."
        )
    for note in () if source.beats else source.notes:
        _say(note)
    return _start(source, pictures, path.stem)


def _start(source: Source, pictures: Pictures, name: str) -> EditSource:
    ref = pictures.lay(source.pixels, source.recipe)
    meter = pictures.images.meter(ref)
    words = source.prompt or prompt_from_filename(name)
    return EditSource(ref, source.pixels.shape[1], source.bpm, words, meter=meter)


def _from_library(
    clip_id: str, options: Options, settings: Settings, pictures: Pictures, cut: bool
) -> EditSource:
    unknown = NotFound(f"“{clip_id[:60]}” is neither a file here nor a riff in the library.")
    if settings.database_url is None and not is_folder(settings.data_dir):
        raise unknown  # looking something up must not make an empty library
    try:
        riff, png = asyncio.run(_stored(clip_id, settings))
    except NotFound as error:
        raise unknown from error
    try:
        decoded = image.decode_image(png, max_pixels=10**9)
    except ValueError as error:
        raise BadRequest(f"The riff {clip_id}: {error}") from error
    pixels, bpm = decoded.pixels, riff.request.bpm
    start = getattr(options, "start", 0.0)
    meter = pictures.images.meter(riff.image_ref)
    if cut and (start or pixels.shape[1] > sources.WIDEST):
        pixels = edits.stretch(pixels, bpm, start=start, meter=meter)
        first = round(start * 100)
        recipe = recipes.crop_recipe(decoded.recipe, first, first + pixels.shape[1])
    else:
        recipe = decoded.recipe
    ref = pictures.lay(pixels, recipe)
    return EditSource(ref, pixels.shape[1], bpm, riff.prompt, riff.id, meter)


async def _stored(clip_id: str, settings: Settings) -> tuple[StoredRiff, bytes]:
    library = await Library.open(settings)
    try:
        riff = await library.riffs.get(clip_id)
        return riff, await asyncio.to_thread(library.files.read, riff.png)
    finally:
        await library.close()


def _say(sentence: str) -> None:
    print(f"riffbot: {sentence}", file=sys.stderr)
