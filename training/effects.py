"""Effects on loops: everything is circular, so that a clip still joins its own start.

Signals are float32 at 44,100 Hz and hold whole clips.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter1d

RATE = 44_100

ROOMS: dict[str, tuple[float, float, float]] = {
    "dry": (0.15, 9000.0, 0.0),
    "small": (0.35, 7000.0, 0.5),
    "room": (0.6, 6500.0, 0.7),
    "club": (0.8, 6000.0, 0.8),
    "church": (1.6, 5500.0, 1.0),
    "hall": (1.9, 6000.0, 1.0),
    "cathedral": (3.6, 4500.0, 1.3),
}
"""Room -> seconds to fall by 60 dB, damping in hertz, share of the sends that is heard."""


@lru_cache(maxsize=256)
def _room_spectrum(room: str, samples: int) -> np.ndarray:
    seconds, damping, _ = ROOMS[room]
    length = round(seconds * 1.2 * RATE)
    noise = np.random.default_rng(7).standard_normal(length)
    time = np.arange(length) / RATE
    tail = noise * 10 ** (-3 * time / seconds) * np.minimum(1, time / 0.012)
    spectrum = np.fft.rfft(tail)
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    spectrum /= np.sqrt(1 + (hertz / damping) ** 2)
    spectrum *= (hertz / (hertz + 180.0)) ** 2
    tail = np.fft.irfft(spectrum, length)
    tail /= np.sqrt(np.sum(tail**2))
    wrapped = np.zeros(samples)
    for start in range(0, length, samples):
        piece = tail[start : start + samples]
        wrapped[: len(piece)] += piece
    return fft.rfft(wrapped.astype(np.float32))


def reverb(signal: np.ndarray, room: str) -> np.ndarray:
    """The room's answer to a signal, without the signal itself."""
    answer = fft.irfft(fft.rfft(signal) * _room_spectrum(room, len(signal)), len(signal))
    return (answer * ROOMS[room][2]).astype(np.float32)


def shape(signal: np.ndarray, low: float = 0.0, high: float = 0.0, order: int = 2) -> np.ndarray:
    """Cut below `low` and above `high` hertz, without phase, circularly."""
    spectrum = fft.rfft(signal)
    hertz = np.arange(len(spectrum), dtype=np.float32) * (RATE / len(signal))
    if low:
        ratio = (hertz / low) ** (2 * order)
        spectrum *= np.sqrt(ratio / (1 + ratio))
    if high:
        spectrum *= 1 / np.sqrt(1 + (hertz / high) ** (2 * order))
    return np.asarray(fft.irfft(spectrum, len(signal)), dtype=np.float32)


def curve(signal: np.ndarray, *curves: tuple[float, ...]) -> np.ndarray:
    """An equaliser: each curve is hertz and decibels in turn, straight on a logarithmic scale."""
    spectrum = fft.rfft(signal)
    hertz = np.arange(len(spectrum), dtype=np.float32) * (RATE / len(signal))
    place = np.log2(np.maximum(hertz, 10.0))
    for points in curves:
        decibels = np.interp(place, np.log2(points[0::2]), points[1::2])
        spectrum *= (10 ** (decibels / 20)).astype(np.float32)
    return np.asarray(fft.irfft(spectrum, len(signal)), dtype=np.float32)


def loudness(signal: np.ndarray) -> float:
    """Root mean square of the loudest quarter of the time."""
    frames = signal[: len(signal) // 2205 * 2205].reshape(-1, 2205)
    power = np.sort(np.mean(frames**2, axis=1))
    loud = power[-max(1, len(power) // 4) :]
    return float(np.sqrt(np.mean(loud) + 1e-20))


def tremolo(signal: np.ndarray, cycles: int, depth: float) -> np.ndarray:
    """Loudness that pulses a whole number of times a clip."""
    turn = np.arange(len(signal), dtype=np.float32) * (2 * np.pi * cycles / len(signal))
    return signal * (1 - depth * (0.5 - 0.5 * np.cos(turn)))


def chorus(signal: np.ndarray, cycles: int, milliseconds: float = 7.0) -> np.ndarray:
    """A second voice whose delay sways a whole number of times a clip."""
    count = len(signal)
    place = np.arange(count, dtype=np.float32)
    sway = np.sin(place * np.float32(2 * np.pi * cycles / count))
    delay = RATE * 0.001 * (milliseconds + 2.5 * sway)
    position = np.arange(count) - delay
    whole = np.floor(position).astype(np.int64)
    part = (position - whole).astype(np.float32)
    other = signal[whole % count] * (1 - part) + signal[(whole + 1) % count] * part
    return (0.75 * signal + 0.6 * other).astype(np.float32)


def delay(signal: np.ndarray, seconds: float, feedback: float = 0.45, taps: int = 5) -> np.ndarray:
    """Echoes that run on past the end of the clip into its start."""
    shift = round(seconds * RATE)
    echo = signal.copy()
    dull = shape(signal, 200.0, 3500.0)
    for tap in range(1, taps + 1):
        echo += np.roll(dull, tap * shift) * feedback**tap
    return echo


def sweep(signal: np.ndarray, cycles: int = 1) -> np.ndarray:
    """A low-pass filter that opens and closes a whole number of times a clip."""
    cutoffs = (400.0, 900.0, 2000.0, 4500.0, 10000.0)
    spectrum = fft.rfft(signal)
    hertz = np.arange(len(spectrum), dtype=np.float32) * (RATE / len(signal))
    turn = np.arange(len(signal), dtype=np.float32) * (2 * np.pi * cycles / len(signal))
    place = (0.5 - 0.5 * np.cos(turn)) * (len(cutoffs) - 1)
    out = np.zeros(len(signal), np.float32)
    for index, cutoff in enumerate(cutoffs):
        ratio = hertz / cutoff
        gain = (1 + 1.2 * np.exp(-(((ratio - 0.9) / 0.25) ** 2))) / np.sqrt(1 + ratio**6)
        voice = fft.irfft(spectrum * gain, len(signal))
        out += voice * np.maximum(0, 1 - np.abs(place - index))
    return out


def wah(signal: np.ndarray) -> np.ndarray:
    """A resonant filter that each stroke opens: quack."""
    cutoffs = (380.0, 620.0, 1000.0, 1500.0, 2100.0)
    level = np.sqrt(uniform_filter1d(signal * signal, 1764, mode="wrap") + 1e-12)
    place = np.clip(level / (1.2 * loudness(signal)), 0, 1) * (len(cutoffs) - 1)
    spectrum = fft.rfft(signal)
    hertz = np.arange(len(spectrum), dtype=np.float32) * (RATE / len(signal))
    out = np.zeros(len(signal), np.float32)
    for index, cutoff in enumerate(cutoffs):
        gain = 0.12 + 1 / np.sqrt(1 + (4.0 * (hertz / cutoff - cutoff / (hertz + 1.0))) ** 2)
        voice = fft.irfft(spectrum * gain.astype(np.float32), len(signal))
        out += voice * np.maximum(0, 1 - np.abs(place - index)).astype(np.float32)
    return out


def pump(signal: np.ndarray, beats: int, depth: float = 0.75) -> np.ndarray:
    """Side-chain ducking: the signal makes way for a kick on every beat."""
    phase = np.arange(len(signal), dtype=np.float32) * (beats / len(signal)) % 1.0
    return signal * (1 - depth * np.maximum(0, 1 - phase / 0.6) ** 1.5)


def lofi(signal: np.ndarray) -> np.ndarray:
    """An old tape: dull, thin, and slightly saturated."""
    peak = float(np.max(np.abs(signal))) + 1e-9
    return shape(np.tanh(signal / peak * 1.8) * peak, 70.0, 3800.0, 2)


def limit(signal: np.ndarray, drive_db: float) -> np.ndarray:
    """Bring quiet and loud parts nearer: a slow gain by the envelope, then a soft knee."""
    if drive_db <= 0:
        return signal
    power = uniform_filter1d(signal * signal, 4410, mode="wrap")
    level = np.sqrt(np.maximum(power, 1e-12))
    top = float(level.max())
    gain = (top / np.maximum(level, top * 0.1)) ** 0.35
    peak = float(np.max(np.abs(signal * gain))) + 1e-9
    push = 10 ** (drive_db / 20)
    return np.asarray(np.tanh(signal * gain / peak * push), dtype=np.float32)
