"""Pictures that were taken of a clip's sound, made again from the clip.

Whoever uploads an MP3 of RiffBot's starts from the spectrogram of its sound, which is not the
picture that the clip was made from: phase, loudness and MP3 have changed it. It comes out the same
again when the clip is rendered, encoded, decoded and analysed in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from audio import codec, encoding, files, filetypes, loudness
from audio.arrays import Floats, Pixels
from audio.encoding import Format
from riffbot import rendering
from riffbot.rendering import RiffLike
from riffbot.tempo import MAX_WIDTH

_FORMATS: dict[str, Format] = {
    "an MP3 sound": "mp3",
    "a WAV sound": "wav",
    "a FLAC sound": "flac",
    "an Ogg sound": "ogg",
}
"""By the names that `audio.filetypes` has for them."""

USUAL_LUFS = -14.0
"""How loud clips are where nobody sets it otherwise."""


@dataclass(frozen=True)
class SoundFile:
    """How a picture was taken of a clip's sound.

    Attributes:
        format: of the file that was read.
        loop: it was analysed as a loop.
    """

    format: Format
    loop: bool

    @classmethod
    def of(cls, data: bytes, *, loop: bool) -> Self | None:
        """A file by its first bytes; None where RiffBot writes no such format."""
        format = _FORMATS.get(filetypes.identify(data).name)
        return None if format is None else cls(format, loop)

    @classmethod
    def from_json(cls, told: Any) -> Self | None:
        """Read what `to_json` wrote; None for anything else."""
        if not isinstance(told, dict):
            return None
        format, loop = told.get("format"), told.get("loop")
        if format not in encoding.FORMATS or not isinstance(loop, bool):
            return None
        return cls(format, loop)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"format": self.format, "loop": self.loop}


UNTOLD = (SoundFile("mp3", loop=True), SoundFile("mp3", loop=False))
"""What a recipe may mean that was recorded before recipes told of sounds."""


def pictures(riff: RiffLike, sound: SoundFile | None, loudness_lufs: float) -> Iterator[Pixels]:
    """Every picture that can have been taken of a clip's sound, the likeliest first.

    A file does not tell how loud its RiffBot was set, nor whether `image-to-audio` wrote it. Each
    takes up to a second; call it in a thread.

    Args:
        riff: the clip.
        sound: how the picture was taken; None tries what is usual.
        loudness_lufs: how loud clips are rendered here.
    """
    if riff.image.shape[1] > MAX_WIDTH:
        return  # what starts from a longer sound keeps no recipe of it
    ways = UNTOLD if sound is None else (sound,)
    format = ways[0].format
    for samples in _sounds(riff, loudness_lufs, converted=sound is not None):
        # What RiffBot itself encoded is no stranger's file: no decoder process is needed.
        heard = files.read(encoding.encode(samples, rendering.SAMPLE_RATE, format))
        for way in ways:
            taken = codec.audio_to_image(heard.samples, heard.sample_rate, loop=way.loop)
            yield taken[:, :MAX_WIDTH]


def _sounds(riff: RiffLike, loudness_lufs: float, *, converted: bool) -> Iterator[Floats]:
    """The clip's sound, then that of its picture as `image-to-audio` writes it."""
    loop, seed = rendering.is_loop(riff.request), riff.request.seed
    levels = list(dict.fromkeys([loudness_lufs, USUAL_LUFS]))
    for level in levels:
        yield rendering.sound(riff.image, seed=seed, loudness_lufs=level, loop=loop)
    rate = rendering.SAMPLE_RATE
    for around in (False, True) if converted else ():
        samples = codec.image_to_audio(riff.image, loop=around, sample_rate=rate)
        for level in levels:
            yield loudness.normalize(samples, rate, target_lufs=level)
