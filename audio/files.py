"""Reads sound files and uploads in all formats of libsndfile and FFmpeg, with bounded memory.

An upload may be truncated, renamed, hours long, or have a wrong header. It is decoded in blocks up
to a limit, and never by anything that would open other files; every failure is an `AudioError` with
one sentence. As native code may crash nevertheless, untrusted files are read through
`audio.decoder`, which calls this module in a child process.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from audio import demuxing
from audio.arrays import Floats
from audio.demuxing import NO_SOUND, Losses
from audio.downmix import to_stereo
from audio.encoding import encode
from audio.errors import AudioError
from audio.recordings import Blocks, read_recordings
from audio.regular_files import open_regular_file

__all__ = ["Sound", "encode", "read", "read_tags"]

MAX_RATE, MIN_RATE = 48000, 8000
_LOUDEST = 64.0
"""Samples of float files above 1 are scaled down; above this they are clipped as damage."""

_UNREADABLE = (
    "That is no sound file that can be read; try an MP3, WAV, FLAC or OGG that plays elsewhere."
)


@dataclass(frozen=True)
class Sound:
    """Decoded sound.

    Attributes:
        samples: float32[n] (mono) or float32[n, 2], in [−1, 1].
        sample_rate: 8,000 to 48,000 Hz.
        notes: sentences about parts that were lost by damage; empty for an intact file.
        more: whether the file is longer than was read.
    """

    samples: Floats
    sample_rate: int
    notes: tuple[str, ...] = ()
    more: bool = False

    @property
    def seconds(self) -> float:
        """The duration, in seconds."""
        return len(self.samples) / self.sample_rate


def read(
    source: Path | bytes | BinaryIO, *, max_seconds: float = 600.0, skip_seconds: float = 0.0
) -> Sound:
    """Decode a file or an upload.

    More than two channels are mixed to two (ITU-R BS.775); rates above 48 kHz or below 8 kHz become
    48 kHz. The memory depends on `max_seconds`, not on the file. Damaged parts are skipped, and
    recordings that were joined end to end are all read.

    Args:
        source: a file's path, its bytes, or a seekable stream of them.
        max_seconds: the longest sound that is read.
        skip_seconds: how much sound is skipped before.

    Raises:
        AudioError: the file does not exist, is no sound, or has no samples.
    """
    losses = Losses()
    with _opened(source) as stream:
        size = stream.seek(0, io.SEEK_END)
        sound = _gather(read_recordings(stream, losses), max_seconds, skip_seconds, losses)
        if sound is not None:
            return sound
        if size == 0:
            raise AudioError("That file is empty.")
        raise AudioError(NO_SOUND if _is_sound(stream) else _UNREADABLE)


def read_tags(source: Path | bytes | BinaryIO) -> dict[str, str]:
    """Read the tags, by lower-case names (`title`, `artist`, `comment`, …); {} without any.

    Raises:
        AudioError: the file cannot be opened, or is no sound file.
    """
    with _opened(source) as stream:
        try:
            stream.seek(0)
            tags = demuxing.read_tags(stream)
        except MemoryError:
            raise
        except Exception as error:
            # libsndfile reads formats that FFmpeg, or the list of allowed formats, does not.
            stream.seek(0)
            try:
                with soundfile.SoundFile(stream) as file:
                    tags = file.copy_metadata()
            except MemoryError:
                raise
            except Exception:
                raise AudioError(_UNREADABLE) from error
    return {name.lower(): value for name, value in tags.items()}


def _gather(
    blocks: Blocks, max_seconds: float, skip_seconds: float, losses: Losses
) -> Sound | None:
    """Join blocks to one Sound of a limited length; None without samples."""
    parts: list[Floats] = []
    convert: _Converter | None = None
    skip_s, wanted_s, read_s, channels, more = skip_seconds, max_seconds, 0.0, 0, False
    for samples, rate, places in blocks:
        if convert is None:
            channels = min(2, samples.shape[1])
            convert = _Converter(rate, channels)
        read_s += len(samples) / rate
        skipped = min(round(skip_s * rate), len(samples))
        skip_s -= skipped / rate
        rest = samples[skipped:]
        piece = rest[: max(0, round(wanted_s * rate))]
        wanted_s -= len(piece) / rate
        if len(rest) > len(piece):
            more = True
        parts.append(convert(_channels(piece, channels, places), rate))
        if more:
            blocks.close()
            break
    if convert is None:
        return None
    parts.append(convert.finish())
    samples = _in_range(np.concatenate(parts))
    if not len(samples):
        return None
    mono = samples[:, 0].copy() if channels == 1 else samples
    return Sound(mono, convert.new_rate, _notes(losses, read_s), more)


def _notes(losses: Losses, read_s: float) -> tuple[str, ...]:
    """Describe losses in sentences for members."""
    if losses.silent_s >= 0.005:
        return (f"Part of that file is damaged: {losses.silent_s:.2f} s of it are silent.",)
    if losses.announced_s is not None:
        return (
            f"That file ends early: of {losses.announced_s:.2f} s that it announces, "
            f"{read_s:.2f} s are there.",
        )
    if losses.damaged:
        return ("Part of that file is damaged and was left out.",)
    return ()


class _Converter:
    """Resamples blocks to one rate: the first block's if that is 8 to 48 kHz, else 48 kHz.

    The rate may change from one joined recording to the next.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self.new_rate = rate if MIN_RATE <= rate <= MAX_RATE else MAX_RATE
        self._channels, self._rate = channels, rate
        self._stream: soxr.ResampleStream | None = self._resampler(rate)

    def __call__(self, block: Floats, rate: int) -> Floats:
        ended = self.finish() if rate != self._rate else None
        if ended is not None:
            self._rate, self._stream = rate, self._resampler(rate)
        out = block if self._stream is None else self._stream.resample_chunk(block, last=False)
        return out if ended is None else np.concatenate([ended, out])

    def finish(self) -> Floats:
        """Return the rest of the resampler's output. The next block begins a new one."""
        none = np.zeros((0, self._channels), np.float32)
        return none if self._stream is None else self._stream.resample_chunk(none, last=True)

    def _resampler(self, rate: int) -> soxr.ResampleStream | None:
        if rate == self.new_rate:
            return None
        return soxr.ResampleStream(
            rate, self.new_rate, self._channels, dtype="float32", quality="HQ"
        )


def _channels(block: Floats, channels: int, places: tuple[str, ...]) -> Floats:
    """Convert a block to finite values and a number of channels, 1 or 2."""
    block = np.clip(np.nan_to_num(block, posinf=0.0, neginf=0.0), -_LOUDEST, _LOUDEST)
    if block.shape[1] > 2:
        block = to_stereo(block, places)
    if block.shape[1] == channels:
        return np.ascontiguousarray(block)
    return np.repeat(block.mean(1, keepdims=True), channels, axis=1)


def _in_range(samples: Floats) -> Floats:
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1 else samples


@contextlib.contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    # Always a stream, never a name, which decoders might interpret as an address or a protocol.
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | Path):
        with open_regular_file(Path(source)) as stream:
            yield stream
    else:
        yield source


def _is_sound(stream: BinaryIO) -> bool:
    """Whether libsndfile recognises the format, although there were no samples."""
    stream.seek(0)
    try:
        soundfile.SoundFile(stream).close()
    except MemoryError:
        raise
    except Exception:
        return False
    return True
