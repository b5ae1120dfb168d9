"""Sending of a jam, from the finished sound to the socket, compared with other music bots.

The ordinary way is a PCM source: discord.py's player encodes each 20 ms with libopus on its own
thread, while it should be sending. Ours hands over packets that are Opus already. Both run in
discord.py's real `AudioPlayer`; only the socket behind it is a stand-in that notes the time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import discord
import numpy as np
from discord import opus
from discord.player import AudioPlayer

from audio.arrays import Floats
from riffbot.bench.progress import ProgressBar
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.ring import PACKET_SAMPLES, PacketRing
from riffbot.voice.source import RingSource

BITRATE = 96_000
BURST_S = 0.005
"""Packets closer together than this are a burst, of which a listener's client drops most."""


@dataclass(frozen=True)
class VoiceSize:
    """How long is played.

    Attributes:
        seconds: of each way in all.
        rounds: by turns.
        stall_s: how long the process is away, once.
    """

    seconds: float = 12.0
    rounds: int = 3
    stall_s: float = 1.0


FULL, QUICK = VoiceSize(), VoiceSize(seconds=0.6, rounds=1, stall_s=0.3)


@dataclass(frozen=True)
class SendTiming:
    """How one method sends.

    Attributes:
        packet_us: median microseconds on the player's thread for one packet, until it can be sent.
        p99_ms, worst_ms: distance between packets beside a busy Python thread; 20 would be right.
            p99 is the median of the rounds.
        burst: packets sent at once after the stall.
    """

    packet_us: float
    p99_ms: float
    worst_ms: float
    burst: int


@dataclass(frozen=True)
class VoiceResult:
    """What was measured; `pcm` is None where this machine has no libopus for discord.py."""

    seconds: float
    ours: SendTiming
    pcm: SendTiming | None
    stall_s: float = FULL.stall_s

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def table(self) -> str:
        """For people."""
        lines = [
            f"voice: {self.seconds:g} s each by turns, in discord.py's player, one thread busy"
        ]
        head = f"{'':34}{'ready packets':>16}{'PCM source':>14}{'ratio':>9}"
        rows = (
            ("player thread, one packet", "packet_us", "µs", 1),
            ("spacing p99 (20 is right)", "p99_ms", "ms", 2),
            ("spacing worst", "worst_ms", "ms", 1),
            (f"burst after {self.stall_s:g} s away", "burst", "packets", 0),
        )
        lines += [head, *(self._row(*row) for row in rows)]
        if self.pcm is None:
            lines.append("no libopus for discord.py here, so a PCM source would not play at all")
        return "\n".join(lines)

    def _row(self, name: str, field: str, unit: str, digits: int) -> str:
        ours = float(getattr(self.ours, field))
        text = f"  {name:32}{ours:>10.{digits}f} {unit:5}"
        if self.pcm is None:
            return text
        pcm = float(getattr(self.pcm, field))
        ratio = f"{pcm / ours:>8.1f}×" if ours else f"{'—':>9}"
        return f"{text}{pcm:>14.{digits}f}{ratio}"


class _FakeVoiceClient:
    """Stands in for a voice client: connected, and noting when each packet would leave."""

    def __init__(self, encode: Callable[[bytes], bytes]) -> None:
        self._encode = encode
        self.sent: list[float] = []
        self.timeout = 1.0
        self.ws = SimpleNamespace(speak=self._speak)
        self.client = SimpleNamespace(loop=asyncio.new_event_loop())
        self.player: AudioPlayer | None = None

    async def _speak(self, _: object) -> None: ...

    def is_connected(self) -> bool:
        return True

    def send_audio_packet(self, data: bytes, *, encode: bool = True) -> None:
        if encode:
            self._encode(data)
        self.sent.append(time.perf_counter())

    def resume(self) -> None:
        assert self.player is not None
        self.player.resume(update_speaking=False)


class _PCM(discord.AudioSource):
    """The ordinary source: 16-bit stereo, encoded by the player."""

    def __init__(self, sound: Floats) -> None:
        both = np.repeat((sound * 32767).astype("<i2"), 2)
        self._frames = both.reshape(-1, 2 * PACKET_SAMPLES)
        self._position = 0

    def read(self) -> bytes:
        frame: bytes = self._frames[self._position % len(self._frames)].tobytes()
        self._position += 1
        return frame


@dataclass(frozen=True)
class _PlaybackMethod:
    """A method of playing: its source for a voice client, its encoder, one packet's work."""

    name: str
    source: Callable[[_FakeVoiceClient], discord.AudioSource]
    encode: Callable[[bytes], bytes]
    read_packet: Callable[[], object]


def run(*, size: VoiceSize = FULL, bar: ProgressBar | None = None) -> VoiceResult:
    """Measure both methods in turn, so that other load affects both alike.

    Args:
        size: how long is played.
        bar: shows the progress.
    """
    turn_s = size.seconds / size.rounds
    sound = _make_sound(turn_s)
    methods = [_ready_packets(sound), *([_pcm_source(sound)] if _load_libopus() else [])]
    bar = bar or ProgressBar("voice")
    stalled_s = 1.0 + size.stall_s
    bar.expect(len(methods) * (size.seconds + stalled_s))
    gaps: list[list[Floats]] = [[] for _ in methods]
    for number in range(1, size.rounds + 1):
        for method, intervals in zip(methods, gaps, strict=True):
            with bar.part(f"{method.name}, round {number}/{size.rounds}", turn_s, seconds=turn_s):
                intervals.append(_measure_intervals(method, turn_s, busy=True))
    timings = []
    for method, intervals in zip(methods, gaps, strict=True):
        with bar.part(f"{method.name}, away for {size.stall_s:g} s", stalled_s, seconds=stalled_s):
            timings.append(_measure_timing(method, intervals, size.stall_s))
    pcm = timings[1] if len(timings) > 1 else None
    return VoiceResult(size.seconds, timings[0], pcm, size.stall_s)


def _measure_timing(method: _PlaybackMethod, gaps: list[Floats], stall_s: float) -> SendTiming:
    away = _measure_intervals(method, 1.0 + stall_s, stall_s=stall_s)
    return SendTiming(
        packet_us=_time_one_packet(method.read_packet),
        p99_ms=float(np.median([np.percentile(some, 99) for some in gaps])) * 1000,
        worst_ms=float(np.concatenate(gaps).max()) * 1000,
        burst=int((away < BURST_S).sum()),
    )


def _ready_packets(sound: Floats) -> _PlaybackMethod:
    packets = OpusEncoder(BITRATE).encode(sound)

    def ring() -> PacketRing:
        full = PacketRing(len(packets))
        for position, packet in enumerate(packets):
            full.put(packet, position)
        return full

    def source(socket: _FakeVoiceClient) -> discord.AudioSource:
        return RingSource(ring(), socket.is_connected, socket.resume)

    return _PlaybackMethod("ready packets", source, bytes, ring().read)


def _pcm_source(sound: Floats) -> _PlaybackMethod:
    encoder = opus.Encoder(bitrate=BITRATE // 1000, signal_type="music")
    source = _PCM(sound)

    def encode(data: bytes) -> bytes:
        return bytes(encoder.encode(data, PACKET_SAMPLES))

    return _PlaybackMethod(
        "PCM source", lambda _: _PCM(sound), encode, lambda: encode(source.read())
    )


def _measure_intervals(
    method: _PlaybackMethod, seconds: float, *, busy: bool = False, stall_s: float = 0.0
) -> Floats:
    """Distances between the packets that the real player sends, in seconds."""
    socket = _FakeVoiceClient(method.encode)
    stop = threading.Event()
    made = method.source(socket)
    if stall_s:
        made = _Stalled(made, stall_s)
    player = socket.player = AudioPlayer(made, socket)  # type: ignore[arg-type]
    loop = threading.Thread(target=socket.client.loop.run_forever, daemon=True)
    other = threading.Thread(target=_keep_busy, args=(stop,), daemon=True)
    loop.start()
    if busy:
        other.start()
    player.start()
    time.sleep(seconds)
    player.stop()
    player.join()
    stop.set()
    # What the player still has to say is said before its loop goes.
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), socket.client.loop).result()
    socket.client.loop.call_soon_threadsafe(socket.client.loop.stop)
    loop.join()
    socket.client.loop.close()
    # discord.py's player waits two frames after its first packet, and ends with five of silence.
    return np.diff(np.array(socket.sent[1:-5])).astype(np.float32)


class _Stalled(discord.AudioSource):
    """A source that blocks for a while, once, as if the process were suspended."""

    def __init__(self, inner: discord.AudioSource, stall_s: float) -> None:
        self._inner = inner
        self._stall_s = stall_s
        self._reads = 0

    def read(self) -> bytes:
        self._reads += 1
        if self._reads == 10:
            time.sleep(self._stall_s)
        return self._inner.read()

    def is_opus(self) -> bool:
        return self._inner.is_opus()


def _keep_busy(stop: threading.Event) -> None:
    """A thread of Python code, as a busy bot has."""
    number = 0
    while not stop.is_set():
        for _ in range(10_000):
            number = (number * 1_103_515_245 + 12_345) % 2**31


def _time_one_packet(read_packet: Callable[[], object], count: int = 300) -> float:
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        read_packet()
        times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1e6


def _make_sound(seconds: float) -> Floats:
    """float32[n] of something that costs an encoder work: tones and noise."""
    n = round(seconds * 50) * PACKET_SAMPLES
    time_s = np.arange(n) / 48_000
    tones = sum(np.sin(2 * np.pi * hz * time_s) for hz in (110, 277, 440, 1245, 3520))
    noise = np.random.default_rng(0).standard_normal(n)
    return (0.08 * tones + 0.05 * noise).clip(-1, 1).astype(np.float32)


def _load_libopus() -> bool:
    """Whether discord.py finds a libopus: the system's, or the one inside PyAV's wheel."""
    if opus.is_loaded() or opus._load_default():
        return True
    for path in (Path(av.__file__).parent.parent / "av.libs").glob("libopus*"):
        opus.load_opus(str(path))
        return True
    return False
