"""`image-to-audio` and `audio-to-image`: the codec, without a model."""
# ruff: noqa: PLC0415

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from riffbot.commands.files import LARGEST_PICTURE, existing, is_folder, write
from riffbot.commands.options import Options
from riffbot.errors import BadRequest

Format = Literal["wav", "mp3", "flac", "ogg"]
FORMATS: dict[str, Format] = {".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".ogg": "ogg"}


def image_to_audio(options: Options) -> int:
    """Hear a spectrogram, at the pitch and tempo it was drawn in, at the usual loudness.

    Raises:
        BadRequest: the picture cannot be read, or the format of OUT is none we write.
        StorageError: OUT cannot be written.
    """
    target: Path = options.audio
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise BadRequest(f"“{target.name}”: name OUT as .wav, .mp3, .flac or .ogg.")
    source = existing(options.image, max_bytes=LARGEST_PICTURE)
    _writable(target)

    from audio import codec, files, image, loudness
    from riffbot.commands.sources import RECIPE_TAG
    from riffbot.settings import load_settings

    settings = load_settings()
    rate = 44100
    try:
        picture = image.decode_image(source)
        samples = codec.image_to_audio(picture.pixels, loop=options.loop, sample_rate=rate)
    except ValueError as error:
        raise BadRequest(f"“{source.name}”: {error}") from error
    samples = loudness.normalize(samples, rate, target_lufs=settings.loudness_lufs)
    # The recipe travels on: the sound can be replayed as the picture could.
    tags = {RECIPE_TAG: picture.recipe} if picture.recipe else {}
    write(target, files.encode(samples, rate, kind, tags=tags))
    return _said(options, target, seconds=len(samples) / rate)


def audio_to_image(options: Options) -> int:
    """See a sound: 512 rows, 10 ms a column, with the parameters in the PNG.

    Raises:
        BadRequest: the sound cannot be read, or OUT is no PNG.
        StorageError: OUT cannot be written.
    """
    target: Path = options.image
    if target.suffix.lower() != ".png":
        raise BadRequest(f"“{target.name}”: the picture is a PNG; name OUT as .png.")
    source = existing(options.audio)
    _writable(target)

    from audio import codec, files, image
    from riffbot.commands.sources import RECIPE_TAG

    try:
        sound = files.read(source)
        pixels = codec.audio_to_image(sound.samples, sound.sample_rate, loop=options.loop)
        recipe = files.read_tags(source).get(RECIPE_TAG)
    except ValueError as error:
        raise BadRequest(f"“{source.name}”: {error}") from error
    write(target, image.encode_png(pixels, recipe=recipe))
    return _said(options, target, seconds=pixels.shape[1] / 100)


def _writable(target: Path) -> None:
    if is_folder(target):
        raise BadRequest(f"“{target}” is a folder; name a file in it.")
    if not is_folder(target.parent):
        raise BadRequest(f"There is no folder “{target.parent}” to write “{target.name}” into.")


def _said(options: Options, target: Path, *, seconds: float) -> int:
    if options.json:
        print(json.dumps({"file": str(target), "seconds": round(seconds, 3)}, ensure_ascii=False))
    else:
        print(f"{target}  {seconds:.2f} s")
    return 0
