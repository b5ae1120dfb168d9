"""`image-to-audio` and `audio-to-image`: the codec, without a model."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from audio.columns import seconds_of
from riffbot.commands.files import (
    MAX_PICTURE_BYTES,
    is_folder,
    require_file,
    require_new_file,
    write_file,
)
from riffbot.commands.options import ConvertOptions
from riffbot.errors import BadRequest

Format = Literal["wav", "mp3", "flac", "ogg"]
FORMATS: dict[str, Format] = {".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".ogg": "ogg"}

MAX_SECONDS = 600.0
"""At most so much of a sound is converted."""


def image_to_audio(options: ConvertOptions) -> int:
    """Convert a spectrogram to sound, normalised to the loudness of the settings.

    Raises:
        BadRequest: the picture cannot be read, the format of OUT is not supported, or OUT
            exists already.
        StorageError: OUT cannot be written.
    """
    target = options.audio
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise BadRequest(f"“{target.name}”: name OUT as .wav, .mp3, .flac or .ogg.")
    source = require_file(options.image, max_bytes=MAX_PICTURE_BYTES)
    _check_target(target, options)

    from audio import codec, decoder, files, loudness, regrid
    from riffbot.commands.source_files import RECIPE_TAG
    from riffbot.settings import load_settings

    settings = load_settings()
    rate = 44100
    try:
        picture = regrid.to_standard(decoder.decode_image(source))
        samples = codec.image_to_audio(picture.pixels, loop=options.loop, sample_rate=rate)
    except ValueError as error:
        raise BadRequest(f"“{source.name}”: {error}") from error
    samples = loudness.normalize(samples, rate, target_lufs=settings.loudness_lufs)
    # With the recipe the sound can be replayed as the picture can.
    tags = {RECIPE_TAG: picture.recipe} if picture.recipe else {}
    write_file(target, files.encode(samples, rate, kind, tags=tags))
    notes = [picture.note] if picture.note else []
    return _print_result(options, target, seconds=len(samples) / rate, notes=notes)


def audio_to_image(options: ConvertOptions) -> int:
    """Convert a sound to a spectrogram: 512 rows, 10 ms a column, parameters in the PNG.

    Raises:
        BadRequest: the sound cannot be read, or OUT is not a PNG or exists already.
        StorageError: OUT cannot be written.
    """
    target = options.image
    if target.suffix.lower() != ".png":
        raise BadRequest(f"“{target.name}”: the picture is a PNG; name OUT as .png.")
    source = require_file(options.audio)
    _check_target(target, options)

    from audio import codec, decoder, image
    from riffbot.clips import recipes
    from riffbot.commands.source_files import RECIPE_TAG, read_head

    try:
        sound = decoder.read(source, max_seconds=MAX_SECONDS)
        pixels = codec.audio_to_image(sound.samples, sound.sample_rate, loop=options.loop)
        text = decoder.read_tags(source).get(RECIPE_TAG)
    except ValueError as error:
        raise BadRequest(f"“{source.name}”: {error}") from error
    recipe = recipes.of_sound(text, read_head(source), loop=options.loop)
    write_file(target, image.encode_png(pixels, recipe=recipe))
    notes = [*sound.notes]
    if sound.more:
        notes.append(f"The file is longer: only its first {MAX_SECONDS / 60:g} minutes were read.")
    return _print_result(options, target, seconds=seconds_of(pixels.shape[1]), notes=notes)


def _check_target(target: Path, options: ConvertOptions) -> None:
    if is_folder(target):
        raise BadRequest(f"“{target}” is a folder; name a file in it.")
    if not is_folder(target.parent):
        raise BadRequest(f"There is no folder “{target.parent}” to write “{target.name}” into.")
    require_new_file(target, overwrite=options.overwrite)


def _print_result(
    options: ConvertOptions, target: Path, *, seconds: float, notes: Sequence[str] | None = None
) -> int:
    if options.json:
        result: dict[str, object] = {"file": str(target), "seconds": round(seconds, 3)}
        if notes:
            result["notes"] = list(notes)
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(f"{target}  {seconds:.2f} s")
        for note in notes or ():
            print(f"riffbot: {note}", file=sys.stderr)
    return 0
