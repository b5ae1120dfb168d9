"""Encodes sound as MP3, WAV, FLAC or Ogg Vorbis, without an ffmpeg binary."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Literal, cast

import av
import numpy as np
import soundfile

from audio.arrays import Floats
from audio.errors import AudioError
from audio.resample import resample

Format = Literal["mp3", "wav", "flac", "ogg"]
FORMATS: tuple[Format, ...] = ("mp3", "wav", "flac", "ogg")

TAGS = ("title", "artist", "album", "date", "comment", "software")
"""The tags that all formats support; a recipe is stored as the comment."""

_MP3_RATES = (32000, 44100, 48000)
_MP3_BIT_RATE = 192_000
_MP3_FRAME = 1152
_MP3_TAGGED = 192
"""The number of bytes of the first frame up to the end of its Info tag."""
_SUBTYPES = {"wav": "PCM_24", "flac": "PCM_24", "ogg": "VORBIS"}
_BLOCK = 65536


def encode(
    samples: Floats, sample_rate: int, format: Format, *, tags: Mapping[str, str] | None = None
) -> bytes:
    """Encode a sound.

    An MP3 has a Xing/Info tag with the encoder's delay and padding, so that gapless players play
    exactly as many samples and loops have no gap.

    Args:
        samples: float[n] or float[n, 2], clipped to [−1, 1].
        sample_rate: Hz; an MP3 at a rate that MP3 lacks is resampled to 48 kHz.
        format: mp3 (192 kb/s), wav or flac (24 bit), or ogg (Vorbis).
        tags: title, artist, album, date, comment, software.

    Returns:
        The file's bytes, the same for the same arguments.

    Raises:
        AudioError: no samples, an unknown format or tag, or a rate that the encoder refuses.
    """
    if format not in FORMATS:
        raise AudioError(f"“{format}” is no format I can write: use mp3, wav, flac or ogg.")
    unknown = sorted(set(tags or {}) - set(TAGS))
    if unknown:
        raise AudioError(f"There is no tag “{unknown[0]}”: use {', '.join(TAGS)}.")
    samples = np.asarray(samples, np.float32)
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise AudioError("There is no sound to write: it has no samples.")
    if samples.ndim == 2 and samples.shape[1] > 2:
        raise AudioError("A sound file here has one or two channels.")
    samples = np.clip(np.nan_to_num(samples), -1, 1)
    clean = {name: value.replace("\0", "") for name, value in (tags or {}).items() if value}
    try:
        if format == "mp3":
            return _mp3(samples, sample_rate, clean)
        return _sndfile(samples, sample_rate, format, clean)
    except (av.FFmpegError, soundfile.SoundFileError, ValueError) as error:
        raise AudioError(f"The sound cannot be written as {format.upper()} ({error}).") from error


def _sndfile(samples: Floats, rate: int, format: Format, tags: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(
        out, "w", rate, channels, subtype=_SUBTYPES[format], format=format.upper()
    ) as file:
        for name, value in tags.items():
            setattr(file, name, value)
        # In blocks: the Vorbis encoder has all samples of a call on the stack.
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])
    return out.getvalue()


def _mp3(samples: Floats, rate: int, tags: Mapping[str, str]) -> bytes:
    if rate not in _MP3_RATES:
        samples, rate = resample(samples, rate, 48000), 48000
    planes = np.ascontiguousarray(samples[None] if samples.ndim == 1 else samples.T)
    layout = "mono" if len(planes) == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        container.metadata.update(tags)
        added = container.add_stream("libmp3lame", rate=rate, layout=layout, format="fltp")
        stream = cast("av.AudioStream", added)
        stream.bit_rate = _MP3_BIT_RATE
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return _gapless(out.getvalue(), planes.shape[1])


def _gapless(mp3: bytes, length: int) -> bytes:
    """Write the true padding into an MP3's Info tag.

    libavcodec writes at most one frame of padding. If the last frame is nearly empty, LAME adds up
    to 46 samples more, which would be a gap in a loop.
    """
    first = 10 + sum(byte << 7 * i for i, byte in enumerate(reversed(mp3[6:10])))
    tag = mp3.find(b"Info", first, first + 64)
    if not mp3.startswith(b"ID3") or tag < 0:
        return mp3
    frame = bytearray(mp3[first : first + _MP3_TAGGED])
    at = tag - first
    count = int.from_bytes(frame[at + 8 : at + 12], "big")
    delay = int.from_bytes(frame[at + 141 : at + 144], "big") >> 12
    padding = count * _MP3_FRAME - delay - length
    frame[at + 141 : at + 144] = (delay << 12 | padding).to_bytes(3, "big")
    frame[at + 154 : at + 156] = bytes(2)
    frame[at + 154 : at + 156] = _crc16(frame[:190]).to_bytes(2, "big")
    return mp3[:first] + bytes(frame) + mp3[first + _MP3_TAGGED :]


def _crc16(data: bytes | bytearray) -> int:
    """Compute CRC-16/ARC, the checksum of the Info tag."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc
