"""The ear of the loopback: every packet that arrived for a voice channel, and what to check."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from tests.support.loopback.pulse import Pulse
from tests.support.loopback.voice.rtp import Packet

SAMPLES = 960
"""Of 48 kHz in 20 ms."""

SILENCE = b"\xf8\xff\xfe"


@dataclass
class Heard:
    """What came from the bot, in the order of its arrival.

    Attributes:
        sessions: one list of packets a voice session; a session that resumed goes on in its list.
        sealed: how many of them were end-to-end encrypted (DAVE).
    """

    sessions: list[list[Packet]] = field(default_factory=list)
    sealed: int = 0
    pulse: Pulse = field(default_factory=Pulse)

    @property
    def packets(self) -> list[Packet]:
        """All of them."""
        return [packet for session in self.sessions for packet in session]

    @property
    def music(self) -> list[bytes]:
        """The Opus packets that are no silence."""
        return [frame for session in self.music_by_session for frame in session]

    @property
    def music_by_session(self) -> list[list[bytes]]:
        """The Opus packets of each voice session that are no silence."""
        return [
            [packet.frame for packet in session if packet.frame != SILENCE]
            for session in self.sessions
        ]

    async def until(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Wait until so many packets of music came in all."""

        def enough() -> bool:
            return len(self.music) >= count

        await self.pulse.until(enough, timeout_s=timeout_s, what=f"{count} packets of music")

    def faults(self) -> list[str]:
        """What a listener's client would stumble over: gaps and repetitions, one sentence each."""
        found = []
        for number, session in enumerate(self.sessions):
            if len({packet.nonce for packet in session}) != len(session):
                found.append(f"session {number}: a nonce was used twice")
            for one, other in pairwise(session):
                step = (other.sequence - one.sequence) % 2**16
                if step != 1:
                    found.append(f"session {number}: {one.sequence} → {other.sequence}")
                if (other.timestamp - one.timestamp) % 2**32 != step * SAMPLES:
                    found.append(f"session {number}: time {one.timestamp} → {other.timestamp}")
        return found

    def spacing_ms(self) -> NDArray[np.float64]:
        """Milliseconds between the packets of a session.

        Without the first of a session, after which discord.py 2.7 waits for two frames, and
        without the silence with which it ends.
        """
        gaps = [
            (other.at - one.at) * 1000
            for session in self.sessions
            for one, other in pairwise(session[1:])
            if other.frame != SILENCE
        ]
        return np.array(gaps, np.float64)


def spacing_line(gaps: NDArray[np.float64]) -> str:
    """p50, p99 and worst, as tests print them."""
    p50, p99 = np.percentile(gaps, [50, 99])
    jitter = np.abs(gaps - 20)
    return (
        f"{len(gaps) + 1} packets, spacing p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
        f"max {gaps.max():.2f} ms; jitter around 20 ms p50 {np.median(jitter):.2f}, "
        f"p99 {np.percentile(jitter, 99):.2f}, max {jitter.max():.2f} ms"
    )


def decode(packets: list[bytes]) -> NDArray[np.float32]:
    """What a listener hears: float32[n, 2] at 48 kHz, from the first packet on."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = 48_000
    decoder.layout = "stereo"
    decoder.open()
    sound = [_samples(frame) for opus in packets for frame in decoder.decode(av.Packet(opus))]
    return np.concatenate(sound) if sound else np.zeros((0, 2), np.float32)


def _samples(frame: AudioFrame) -> NDArray[np.float32]:
    values: NDArray[np.generic] = frame.to_ndarray()
    channels = len(frame.layout.channels)
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if values.dtype == np.int16:
        return values.astype(np.float32) / np.float32(32768)
    return values.astype(np.float32)
