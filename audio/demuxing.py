"""Decodes sound with FFmpeg, and continues after damage.

Reads only streams of bytes: no file or address is opened, and formats that would open some
(playlists, DASH, concat) are not allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, cast

import av
import numpy as np

from audio.arrays import Floats
from audio.errors import AudioError

NO_SOUND = "There is no sound in that file."

DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,eac3,flac,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,rm,tta,"
    "w64,wav,wv,avi,flv"
)
"""FFmpeg's names of the formats that are read; `mov` is MP4, M4A and 3GP, too, `matroska` WebM,
`mpeg` VOB. No playlists: HLS, DASH and concat would open other files and addresses."""

_MOST_ERRORS = 1000
"""The most damaged places that are skipped; the rest of the file is left out."""

_LONGEST_GAP_S = 10.0
"""The most silence that replaces a damaged place: its time stamps may be damaged, too."""

_SHORTEST_GAP_S = 0.001

_GUESSED = ("aac", "ac3", "amr", "eac3", "mpeg", "mpegts")
"""Formats without a length in their header: FFmpeg estimates it from the size."""

_UNTIMED = ("amr",)
"""Formats whose time stamps are estimated, too, and wrong after damage."""


class Block(NamedTuple):
    """A block of decoded sound: float32[n, channels], Hz, FFmpeg's names of the channels."""

    samples: Floats
    rate: int
    places: tuple[str, ...] = ()


@dataclass
class Losses:
    """What was lost while reading.

    Attributes:
        damaged: places that could not be decoded.
        silent_s: seconds of silence that replace them.
        announced_s: the duration in a stream's header, if it is clearly longer than the stream.
    """

    damaged: int = 0
    silent_s: float = 0.0
    announced_s: float | None = None

    def add(self, other: Losses) -> None:
        """Add the losses of another recording in the same file."""
        self.damaged += other.damaged
        self.silent_s += other.silent_s
        self.announced_s = other.announced_s or self.announced_s


def read_blocks(stream: BinaryIO, losses: Losses, *, demuxer: str | None = None) -> Iterator[Block]:
    """Decode the first audio track, block by block.

    Damaged packets are replaced by silence for the missing time, according to the time stamps, so
    that what follows keeps its time.

    Args:
        stream: seekable, at its beginning.
        losses: losses are added to it.
        demuxer: the format, if it is known; else FFmpeg detects it.

    Raises:
        AudioError: there is no audio track.
        av.FFmpegError: the format is unknown or not allowed.
    """
    with closing(_opened(stream, demuxer)) as container:
        track = _track(container)
        end_s: float | None = None
        read_s, broken = 0.0, False
        timed = container.format.name not in _UNTIMED
        for packet in _packets(container, track, losses):
            if packet is None:
                broken = True
                continue
            try:
                frames = cast("list[av.AudioFrame]", packet.decode())
            except av.FFmpegError:
                losses.damaged += 1
                broken = True
                continue
            for frame in frames:
                start_s = frame.time  # by the time stamp
                if broken and timed and start_s is not None and end_s is not None:
                    gap = min(start_s - end_s, _LONGEST_GAP_S)
                    if gap > _SHORTEST_GAP_S:
                        losses.silent_s += gap
                        read_s += gap
                        yield _silence(gap, frame)
                broken = False
                if not frame.samples:
                    continue
                read_s += frame.samples / frame.sample_rate
                if start_s is not None:
                    end_s = start_s + frame.samples / frame.sample_rate
                yield Block(_samples(frame), int(frame.sample_rate), _places(frame))
        _compare(container, track, read_s, losses)


def read_tags(stream: BinaryIO) -> dict[str, str]:
    """Read the tags of the container and its first audio track.

    Raises:
        av.FFmpegError: the format is unknown or not allowed.
    """
    with closing(_opened(stream, None)) as container:
        found = dict(container.metadata)
        for audio in container.streams.audio[:1]:
            found.update(audio.metadata)
    return found


def _opened(stream: BinaryIO, demuxer: str | None) -> av.container.InputContainer:
    # Not `options=`: for it PyAV allocates an array of one element a stream, and FFmpeg writes
    # beyond its end for formats whose streams are found while reading (FLV, MPEG-PS).
    limits = {"format_whitelist": DEMUXERS, "protocol_whitelist": "none"}
    return av.open(stream, "r", format=demuxer, container_options=limits, metadata_errors="replace")


def _track(container: av.container.InputContainer) -> av.AudioStream:
    for track in container.streams.audio:
        if track.codec_context is not None:
            return track
    raise AudioError(NO_SOUND)


def _packets(
    container: av.container.InputContainer, track: av.AudioStream, losses: Losses
) -> Iterator[av.Packet | None]:
    """Yield the track's packets, and None for each that could not be read."""
    while losses.damaged < _MOST_ERRORS:
        try:
            yield from container.demux(track)
        except av.FFmpegError:
            losses.damaged += 1
            yield None
        else:
            return


def _samples(frame: av.AudioFrame) -> Floats:
    raw = frame.to_ndarray()
    channels = frame.layout.nb_channels
    raw = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    if raw.dtype.kind == "f":
        return np.asarray(raw, np.float32)
    middle = 128 if raw.dtype == np.uint8 else 0
    full = 2.0 ** (8 * raw.dtype.itemsize - 1)
    return np.asarray((raw.astype(np.float64) - middle) / full, np.float32)


def _places(frame: av.AudioFrame) -> tuple[str, ...]:
    return tuple(channel.name for channel in frame.layout.channels)


def _silence(seconds: float, like: av.AudioFrame) -> Block:
    count = round(seconds * like.sample_rate)
    shape = (count, like.layout.nb_channels)
    return Block(np.zeros(shape, np.float32), int(like.sample_rate), _places(like))


def _compare(
    container: av.container.InputContainer, track: av.AudioStream, read_s: float, losses: Losses
) -> None:
    """Record a duration in the header that is longer than what was read."""
    if container.format.name in _GUESSED:
        return
    if track.duration is not None and track.time_base is not None:
        announced = float(track.duration * track.time_base)
    elif container.duration is not None and len(container.streams) == 1:
        announced = container.duration / av.time_base
    else:
        return
    if announced > 1.02 * read_s + 0.2:
        losses.announced_s = announced
