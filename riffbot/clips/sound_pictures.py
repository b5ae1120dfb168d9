"""Regenerates the spectrogram of a clip's sound from the clip.

A member who uploads an MP3 of RiffBot's starts from the spectrogram of its sound, which is not the
picture that the clip was made from: phase, loudness and MP3 have changed it. The same spectrogram
results if the clip is rendered, encoded, decoded and analysed in the same way.
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
"""The formats that RiffBot writes, by their names in `audio.filetypes`."""

USUAL_LUFS = -14.0
"""The default loudness of clips."""


@dataclass(frozen=True)
class SoundFile:
    """The sound file that a picture is the spectrogram of.

    Attributes:
        format: the format of the file.
        loop: whether it was analysed as a loop.
    """

    format: Format
    loop: bool

    @classmethod
    def of(cls, data: bytes, *, loop: bool) -> Self | None:
        """Identify a file by its first bytes; None if RiffBot does not write its format."""
        format = _FORMATS.get(filetypes.identify(data).name)
        return None if format is None else cls(format, loop)

    @classmethod
    def from_json(cls, data: Any) -> Self | None:
        """Read the result of `to_json`; None for anything else."""
        if not isinstance(data, dict):
            return None
        format, loop = data.get("format"), data.get("loop")
        if format not in encoding.FORMATS or not isinstance(loop, bool):
            return None
        return cls(format, loop)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {"format": self.format, "loop": self.loop}


LEGACY_VARIANTS = (SoundFile("mp3", loop=True), SoundFile("mp3", loop=False))
"""What a recipe may mean that was written before recipes recorded sounds."""


def pictures(riff: RiffLike, sound: SoundFile | None, loudness_lufs: float) -> Iterator[Pixels]:
    """Yield every picture that the spectrogram of a clip's sound can be, the likeliest first.

    The loudness that the file was rendered at is unknown, and whether `image-to-audio` wrote it.
    Each picture takes up to a second; call it in a thread.

    Args:
        riff: the clip.
        sound: the sound file; None tries `LEGACY_VARIANTS`.
        loudness_lufs: how loud clips are rendered here.
    """
    if riff.image.shape[1] > MAX_WIDTH:
        return  # a picture of a longer sound has no recipe of it
    variants = LEGACY_VARIANTS if sound is None else (sound,)
    format = variants[0].format
    for samples in _sounds(riff, loudness_lufs, converted=sound is not None):
        # RiffBot encoded this itself, so that no separate decoder process is needed.
        decoded = files.read(encoding.encode(samples, rendering.SAMPLE_RATE, format))
        for variant in variants:
            picture = codec.audio_to_image(decoded.samples, decoded.sample_rate, loop=variant.loop)
            yield picture[:, :MAX_WIDTH]


def _sounds(riff: RiffLike, loudness_lufs: float, *, converted: bool) -> Iterator[Floats]:
    """Yield the clip's sound, then that of its picture as `image-to-audio` writes it."""
    loop, seed = rendering.is_loop(riff.request), riff.request.seed
    levels = list(dict.fromkeys([loudness_lufs, USUAL_LUFS]))
    for level in levels:
        yield rendering.sound(riff.image, seed=seed, loudness_lufs=level, loop=loop)
    rate = rendering.SAMPLE_RATE
    for around in (False, True) if converted else ():
        samples = codec.image_to_audio(riff.image, loop=around, sample_rate=rate)
        for level in levels:
            yield loudness.normalize(samples, rate, target_lufs=level)
