"""Decodes untrusted uploads into spectrograms that edits start from.

A sound becomes a loop on its own beat; a spectrogram is used as it is; any other picture is taken
as a drawing. What cannot be used raises BadRequest with one sentence. Nothing in a file is trusted
and nothing is written: sizes are checked before anything is decoded, a minute of sound is decoded
at most, and the file name is only displayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from audio import codec, decoder, filetypes, keys, loops, regrid
from audio.arrays import Floats
from audio.columns import bpm_of, columns_of, seconds_of
from audio.errors import AudioError
from audio.files import Sound
from audio.image import SpectrogramImage
from audio.mel import N_MELS
from audio.pixels import SILENT, mix_to_mono
from riffbot.clips import recipes
from riffbot.errors import BadRequest, use_plain_quotes
from riffbot.harmony import NO_HARMONY, HarmonyError, HarmonyText, Key
from riffbot.tempo import FASTEST, MAX_WIDTH, MIN_WIDTH, SLOWEST

MAX_BYTES = 25 * 1024 * 1024
"""Files of more bytes are not downloaded."""

MAX_DECODED_S = 60.0
"""The most of a recording that is decoded, in seconds."""

MAX_START_S = 600.0
"""The latest start in a recording, in seconds; all before it has to be decoded and skipped."""

MIN_CLIP_S, MAX_CLIP_S = seconds_of(MIN_WIDTH), seconds_of(MAX_WIDTH)
"""The shortest and the longest clip, in seconds."""

MAX_PIXELS = 16_000_000
"""Larger pictures are not decoded."""

_DARK = 128
"""A drawing whose border is darker than this, 0 to 255, is drawn in light on dark."""

_MIN_PEAK = 1e-4
"""Sound whose largest sample is below this, of 1, counts as silent."""

_MAX_NAME = 60
"""Characters of a file's name that are displayed."""

Kind = Literal["sound", "spectrogram", "drawing"]


@dataclass(frozen=True)
class OpenedUpload:
    """The picture of an upload, which an edit starts from, and how it was decoded.

    Attributes:
        pixels: uint8[512, 64 … 2048].
        kind: how the file was interpreted.
        name: the file's name, made safe to display.
        recipe: the recipe in the file, if the whole file is used.
        bpm, beats: the tempo and the number of beats of a loop; None if no beat was found.
        key: the key of a sound, as text; None if it is in none that is clear.
        start_s: where in the sound the loop begins, in seconds.
        left_out_s: how much of the file was left out, in seconds.
        inverted: whether a drawing in light on dark was turned into dark on light.
        notes: sentences about parts of the file that were lost or not read.
    """

    pixels: NDArray[np.uint8]
    kind: Kind
    name: str
    recipe: str | None = None
    bpm: float | None = None
    beats: int | None = None
    key: str | None = None
    start_s: float = 0.0
    left_out_s: float = 0.0
    inverted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """The prompt of the recipe in the file; empty without one."""
        recipe = _parse_recipe(self.recipe)
        return recipe.request.prompt if recipe else ""

    @property
    def harmony(self) -> HarmonyText:
        """Key and chords: those of the recipe in the file, else the key that is heard."""
        recipe = _parse_recipe(self.recipe)
        if recipe is None:
            return HarmonyText(self.key)
        try:
            recipe.request.find_harmony()
        except HarmonyError:  # anybody may have written it
            return NO_HARMONY
        return recipe.request.harmony.normalise()

    @property
    def seconds(self) -> float:
        """The duration of the sound, in seconds."""
        return seconds_of(self.pixels.shape[1])

    def __str__(self) -> str:
        """Return one sentence about how the file was interpreted, then its key and the notes."""
        heard = (f"I hear it in {self.key}.",) if self.key else ()
        return " ".join([self._describe(), *heard, *self.notes])

    def _describe(self) -> str:
        match self.kind:
            case "sound" if self.recipe:
                return f"I know this clip: {self.seconds:.2f} s, a loop of RiffBot's."
            case "sound" if self.beats:
                bpm = round(self.bpm or 0, 1)
                return (
                    f"I took {self.beats} beats at {bpm:g} bpm from {self.start_s:.2f} s "
                    f"on: a loop of {self.seconds:.2f} s."
                )
            case "sound":
                return f"I found no beat, so I took {self.seconds:.2f} s as they are."
            case "spectrogram":
                return f"I took it as the spectrogram that it is: {self.seconds:.2f} s of sound."
            case _:
                light = "light" if self.inverted else "dark"
                return (
                    f"I took it as a drawing of {self.seconds:.2f} s: left to right is time, "
                    f"bottom to top is pitch, and {light} is loud."
                )


def open_upload(
    data: bytes,
    name: str,
    *,
    start_s: float = 0.0,
    seconds: float | None = None,
    on_beat: bool = True,
    drawing: bool = False,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> OpenedUpload:
    """Decode an upload. Takes up to some seconds; call it in a thread.

    Args:
        data: the file's bytes.
        name: the file's name; displayed, and never used as a path.
        start_s: where in a sound to begin, in seconds.
        seconds: how much of a sound is taken, or how long a drawing becomes.
        on_beat: crop a sound to whole beats.
        drawing: take a picture as a drawing even if it looks like a spectrogram.
        max_bytes: larger files are refused.
        max_pixels: larger pictures are refused before they are decoded.

    Raises:
        BadRequest: the file is empty, too large, of an unknown kind, damaged or silent.
    """
    shown = make_name_displayable(name)
    if not data:
        raise BadRequest(f"“{shown}” is empty.")
    if len(data) > max_bytes:
        raise BadRequest(describe_too_large(shown, len(data), max_bytes))
    if seconds is not None and not MIN_CLIP_S <= seconds <= MAX_CLIP_S:
        raise BadRequest(f"A clip lasts {MIN_CLIP_S} to {MAX_CLIP_S} seconds, not {seconds:g}.")
    if not 0 <= start_s <= MAX_START_S:
        raise BadRequest(
            f"The start is a number of seconds, 0 to {MAX_START_S:g}, not {start_s:g}."
        )
    try:
        kind = filetypes.identify(data)
        if kind.refusal:
            raise AudioError(kind.refusal)
        if drawing or kind.family == "picture":
            return _open_picture(data, shown, seconds, drawing, max_pixels)
        return _open_sound(data, shown, start_s, seconds, on_beat)
    except AudioError as error:
        raise BadRequest(f"“{shown}”: {error}") from error
    except MemoryError as error:
        raise BadRequest(f"“{shown}” needs more memory than I have.") from error


def make_name_displayable(name: str) -> str:
    """Make a file's name safe to display: no folders or control characters, 60 characters."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = "".join(c for c in last if c.isprintable()).strip(" .")
    return use_plain_quotes(plain[:_MAX_NAME]) or "that file"


def describe_too_large(shown: str, size: int, max_bytes: int = MAX_BYTES) -> str:
    """Return the sentence that refuses a file of `size` bytes, more than `max_bytes`."""
    return f"“{shown}” has {size / 1024**2:.0f} MB; please keep it under {max_bytes // 1024**2} MB."


def _open_sound(
    data: bytes, shown: str, start_s: float, seconds: float | None, on_beat: bool
) -> OpenedUpload:
    # Decoded up to a limit, in another process: the header of a file is not trusted.
    sound = decoder.read(data, max_seconds=MAX_DECODED_S, skip_seconds=start_s)
    rate, samples, notes = sound.sample_rate, sound.samples, sound.notes
    _check_audible(sound, shown, start_s)
    recipe = recipes.read_sound_recipe(data) if not start_s and seconds is None else None
    if (parsed := _parse_recipe(recipe)) is not None and sound.seconds <= MAX_CLIP_S:
        # RiffBot's own clips are loops already.
        pixels = mix_to_mono(codec.audio_to_image(samples, rate, loop=True))
        return OpenedUpload(
            pixels,
            "sound",
            shown,
            recipe=recipes.of_sound(recipe, data, loop=True),
            bpm=parsed.request.bpm,
            notes=notes,
        )
    if sound.more and seconds is None:
        which = f"a minute from {start_s:g} s on" if start_s else "its first minute"
        notes += (f"The file is longer: I listened to {which}.",)
    wanted = samples[: round((seconds or MAX_DECODED_S) * rate)]
    loop = loops.find_loop(wanted, rate) if on_beat else None
    if loop is None:
        taken = wanted[: round(MAX_CLIP_S * rate)]
    else:
        taken = wanted[loop.start : loop.stop]
        start_s += loop.start / rate
    pixels = mix_to_mono(codec.audio_to_image(taken, rate, loop=loop is not None))[:, :MAX_WIDTH]
    beats = None if loop is None else _normalise_beats(loop.beats, pixels.shape[1])
    return OpenedUpload(
        pixels,
        "sound",
        shown,
        key=_hear_key(taken, rate),
        bpm=None if beats is None else round(bpm_of(beats, pixels.shape[1]), 4),
        beats=beats,
        start_s=start_s,
        left_out_s=(len(samples) - len(taken)) / rate,
        notes=notes,
    )


def _hear_key(samples: Floats, rate: int) -> str | None:
    """The key of a sound as text; None if it is in none that is clear."""
    found = keys.estimate_key(samples, rate)
    return None if found is None else Key(found.tonic, found.mode).name


def _check_audible(sound: Sound, shown: str, start_s: float) -> None:
    """Raise BadRequest where a sound is shorter than a clip, or silent."""
    if len(sound.samples) < MIN_CLIP_S * sound.sample_rate:
        raise BadRequest(
            f"“{shown}” has {sound.seconds:.2f} s of sound"
            + (f" after {start_s:g} s" if start_s else "")
            + f"; a clip needs {MIN_CLIP_S} s."
        )
    if float(np.abs(sound.samples).max()) < _MIN_PEAK:
        raise BadRequest(f"“{shown}” is silent" + (" there." if start_s else "."))


def _normalise_beats(beats: int, width: int) -> int:
    """Halve or double a number of beats until the tempo is in the range of a request's."""
    while bpm_of(beats, width) > FASTEST and beats % 2 == 0:
        beats //= 2
    while bpm_of(beats, width) < SLOWEST:
        beats *= 2
    return beats


def _open_picture(
    data: bytes, shown: str, seconds: float | None, drawing: bool, max_pixels: int
) -> OpenedUpload:
    decoded = decoder.decode_image(data, max_pixels=max_pixels)
    if decoded.grey and not drawing:
        decoded = regrid.to_standard(decoded)
    pixels = mix_to_mono(decoded.pixels)
    height, width = pixels.shape
    if min(height, width) < 8:
        raise BadRequest(
            f"“{shown}” is {width} × {height} pixels: too small to hold a sound; "
            "try one of at least 8 × 8."
        )
    if pixels.min() == SILENT or (drawing and pixels.min() == pixels.max()):
        raise BadRequest(f"“{shown}” is one plain colour: there is nothing to hear in it.")
    if decoded.grey and not drawing:
        return _open_spectrogram(decoded, pixels, shown, seconds)
    inverted = _border_brightness(pixels) < _DARK
    if inverted:
        pixels = SILENT - pixels
    return OpenedUpload(
        _resize(pixels, _resized_width(pixels, seconds)),
        "drawing",
        shown,
        inverted=inverted,
        notes=_list_notes(decoded),
    )


def _open_spectrogram(
    decoded: SpectrogramImage, pixels: NDArray[np.uint8], shown: str, seconds: float | None
) -> OpenedUpload:
    """Take a grey picture as a spectrogram: unchanged if it has 512 rows, else resized."""
    height, width = pixels.shape
    if height != N_MELS or width < MIN_WIDTH or seconds is not None:
        resized = _resize(pixels, _resized_width(pixels, seconds))
        return OpenedUpload(resized, "spectrogram", shown, notes=_list_notes(decoded))
    is_cropped = width > MAX_WIDTH
    return OpenedUpload(
        pixels[:, :MAX_WIDTH],
        "spectrogram",
        shown,
        recipe=None if is_cropped else decoded.recipe,
        bpm=parsed.request.bpm if (parsed := _parse_recipe(decoded.recipe)) else None,
        left_out_s=seconds_of(max(0, width - MAX_WIDTH)),
        notes=_list_notes(decoded),
    )


def _list_notes(decoded: SpectrogramImage) -> tuple[str, ...]:
    return (decoded.note,) if decoded.note else ()


def _resized_width(pixels: NDArray[np.uint8], seconds: float | None) -> int:
    """Compute the width after resizing, in columns: `seconds`, or in proportion to the height."""
    height, width = pixels.shape
    columns = columns_of(seconds) if seconds else round(width * N_MELS / height)
    return int(np.clip(columns, MIN_WIDTH, MAX_WIDTH))


def _border_brightness(pixels: NDArray[np.uint8]) -> float:
    """Measure the median brightness along a picture's border, 0 to 255."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return float(np.median(border))


def _resize(pixels: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((columns, N_MELS), Image.Resampling.BICUBIC))


def _parse_recipe(recipe: str | None) -> recipes.Recipe | None:
    try:
        return recipes.parse_recipe(recipe) if recipe else None
    except BadRequest:
        return None  # another program wrote it
