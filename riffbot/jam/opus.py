"""Samples → Opus packets of 20 ms, encoded with the libopus that ships with PyAV."""

from __future__ import annotations

import av
import numpy as np

from audio.arrays import Floats
from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.synthesizer import SAMPLE_RATE

MIN_BITRATE, MAX_BITRATE = 16_000, 128_000
"""Bits a second; above, nobody hears a difference: the spectrogram has no finer detail."""

PRE_SKIP = 312
"""Samples by which a decoder's sound lags behind (libopus' look-ahead at 48 kHz)."""


class OpusEncoder:
    """Encodes one endless sound: full band, tuned for music, one packet for every 960 samples.

    Args:
        bitrate: bits a second, held to 16,000 … 128,000 (a voice channel's own is a good choice).
    """

    def __init__(self, bitrate: int = 96_000) -> None:
        self.bitrate = min(MAX_BITRATE, max(MIN_BITRATE, bitrate))
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate = SAMPLE_RATE
        context.layout = "stereo"
        context.format = "flt"
        context.bit_rate = self.bitrate
        # No in-band error correction and no pauses for silence: both are for speech.
        context.options = {"application": "audio", "frame_duration": "20", "fec": "0"}
        context.open()
        self._context = context
        self._at = 0

    def encode(self, samples: Floats) -> list[bytes]:
        """The packets of whole frames.

        Args:
            samples: float32[960·k], mono, in [−1, 1].

        Returns:
            k packets, stereo.
        """
        packets = []
        for start in range(0, len(samples), PACKET_SAMPLES):
            both = np.repeat(samples[start : start + PACKET_SAMPLES], 2)[None]
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(both, np.float32), format="flt", layout="stereo"
            )
            frame.sample_rate = SAMPLE_RATE
            frame.pts = self._at
            self._at += PACKET_SAMPLES
            packets += [bytes(packet) for packet in self._context.encode(frame)]
        return packets


def decode(packets: list[bytes]) -> Floats:
    """Decode consecutive packets: float32[n, 2] at 48 kHz."""
    context = av.CodecContext.create("libopus", "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = SAMPLE_RATE
    context.layout = "stereo"
    parts = [np.zeros((0, 2), np.float32)]
    for packet in packets:
        for frame in context.decode(av.Packet(packet)):
            planes = frame.to_ndarray()
            scale = 32768 if planes.dtype == np.int16 else 1
            sound = planes.astype(np.float32) / np.float32(scale)
            parts.append(sound.reshape(-1, 2) if len(sound) == 1 else sound.T)
    return np.concatenate(parts)
