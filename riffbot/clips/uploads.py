"""Uploads: what a stranger brings becomes a picture to start from, or one clear sentence.

A sound becomes a loop on its own beat; a spectrogram stays what it is; any other picture is taken
as a drawing. Nothing is believed and nothing is written: sizes are checked before anything is
decoded, sounds are read for a minute at most, and the name of a file is only ever shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from audio import codec, decoder, filetypes, loops, regrid
from audio.errors import AudioError
from audio.image import SpectrogramImage
from audio.mel import N_MELS
from audio.pixels import SILENT, mix_to_mono
from riffbot.clips import recipes
from riffbot.errors import BadRequest, use_plain_quotes
from riffbot.tempo import FASTEST, NARROWEST, SLOWEST, WIDEST

MAX_BYTES = 25 * 1024 * 1024
"""Larger files are not even fetched."""

LISTENED_S = 60.0
"""Of a longer recording only so much is listened to, from where it shall begin."""

LATEST_S = 600.0
"""So far into a recording it may begin: what lies before has to be decoded, too."""

MAX_PIXELS = 16_000_000

_DARK = 128
_QUIETEST = 1e-4
_NAME = 60

Kind = Literal["sound", "spectrogram", "drawing"]


@dataclass(frozen=True)
class Source:
    """A picture to start from, and how it came to be.

    Attributes:
        pixels: uint8[512, 64 … 2048].
        kind: what the file was taken for.
        name: the file's name, made safe to show.
        recipe: the recipe in the file, where the whole file is used.
        bpm, beats: of a loop; None where there is no beat.
        start_s, left_out_s: of a sound, where the loop begins and how much was not taken.
        inverted: a drawing, light on dark, was turned into dark on light.
        notes: sentences about what of the file was lost or not read.
    """

    pixels: NDArray[np.uint8]
    kind: Kind
    name: str
    recipe: str | None = None
    bpm: float | None = None
    beats: int | None = None
    start_s: float = 0.0
    left_out_s: float = 0.0
    inverted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """What it was made from, where the file tells."""
        ours = _parsed(self.recipe)
        return ours.request.prompt if ours else ""

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return float(self.pixels.shape[1] / 100)

    def __str__(self) -> str:
        """What was taken, in a sentence; what was lost or not read, in another."""
        return " ".join([self._taken(), *self.notes])

    def _taken(self) -> str:
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
    start: float = 0.0,
    seconds: float | None = None,
    on_beat: bool = True,
    drawing: bool = False,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> Source:
    """Make something of an upload. Takes up to some seconds; call it in a thread.

    Args:
        data: the file's bytes.
        name: what it was called; shown, and never used as a path.
        start: of a sound, the second to begin at.
        seconds: how long to make it: of a sound the stretch to take, of a drawing its length.
        on_beat: cut a sound to whole beats.
        drawing: take a picture as a drawing though it looks like a spectrogram.
        max_bytes: larger files are refused.
        max_pixels: larger pictures are refused before they are decoded.

    Raises:
        BadRequest: one sentence that says what is wrong with it.
    """
    shown = shown_name(name)
    if not data:
        raise BadRequest(f"“{shown}” is empty.")
    if len(data) > max_bytes:
        raise BadRequest(too_large(shown, len(data)))
    if seconds is not None and not NARROWEST / 100 <= seconds <= WIDEST / 100:
        raise BadRequest(
            f"A clip lasts {NARROWEST / 100} to {WIDEST / 100} seconds, not {seconds:g}."
        )
    if not 0 <= start <= LATEST_S:
        raise BadRequest(f"The start is a number of seconds, 0 to {LATEST_S:g}, not {start:g}.")
    try:
        kind = filetypes.identify(data)
        if kind.refusal:
            raise AudioError(kind.refusal)
        if drawing or kind.family == "picture":
            return _from_picture(data, shown, seconds, drawing, max_pixels)
        return _from_sound(data, shown, start, seconds, on_beat)
    except AudioError as error:
        raise BadRequest(f"“{shown}”: {error}") from error
    except MemoryError as error:
        raise BadRequest(f"“{shown}” needs more memory than I have.") from error


def shown_name(name: str) -> str:
    """A file's name without folders, control characters and length: only ever shown."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = "".join(c for c in last if c.isprintable()).strip(" .")
    return use_plain_quotes(plain[:_NAME]) or "that file"


def too_large(shown: str, size: int) -> str:
    """The sentence for a file that is not even fetched."""
    return f"“{shown}” has {size / 1024**2:.0f} MB; please keep it under {MAX_BYTES // 1024**2} MB."


def _from_sound(
    data: bytes, shown: str, start: float, seconds: float | None, on_beat: bool
) -> Source:
    # Decoded up to a limit, in a process of its own; what a file says of itself is not believed.
    sound = decoder.read(data, max_seconds=LISTENED_S, skip_seconds=start)
    rate, heard = sound.sample_rate, sound.samples
    if len(heard) < NARROWEST / 100 * rate:
        raise BadRequest(
            f"“{shown}” has {sound.seconds:.2f} s of sound"
            + (f" after {start:g} s" if start else "")
            + f"; a clip needs {NARROWEST / 100} s."
        )
    if float(np.abs(heard).max()) < _QUIETEST:
        raise BadRequest(f"“{shown}” is silent" + (" there." if start else "."))
    recipe = recipes.read_sound_recipe(data) if not start and seconds is None else None
    if (ours := _parsed(recipe)) is not None and sound.seconds <= WIDEST / 100:
        # A clip of our own is a loop already.
        pixels = mix_to_mono(codec.audio_to_image(heard, rate, loop=True))
        return Source(
            pixels,
            "sound",
            shown,
            recipe=recipes.of_sound(recipe, data, loop=True),
            bpm=ours.request.bpm,
            notes=sound.notes,
        )
    notes = sound.notes
    if sound.more and seconds is None:
        which = f"a minute from {start:g} s on" if start else "its first minute"
        notes += (f"The file is longer: I listened to {which}.",)
    stretch = heard[: round((seconds or LISTENED_S) * rate)]
    loop = loops.find_loop(stretch, rate) if on_beat else None
    if loop is None:
        taken = stretch[: round(WIDEST / 100 * rate)]
        pixels = codec.audio_to_image(taken, rate)
        return Source(
            mix_to_mono(pixels)[:, :WIDEST],
            "sound",
            shown,
            start_s=start,
            left_out_s=(len(heard) - len(taken)) / rate,
            notes=notes,
        )
    taken = stretch[loop.start : loop.stop]
    pixels = mix_to_mono(codec.audio_to_image(taken, rate, loop=True))[:, :WIDEST]
    beats = _counted(loop.beats, pixels.shape[1])
    return Source(
        pixels,
        "sound",
        shown,
        bpm=round(6000 * beats / pixels.shape[1], 4),
        beats=beats,
        start_s=start + loop.start / rate,
        left_out_s=(len(heard) - len(taken)) / rate,
        notes=notes,
    )


def _counted(beats: int, width: int) -> int:
    """The beats of a loop at a tempo that a request may have: every other, or those between."""
    while 6000 * beats / width > FASTEST and beats % 2 == 0:
        beats //= 2
    while 6000 * beats / width < SLOWEST:
        beats *= 2
    return beats


def _from_picture(
    data: bytes, shown: str, seconds: float | None, drawing: bool, max_pixels: int
) -> Source:
    decoded = decoder.decode_image(data, max_pixels=max_pixels)
    if decoded.grey and not drawing:
        decoded = regrid.standard(decoded)
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
        return _spectrogram(decoded, pixels, shown, seconds)
    inverted = _background(pixels) < _DARK
    if inverted:
        pixels = SILENT - pixels
    return Source(
        _resized(pixels, _columns(pixels, seconds)),
        "drawing",
        shown,
        inverted=inverted,
        notes=_notes(decoded),
    )


def _spectrogram(
    decoded: SpectrogramImage, pixels: NDArray[np.uint8], shown: str, seconds: float | None
) -> Source:
    """A grey picture: to the pixel where it has the format's height, else stretched to it."""
    height, width = pixels.shape
    if height != N_MELS or width < NARROWEST or seconds is not None:
        resized = _resized(pixels, _columns(pixels, seconds))
        return Source(resized, "spectrogram", shown, notes=_notes(decoded))
    cut = width > WIDEST
    return Source(
        pixels[:, :WIDEST],
        "spectrogram",
        shown,
        recipe=None if cut else decoded.recipe,
        bpm=ours.request.bpm if (ours := _parsed(decoded.recipe)) else None,
        left_out_s=max(0, width - WIDEST) / 100,
        notes=_notes(decoded),
    )


def _notes(decoded: SpectrogramImage) -> tuple[str, ...]:
    return (decoded.note,) if decoded.note else ()


def _columns(pixels: NDArray[np.uint8], seconds: float | None) -> int:
    """How wide a picture becomes: as told, or in its own proportions."""
    height, width = pixels.shape
    columns = round(100 * seconds) if seconds else round(width * N_MELS / height)
    return int(np.clip(columns, NARROWEST, WIDEST))


def _background(pixels: NDArray[np.uint8]) -> float:
    """The usual brightness along a picture's border."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return float(np.median(border))


def _resized(pixels: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((columns, N_MELS), Image.Resampling.BICUBIC))


def _parsed(recipe: str | None) -> recipes.Recipe | None:
    try:
        return recipes.parse_recipe(recipe) if recipe else None
    except BadRequest:
        return None  # somebody else's
