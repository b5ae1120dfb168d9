"""Sound files and uploads: any format that libsndfile or PyAV's codecs know, both safe and bounded.

An upload may be anything: truncated, renamed, hours long, with a false header. It is decoded in
blocks up to a limit, its header is not trusted, and nothing here opens other files for it; all that
can go wrong is an `AudioError` with one sentence. Faults of native code are another matter:
untrusted files are read through `audio.decoder`, which does this in a child process.
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
"""Float files may peak above 1 and are scaled down; beyond this the numbers are damage."""

_UNREADABLE = (
    "That is no sound file that can be read; try an MP3, WAV, FLAC or OGG that plays elsewhere."
)


@dataclass(frozen=True)
class Sound:
    """Decoded sound.

    Attributes:
        samples: float32[n] (mono) or float32[n, 2], in [−1, 1].
        sample_rate: 8,000 to 48,000 Hz.
        notes: sentences about what was lost to damage; none for a sound file as it should be.
        more: the file goes on after `max_seconds`.
    """

    samples: Floats
    sample_rate: int
    notes: tuple[str, ...] = ()
    more: bool = False

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate


def read(
    source: Path | bytes | BinaryIO, *, max_seconds: float = 600.0, skip_seconds: float = 0.0
) -> Sound:
    """Decode a file or an upload.

    What lies before `skip_seconds` is passed over, and what lies `max_seconds` beyond is left
    unread. More than two channels are mixed to two (ITU-R BS.775); rates above 48 kHz (and below
    8 kHz) become 48 kHz; memory is bounded by the limit, not by the file. Damage is passed over,
    and of recordings that were joined end to end each is read.

    Args:
        source: a file's name, its bytes, or a seekable stream of them.
        max_seconds: of sound that are read at most.
        skip_seconds: of sound before them that are passed over.

    Raises:
        AudioError: no such file, not a sound, or no samples in it.
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
    """The file's tags with lower-case names (`title`, `artist`, `comment`, …); {} without any.

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
            # libsndfile knows formats that FFmpeg or its list of formats here does not.
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
    """Blocks → one bounded Sound, or None when there were none."""
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
    """What was lost, in sentences for people."""
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
    """Blocks of any rate → one rate: the first block's, where that is 8 to 48 kHz.

    Chained recordings may change theirs from one to the next.
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
        """What is still inside. The next block needs a new beginning."""
        none = np.zeros((0, self._channels), np.float32)
        return none if self._stream is None else self._stream.resample_chunk(none, last=True)

    def _resampler(self, rate: int) -> soxr.ResampleStream | None:
        if rate == self.new_rate:
            return None
        return soxr.ResampleStream(
            rate, self.new_rate, self._channels, dtype="float32", quality="HQ"
        )


def _channels(block: Floats, channels: int, places: tuple[str, ...]) -> Floats:
    """A finite block with the wanted number of channels, 1 or 2."""
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
    # Always a stream, never a name: decoders would take a name for an address or a protocol.
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | Path):
        with open_regular_file(Path(source)) as stream:
            yield stream
    else:
        yield source


def _is_sound(stream: BinaryIO) -> bool:
    """Whether any decoder recognises the format, though it found no samples."""
    stream.seek(0)
    try:
        soundfile.SoundFile(stream).close()
    except MemoryError:
        raise
    except Exception:
        return False
    return True
