"""Decodes the recordings of a file with libsndfile or FFmpeg: the one that suits it comes first.

Each reads formats, channels and damage that the other does not.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

import soundfile

from audio import demuxing, sndfile
from audio.announced_length import measure_missing_share
from audio.demuxing import Block, Losses
from audio.errors import AudioError
from audio.sections import split_recordings

_XING_WITHIN = 1 << 20
"""An MP3's Xing or Info header, which has its length, lies within so many bytes."""

Blocks = Generator[Block, None, None]
"""Yields blocks; closed when enough was read."""


def read_recordings(stream: BinaryIO, losses: Losses) -> Blocks:
    """Decode the recordings in a file, one after the other.

    Args:
        stream: seekable.
        losses: is added to.

    Raises:
        AudioError: the first decoder's sentence, where neither reads anything.
    """
    try:
        sections = split_recordings(stream)
    except MemoryError:
        raise
    except Exception:
        sections = [stream]
    for section in sections:
        yield from _read_recording(section, losses)


def _read_recording(stream: BinaryIO, losses: Losses) -> Blocks:
    """Decode one recording by the better decoder; where it fails, continue with the other."""
    count, read_s = 0, 0.0
    refusal, short = None, None
    for decode in _decoders(stream):
        stream.seek(0)
        before, ahead, found = count, count, Losses()
        try:
            for block in decode(stream, found):
                fresh = block.samples[ahead:]
                ahead -= len(block.samples) - len(fresh)
                if len(fresh):
                    count += len(fresh)
                    read_s += len(fresh) / block.rate
                    yield block._replace(samples=fresh)
        except MemoryError:
            raise
        except GeneratorExit:
            losses.add(found)  # enough was read
            raise
        except AudioError as error:
            found.damaged += 1
            refusal = refusal or error
        except Exception:
            found.damaged += 1
            if decode is sndfile.read_blocks and count:
                continue  # the other decoder finds out whether anything is lost
        if decode is sndfile.read_blocks and found.announced_s and short is None:
            short = found
            continue  # it may have stopped at damage as at the end of the file
        if count:
            found = short if short is not None and count == before else found
            _compare_length(stream, read_s, found)
            losses.add(found)
            return
    if short is not None:
        losses.add(short)
    elif refusal is not None:
        raise refusal


def _compare_length(stream: BinaryIO, read_s: float, losses: Losses) -> None:
    """Record a length in the file's header that is longer than the file."""
    missing = measure_missing_share(stream)
    if losses.announced_s is None and missing * read_s > 0.2:
        losses.announced_s = read_s / (1 - missing)


Decode = Callable[[BinaryIO, Losses], Iterator[Block]]


def _decoders(stream: BinaryIO) -> tuple[Decode, ...]:
    """Return both decoders, the better one for this format first."""
    stream.seek(0)
    try:
        with soundfile.SoundFile(stream) as file:
            kind, channels = file.format, file.channels
    except MemoryError:
        raise
    except Exception:
        return (demuxing.read_blocks, sndfile.read_blocks)
    if kind == "MP3":
        # libmpg123 ends at the length in the header, also in the first of several joined files.
        return (_read_mp3, sndfile.read_blocks)
    if channels > 2:  # libsndfile does not report what each channel is
        return (demuxing.read_blocks, sndfile.read_blocks)
    return (sndfile.read_blocks, demuxing.read_blocks)


def _read_mp3(stream: BinaryIO, losses: Losses) -> Iterator[Block]:
    start = stream.read(_XING_WITHIN)
    stream.seek(0)
    # Named, since FFmpeg sometimes takes a single frame for another format.
    yield from demuxing.read_blocks(stream, losses, demuxer="mp3")
    if b"Xing" not in start and b"Info" not in start:
        losses.announced_s = None  # only estimated from the first frames
