"""A small real file for every demuxer, made by FFmpeg's own muxers where it has one."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import av
import numpy as np

SECONDS, PEAK = 1.0, 0.5


def muxed(muxer: str, codec: str, rate: int = 44100, **options: Any) -> bytes:
    """One second of a tone, mono."""
    time = np.arange(round(SECONDS * rate)) / rate
    tone = (PEAK * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    out = io.BytesIO()
    with av.open(out, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono", **options)
        context = stream.codec_context
        frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        fit = av.AudioResampler(
            format=context.format, layout="mono", rate=rate, frame_size=context.frame_size or 1024
        )
        for part in (*fit.resample(frame), *fit.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


def monkeys_audio() -> bytes:
    """A second of silence as APE 3.99."""
    rate, flags_follow, both_silent = 44100, 0x80000000, 3
    # Words of the compressed frame are stored in reversed order of their bytes.
    words = [flags_follow, both_silent, 0, 0, 0]
    frame = b"".join(struct.pack("<I", word) for word in words)
    table = struct.pack("<I", 52 + 24 + 4)
    descriptor = struct.pack(
        "<4sHHIIIIIII16s", b"MAC ", 3990, 0, 52, 24, len(table), 0, len(frame), 0, 0, bytes(16)
    )
    header = struct.pack("<HHIIIHHI", 1000, 32, 73728, rate, 1, 16, 2, rate)
    return descriptor + header + table + frame


def musepack7(frames: int = 39) -> bytes:
    """A second of silence as Musepack SV7: frames of 28 bits, in words of 32."""
    bits = "0" * 8 + frames * (format(8, "020b") + "0" * 8)
    bits += "0" * (-len(bits) % 32 + 64)
    words = [int(bits[at : at + 32], 2) for at in range(0, len(bits), 32)]
    return b"MP+\x07" + struct.pack(f"<I16x{len(words)}I", frames, *words)


def musepack8(frames: int = 39) -> bytes:
    """The same as SV8."""

    def chunk(tag: bytes, payload: bytes) -> bytes:
        return tag + bytes([len(payload) + 3]) + payload

    count = frames * 1152
    length = bytes([0x80 | count >> 14, 0x80 | count >> 7 & 127, count & 127])
    stereo = bytes([0, 1 << 4])
    header = struct.pack(">IB", 1, 8) + length + bytes(1) + stereo
    return b"MPCK" + chunk(b"SH", header) + frames * chunk(b"AP", bytes(4)) + chunk(b"SE", b"")


SILENT = ("APE", "Musepack 7", "Musepack 8")
"""Nothing that FFmpeg has writes these; what is written here by hand is silence."""

FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "AAC": ("aac", lambda: muxed("adts", "aac")),
    "AC-3": ("ac3", lambda: muxed("ac3", "ac3")),
    "AIFF": ("aiff", lambda: muxed("aiff", "pcm_s16be")),
    "AMR": ("amr", lambda: muxed("amr", "libopencore_amrnb", 8000, bit_rate=12200)),
    "APE": ("ape", monkeys_audio),
    "WMA": ("asf", lambda: muxed("asf", "wmav2", bit_rate=128000)),
    "AU": ("au", lambda: muxed("au", "pcm_s16be")),
    "CAF": ("caf", lambda: muxed("caf", "pcm_s16le")),
    "E-AC-3": ("eac3", lambda: muxed("eac3", "eac3")),
    "FLAC": ("flac", lambda: muxed("flac", "flac")),
    "Matroska": ("matroska", lambda: muxed("matroska", "libopus", 48000)),
    "WebM": ("matroska", lambda: muxed("webm", "libvorbis")),
    "MP4": ("mov", lambda: muxed("mp4", "aac")),
    "QuickTime": ("mov", lambda: muxed("mov", "alac")),
    "3GP": ("mov", lambda: muxed("3gp", "aac")),
    "MP3": ("mp3", lambda: muxed("mp3", "libmp3lame")),
    "Musepack 7": ("mpc", musepack7),
    "Musepack 8": ("mpc8", musepack8),
    "MPEG-PS": ("mpeg", lambda: muxed("mpeg", "mp2", 48000)),
    "VOB": ("mpeg", lambda: muxed("vob", "ac3", 48000)),
    "MPEG-TS": ("mpegts", lambda: muxed("mpegts", "aac")),
    "Ogg": ("ogg", lambda: muxed("ogg", "libvorbis")),
    "RealMedia": ("rm", lambda: muxed("rm", "ac3")),
    "TTA": ("tta", lambda: muxed("tta", "tta")),
    "Wave64": ("w64", lambda: muxed("w64", "pcm_s16le")),
    "WAV": ("wav", lambda: muxed("wav", "pcm_s16le")),
    "WavPack": ("wv", lambda: muxed("wv", "wavpack")),
    "AVI": ("avi", lambda: muxed("avi", "libmp3lame")),
    "FLV with AAC": ("flv", lambda: muxed("flv", "aac")),
    "FLV with MP3": ("flv", lambda: muxed("flv", "libmp3lame")),
}
"""What it is → the demuxer's name, what makes it."""
