"""Reads the source of an edit (FILE|ID): a sound, a picture, or a clip of the library."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from audio import image
from audio.columns import columns_of
from riffbot.clips import edits, recipes
from riffbot.clips.edits import EditSource
from riffbot.clips.uploads import OpenedUpload, open_upload
from riffbot.commands import source_files
from riffbot.commands.files import exists, is_file, is_folder, read_file, require_file
from riffbot.commands.image_resolver import ImageResolver
from riffbot.errors import BadRequest, NotFound
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.naming import prompt_from_filename
from riffbot.settings import Settings
from riffbot.tempo import MAX_WIDTH

_MAX_BYTES = 2 * 1024**3
"""The owner's own files may be large; how much is decoded is limited all the same."""


def read_edit_source(
    typed: str,
    settings: Settings,
    resolver: ImageResolver,
    *,
    start_s: float = 0.0,
    seconds: float | None = None,
    loop: bool = False,
    crop: bool = True,
) -> EditSource:
    """Read a file if the path exists, else a clip of the library.

    Args:
        typed: a path, or the id of a riff.
        settings: where the library is.
        resolver: where the picture is saved.
        start_s: of a sound or a clip, the second to begin at.
        seconds: of a sound, how much to take; None takes what fits.
        loop: cut a loop of whole beats out of a sound.
        crop: take only as much of a song as one clip can start from.

    Raises:
        NotFound: it is neither.
        BadRequest: it cannot become a clip.
    """
    path = Path(typed)
    if "/" in typed or path.suffix or exists(path):
        return _read_file_source(
            require_file(path), resolver, start_s=start_s, seconds=seconds, loop=loop
        )
    return _read_riff_source(typed, settings, resolver, start_s=start_s, crop=crop)


def read_morph_end(typed: str, settings: Settings, resolver: ImageResolver) -> EditSource | str:
    """Read an end of a morph: a file, a clip of the library by its id, else a prompt."""
    if is_file(Path(typed)):
        return _read_file_source(Path(typed), resolver)
    if len(typed) == 12 and typed.isalnum() and any(c.isdigit() for c in typed):
        try:
            return _read_riff_source(typed, settings, resolver)
        except NotFound:
            return typed
    return typed


def read_drawing(
    typed: str, resolver: ImageResolver, *, seconds: float | None = None
) -> EditSource:
    """Read any picture as a drawing of this length, or of its own shape. Raises BadRequest."""
    path = require_file(Path(typed))
    if source_files.is_sound(path):
        raise BadRequest(f"“{path.name}” is a sound; `riffbot remix` starts from sounds.")
    upload = open_upload(
        read_file(path, _MAX_BYTES),
        path.name,
        seconds=seconds,
        drawing=True,
        max_bytes=_MAX_BYTES,
    )
    _print_note(str(upload))
    return _save_upload(upload, resolver, path.stem)


def _read_file_source(
    path: Path,
    resolver: ImageResolver,
    *,
    start_s: float = 0.0,
    seconds: float | None = None,
    loop: bool = False,
) -> EditSource:
    upload = open_upload(
        read_file(path, _MAX_BYTES),
        path.name,
        start_s=start_s,
        seconds=seconds,
        on_beat=loop,
        max_bytes=_MAX_BYTES,
    )
    if upload.beats:
        _print_note(str(upload))
    elif upload.left_out_s > 0.005 and seconds is None:
        _print_note(
            f"took {upload.seconds:g} s and left out {upload.left_out_s:.1f} s; "
            "--start and --seconds choose."
        )
    for note in () if upload.beats else upload.notes:
        _print_note(note)
    return _save_upload(upload, resolver, path.stem)


def _save_upload(upload: OpenedUpload, resolver: ImageResolver, name: str) -> EditSource:
    ref = resolver.save(upload.pixels, upload.recipe)
    meter = resolver.images.meter(ref)
    prompt = upload.prompt or prompt_from_filename(name)
    width = upload.pixels.shape[1]
    return EditSource(ref, width, upload.bpm, prompt, meter=meter, harmony=upload.harmony)


def _read_riff_source(
    clip_id: str,
    settings: Settings,
    resolver: ImageResolver,
    *,
    start_s: float = 0.0,
    crop: bool = True,
) -> EditSource:
    unknown = NotFound(f"“{clip_id[:60]}” is neither a file here nor a riff in the library.")
    if settings.database_url is None and not is_folder(settings.data_dir):
        raise unknown  # looking something up must not make an empty library
    try:
        riff, png = asyncio.run(_load_riff(clip_id, settings))
    except NotFound as error:
        raise unknown from error
    try:
        decoded = image.decode_image(png, max_pixels=10**9)
    except ValueError as error:
        raise BadRequest(f"The riff {clip_id}: {error}") from error
    pixels, bpm = decoded.pixels, riff.request.bpm
    meter = resolver.images.meter(riff.image_ref)
    if crop and (start_s or pixels.shape[1] > MAX_WIDTH):
        pixels = edits.crop_to_measures(pixels, bpm, start_s=start_s, meter=meter)
        first = columns_of(start_s)
        recipe = recipes.crop_recipe(decoded.recipe, first, first + pixels.shape[1])
    else:
        recipe = decoded.recipe
    ref = resolver.save(pixels, recipe)
    harmony = edits.crop_harmony(riff.request, columns_of(start_s) if crop else 0, meter=meter)
    return EditSource(ref, pixels.shape[1], bpm, riff.prompt, riff.id, meter, harmony)


async def _load_riff(clip_id: str, settings: Settings) -> tuple[StoredRiff, bytes]:
    library = await Library.open(settings)
    try:
        riff = await library.riffs.get(clip_id)
        return riff, await asyncio.to_thread(library.files.read, riff.png)
    finally:
        await library.close()


def _print_note(sentence: str) -> None:
    print(f"riffbot: {sentence}", file=sys.stderr)
