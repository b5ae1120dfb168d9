"""Sound files and uploads: any format that libsndfile or PyAV's codecs know, both safe and bounded.

An upload may be anything: truncated, renamed, hours long, with a false header. It is decoded in
blocks up to a limit, its header is not trusted, and nothing here opens other files for it; all that
can go wrong is an `AudioError` with one sentence. Faults of native code are another matter:
untrusted files are read through `audio.decoder`, which does this in a child process.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from audio import demuxing, sndfile
from audio.announced_length import measure_missing_share
from audio.arrays import Floats
from audio.demuxing import NO_SOUND, Block, Losses
from audio.downmix import to_stereo
from audio.encoding import encode
from audio.errors import AudioError
from audio.regular_files import open_regular_file
from audio.sections import split_recordings

__all__ = ["Sound", "encode", "read", "read_tags"]

MAX_RATE, MIN_RATE = 48000, 8000
_XING_WITHIN = 1 << 20
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
        sound = _gather(_all_blocks(stream, losses), max_seconds, skip_seconds, losses)
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


Blocks = Generator[Block, None, None]
"""One block after the other; closed where enough was read."""


def _all_blocks(stream: BinaryIO, losses: Losses) -> Blocks:
    """The recordings in a file, one after the other."""
    try:
        found = split_recordings(stream)
    except MemoryError:
        raise
    except Exception:
        found = [stream]
    for section in found:
        yield from _section_blocks(section, losses)


def _section_blocks(stream: BinaryIO, losses: Losses) -> Blocks:
    """One recording by the decoder that suits it; where that one breaks off, the other goes on."""
    given, given_s = 0, 0.0
    refusal, short = None, None
    for decode in _decoders(stream):
        stream.seek(0)
        before, ahead, found = given, given, Losses()
        try:
            for block in decode(stream, found):
                fresh = block.samples[ahead:]
                ahead -= len(block.samples) - len(fresh)
                if len(fresh):
                    given += len(fresh)
                    given_s += len(fresh) / block.rate
                    yield block._replace(samples=fresh)
        except MemoryError:
            raise
        except GeneratorExit:
            losses.add(found)  # enough was read; what was lost of that is known
            raise
        except AudioError as error:
            found.damaged += 1
            refusal = refusal or error
        except Exception:
            found.damaged += 1
            if decode is sndfile.read_blocks and given:
                continue  # whether anything is lost, the other decoder finds out
        if decode is sndfile.read_blocks and found.announced_s and short is None:
            short = found
            continue  # it stops at damage as if the file ended there
        if given:
            found = short if short is not None and given == before else found
            _compare(stream, given_s, found)
            losses.add(found)
            return
    if short is not None:
        losses.add(short)
    elif refusal is not None:
        raise refusal


def _compare(stream: BinaryIO, read_s: float, losses: Losses) -> None:
    """Note where the file's header announces more bytes than there are."""
    missing = measure_missing_share(stream)
    if losses.announced_s is None and missing * read_s > 0.2:
        losses.announced_s = read_s / (1 - missing)


Decode = Callable[[BinaryIO, Losses], Iterator[Block]]


def _decoders(stream: BinaryIO) -> tuple[Decode, ...]:
    """Both decoders, the one to try first first."""
    stream.seek(0)
    try:
        with soundfile.SoundFile(stream) as file:
            kind, channels = file.format, file.channels
    except MemoryError:
        raise
    except Exception:
        return (demuxing.read_blocks, sndfile.read_blocks)
    if kind == "MP3":
        # libmpg123 ends where a header says so: after the first of several joined files, too.
        return (_mp3_blocks, sndfile.read_blocks)
    # libsndfile does not say what each channel is.
    first_av = channels > 2
    return (
        (demuxing.read_blocks, sndfile.read_blocks)
        if first_av
        else (sndfile.read_blocks, demuxing.read_blocks)
    )


def _mp3_blocks(stream: BinaryIO, losses: Losses) -> Iterator[Block]:
    start = stream.read(_XING_WITHIN)
    stream.seek(0)
    # Named, for of one frame alone FFmpeg now and then guesses something else.
    yield from demuxing.read_blocks(stream, losses, demuxer="mp3")
    if b"Xing" not in start and b"Info" not in start:
        losses.announced_s = None  # guessed from its first frames


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
