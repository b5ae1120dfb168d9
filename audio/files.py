"""Sound files and uploads: any format that libsndfile or PyAV's codecs know, both safe and bounded.

An upload is whatever a stranger sends: truncated, renamed, hours long, with a header that lies.
It is decoded in blocks up to a limit, never believed and never handed to anything that would open
other files for it; all that can go wrong is an `AudioError` with one sentence.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import soundfile
import soxr

from audio.arrays import Floats
from audio.encoding import encode
from audio.errors import AudioError

__all__ = ["Sound", "encode", "read", "read_tags"]

MAX_RATE, MIN_RATE = 48000, 8000
_BLOCK_S = 1.0
_MAX_CHANNELS = 64
_LOUDEST = 64.0
"""Float files may peak above 1 and are scaled down; beyond this the numbers are damage."""

_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,eac3,flac,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp2,mp3,mpc,"
    "mpc8,mpeg,mpegts,ogg,opus,rm,tta,w64,wav,wv,avi,flv"
)
"""No playlists: HLS, DASH and concat would open other files and addresses on a stranger's word."""

_NO_SOUND = "There is no sound in that file."
_UNREADABLE = (
    "That is no sound file that can be read; try an MP3, WAV, FLAC or OGG that plays elsewhere."
)


@dataclass(frozen=True)
class Sound:
    """Decoded sound.

    Attributes:
        samples: float32[n] (mono) or float32[n, 2], in [−1, 1].
        sample_rate: 8,000 to 48,000 Hz.
    """

    samples: Floats
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate


def read(source: Path | bytes, *, max_seconds: float = 600.0, skip_seconds: float = 0.0) -> Sound:
    """Decode a file or an upload.

    What lies before `skip_seconds` is passed over, and what lies `max_seconds` beyond is left
    unread. More than two channels are mixed to mono; rates above 48 kHz (and below 8 kHz) become
    48 kHz; memory is bounded by the limit, not by the file.

    Raises:
        AudioError: no such file, not a sound, or no samples in it.
    """
    for decode in (_sndfile_blocks, _av_blocks):
        try:
            with _opened(source) as stream:
                sound = _gather(decode(stream), max_seconds, skip_seconds)
        except AudioError:
            raise
        except Exception:
            continue
        if sound is not None:
            return sound
    if _size(source) == 0:
        raise AudioError("That file is empty.")
    raise AudioError(_UNREADABLE if not _is_sound(source) else _NO_SOUND)


def read_tags(source: Path | bytes) -> dict[str, str]:
    """The file's tags with lower-case names (`title`, `artist`, `comment`, …); {} without any.

    Raises:
        AudioError: the file cannot be opened, or is no sound file.
    """
    try:
        with _opened(source) as stream, closing(_av_open(stream)) as container:
            tags = dict(container.metadata)
            for audio in container.streams.audio[:1]:
                tags.update(audio.metadata)
    except AudioError:
        raise
    except Exception as error:
        raise AudioError(_UNREADABLE) from error
    return {name.lower(): value for name, value in tags.items()}


Blocks = Iterator[tuple[Floats, int]]
"""(float[n, channels], sample rate), one block after the other."""


def _sndfile_blocks(stream: BinaryIO) -> Blocks:
    with soundfile.SoundFile(stream) as file:
        size = round(_BLOCK_S * file.samplerate) if file.samplerate > 0 else 0
        if not 0 < size <= 4_000_000 or not 0 < file.channels <= _MAX_CHANNELS:
            raise AudioError("That file's header makes no sense; please save it again.")
        while len(block := file.read(size, dtype="float32", always_2d=True)):
            yield cast("Floats", block), int(file.samplerate)


def _av_blocks(stream: BinaryIO) -> Blocks:
    with closing(_av_open(stream)) as container:
        if not container.streams.audio:
            raise AudioError(_NO_SOUND)
        track = container.streams.audio[0]
        layout = "mono" if track.codec_context.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout)
        # A damaged tail ends the sound; what came before it is good.
        with contextlib.suppress(av.FFmpegError):
            for frame in container.decode(track):
                for plane in resampler.resample(frame):
                    yield plane.to_ndarray().T.astype(np.float32), int(plane.sample_rate)


def _av_open(stream: BinaryIO) -> av.container.InputContainer:
    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}
    return av.open(stream, "r", options=options, metadata_errors="replace")


def _gather(blocks: Blocks, max_seconds: float, skip_seconds: float) -> Sound | None:
    """Blocks → one bounded Sound, or None when there were none."""
    parts: list[Floats] = []
    convert: Callable[[Floats, bool], Floats] | None = None
    rate = channels = skip = 0
    wanted = 0.0
    for block, block_rate in blocks:
        if rate == 0:
            skip = round(skip_seconds * block_rate)
            rate, channels = block_rate, min(2, block.shape[1]) if block.shape[1] <= 2 else 1
            convert = _converter(rate, channels)
            wanted = max_seconds * rate
        skipped = min(skip, len(block))
        skip -= skipped
        block = block[skipped:]  # noqa: PLW2901
        piece = _channels(block[: max(0, round(wanted))], channels)
        wanted -= len(block)
        parts.append(convert(piece, False) if convert else piece)
        if wanted <= 0:
            break
    if not parts:
        return None
    if convert:
        parts.append(convert(np.zeros((0, channels), np.float32), True))
    samples = _in_range(np.concatenate(parts))
    if not len(samples):
        return None
    new_rate = rate if MIN_RATE <= rate <= MAX_RATE else MAX_RATE
    return Sound(samples[:, 0].copy() if channels == 1 else samples, new_rate)


def _converter(rate: int, channels: int) -> Callable[[Floats, bool], Floats] | None:
    if MIN_RATE <= rate <= MAX_RATE:
        return None
    stream = soxr.ResampleStream(rate, MAX_RATE, channels, dtype="float32", quality="HQ")
    return lambda block, last: stream.resample_chunk(block, last=last)


def _channels(block: Floats, channels: int) -> Floats:
    """A finite block with the wanted number of channels."""
    block = np.clip(np.nan_to_num(block, posinf=0.0, neginf=0.0), -_LOUDEST, _LOUDEST)
    if block.shape[1] == channels:
        return np.ascontiguousarray(block)
    return np.repeat(block.mean(1, keepdims=True), channels, axis=1)


def _in_range(samples: Floats) -> Floats:
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1 else samples


def _opened(source: Path | bytes) -> BinaryIO:
    # Always a stream, never a name: decoders would take a name for an address or a protocol.
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise AudioError(f"Cannot read {source}: {error.strerror or error}.") from error
    except ValueError as error:
        raise AudioError("That is not a file's name.") from error


def _size(source: Path | bytes) -> int:
    with _opened(source) as stream:
        return stream.seek(0, io.SEEK_END)


def _is_sound(source: Path | bytes) -> bool:
    """Whether any decoder recognises the format, though it found no samples."""
    with _opened(source) as stream, contextlib.suppress(Exception):
        soundfile.SoundFile(stream).close()
        return True
    return False
