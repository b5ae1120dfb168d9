"""Sounds that are no notes, by synthesis: weather, places, machines. All of them loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.effects import RATE, reverb, shape
from training.patches import add_wrapped

Sound = Callable[[int, np.random.Generator, float], np.ndarray]


def _noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(samples).astype(np.float32)


def _waver(samples: int, rng: np.random.Generator, cycles: int) -> np.ndarray:
    """A slow random curve from 0 to 1 that closes on itself."""
    turn = np.arange(samples, dtype=np.float32) * (2 * np.pi / samples)
    curve = sum(rng.random() * np.sin(turn * k + rng.random() * 6.28) for k in range(1, cycles + 1))
    curve = np.asarray(curve)
    return np.asarray((curve - curve.min()) / (np.ptp(curve) + 1e-9), np.float32)


def _drops(
    samples: int,
    rng: np.random.Generator,
    count: int,
    band: tuple[float, float],
    length: float,
) -> np.ndarray:
    out = np.zeros(samples, np.float32)
    time = np.arange(round(length * RATE)) / RATE
    for _ in range(count):
        hertz = rng.uniform(*band)
        drop = np.sin(2 * np.pi * hertz * (time + 2 * time**2)) * np.exp(-time / (length / 5))
        add_wrapped(
            out, (drop * rng.exponential(0.3)).astype(np.float32), int(rng.integers(samples))
        )
    return out


def _rain(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    hiss = shape(_noise(samples, rng), rng.uniform(700, 1500), rng.uniform(6000, 10000), 1)
    hiss = hiss * (0.75 + 0.25 * _waver(samples, rng, 5)) * 0.35
    return hiss + _drops(samples, rng, int(rng.integers(150, 450)), (1500, 7000), 0.012)


def _thunder(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    time = np.arange(samples) / RATE
    roll = np.exp(-time / 1.1) * np.minimum(1, time / 0.03) * (0.4 + _waver(samples, rng, 12))
    rumble = np.roll(shape(_noise(samples, rng), 25, 160, 2) * roll, int(rng.integers(samples)))
    level = 5.0 / (np.max(np.abs(rumble)) + 1e-9)
    return rumble * level * 0.5 + _rain(samples, rng, beat) * 0.5


def _wind(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    noise = _noise(samples, rng)
    gust = _waver(samples, rng, 4)
    bands = ((250, 500), (450, 900), (800, 1500))
    out = np.zeros(samples, np.float32)
    for index, (low, high) in enumerate(bands):
        out += (
            shape(noise, low, high, 3) * np.maximum(0, 1 - np.abs(gust * 2 - index)) * (0.5 + gust)
        )
    return out


def _waves(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    turn = np.arange(samples) / samples
    swell = (0.5 - 0.5 * np.cos(2 * np.pi * (turn + 0.15 * np.sin(2 * np.pi * turn)))) ** 2
    noise = _noise(samples, rng)
    sea = (
        shape(noise, 80, 900, 1) * (0.35 + 0.65 * swell)
        + shape(noise, 1500, 8000, 1) * swell**2 * 0.6
    )
    return np.roll(sea, int(rng.integers(samples))).astype(np.float32)


_PARTIALS = (
    (0.5, 1.0, 2.6),
    (1.0, 0.9, 1.7),
    (1.19, 0.7, 1.3),
    (1.5, 0.5, 1.0),
    (2.0, 0.9, 1.0),
    (2.52, 0.4, 0.7),
    (2.66, 0.4, 0.6),
    (3.01, 0.35, 0.5),
    (4.1, 0.3, 0.35),
    (5.4, 0.2, 0.2),
)


def _bells(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    """Church bells: hum, prime, tierce, quint, nominal and on, a peal of two to four."""
    out = np.zeros(samples, np.float32)
    base = rng.uniform(230, 420)
    peal = [base * step for step in (1.0, 0.75, 1.125, 1.5)][: int(rng.integers(1, 5))]
    time = np.arange(min(samples, round(4.5 * RATE))) / RATE
    step = beat * int(rng.choice((1, 2)))
    count = max(1, round(samples / RATE / step))
    struck: dict[int, np.ndarray] = {}
    for index in range(count):
        which = index % len(peal)
        if which not in struck:
            tone = np.zeros(len(time), np.float32)
            for ratio, gain, decay in _PARTIALS:
                sway = 1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time)
                tone += (
                    gain
                    * np.sin(2 * np.pi * peal[which] * ratio * time)
                    * sway
                    * np.exp(-time / decay)
                ).astype(np.float32)
            struck[which] = tone
        add_wrapped(out, struck[which] * rng.uniform(0.7, 1.0), round(index * samples / count))
    return out + 0.4 * reverb(out, "hall")


def _clicks(
    samples: int,
    rng: np.random.Generator,
    times: list[float],
    band: tuple[float, float],
    length: float,
) -> np.ndarray:
    out = np.zeros(samples, np.float32)
    time = np.arange(round(length * RATE)) / RATE
    for at in times:
        body = np.sin(2 * np.pi * rng.uniform(*band) * time) * np.exp(-time / (length / 6))
        snap = rng.standard_normal(len(time)) * np.exp(-time / (length / 15))
        add_wrapped(
            out, ((0.6 * body + snap) * rng.uniform(0.5, 1)).astype(np.float32), round(at * RATE)
        )
    return out


def _typing(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    times, at = [], 0.0
    while at < samples / RATE:
        times.append(at)
        times.append(at + rng.uniform(0.04, 0.07))
        at += rng.uniform(0.08, 0.2) if rng.random() < 0.85 else rng.uniform(0.3, 0.5)
    return shape(_clicks(samples, rng, times, (1200, 2800), 0.03), 300, 8000)


def _clock(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    count = max(2, round(samples / RATE / rng.choice((0.5, 0.25, 1.0)) / 2) * 2)
    gap = samples / RATE / count
    out = np.zeros(samples, np.float32)
    for start, hertz in ((0, 2400.0), (1, 1800.0)):
        times = [gap * k for k in range(start, count, 2)]
        out += _clicks(samples, rng, times, (hertz, hertz * 1.02), 0.04)
    return shape(out, 600, 7000)


def _fire(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    bed = shape(_noise(samples, rng), 60, 500, 1) * (0.5 + 0.5 * _waver(samples, rng, 9)) * 0.25
    times = [float(rng.uniform(0, samples / RATE)) for _ in range(int(rng.integers(60, 160)))]
    return bed + shape(_clicks(samples, rng, times, (900, 5000), 0.008), 800, 9000)


def _vinyl(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    times = [float(rng.uniform(0, samples / RATE)) for _ in range(int(rng.integers(50, 140)))]
    pops = _clicks(samples, rng, times, (2000, 6000), 0.003)
    return shape(_noise(samples, rng), 300, 5000, 1) * 0.03 + pops * 0.5


def _birds(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    out = np.zeros(samples, np.float32)
    for _ in range(int(rng.integers(4, 9))):
        base, at = rng.uniform(2500, 6000), float(rng.uniform(0, samples / RATE))
        length, rate = rng.uniform(0.06, 0.16), rng.uniform(-0.5, 0.5)
        for _ in range(int(rng.integers(3, 9))):
            time = np.arange(round(length * RATE)) / RATE
            bend = base * (1 + rate * time / length + 0.06 * np.sin(2 * np.pi * 35 * time))
            chirp = np.sin(2 * np.pi * np.cumsum(bend) / RATE) * np.sin(np.pi * time / length)
            add_wrapped(out, (chirp * rng.uniform(0.4, 1)).astype(np.float32), round(at * RATE))
            at += length * rng.uniform(1.2, 1.9)
    return out + shape(_noise(samples, rng), 300, 3000, 1) * 0.008


def _crickets(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    time = np.arange(samples) / RATE
    out = np.zeros(samples, np.float32)
    for _ in range(3):
        count = round(samples / RATE * rng.uniform(1.5, 3))
        phase = (np.arange(samples) * count / samples + rng.random()) % 1
        trill = (0.5 + 0.5 * np.sin(2 * np.pi * 28 * phase)) * (phase < 0.45)
        out += (np.sin(2 * np.pi * rng.uniform(3900, 5000) * time) * trill).astype(np.float32)
    return out + shape(_noise(samples, rng), 2000, 7000) * 0.03


def _applause(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    clap = shape(_noise(700, rng), 700, 4500) * np.exp(-np.arange(700) / 160)
    out = np.zeros(samples, np.float32)
    for at in rng.integers(samples, size=420):
        add_wrapped(out, (clap * rng.uniform(0.3, 1)).astype(np.float32), int(at))
    return out + 0.5 * reverb(out, "hall")


def _heartbeat(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    count = max(3, round(samples / RATE / rng.uniform(0.7, 1.0)))
    out = np.zeros(samples, np.float32)
    time = np.arange(round(0.25 * RATE)) / RATE
    for index in range(count):
        for late, hertz, gain in ((0.0, 58, 1.0), (0.24, 75, 0.7)):
            thump = np.sin(2 * np.pi * hertz * time) * np.sin(np.pi * np.minimum(1, time / 0.14))
            at = round(index * samples / count + late * RATE)
            add_wrapped(out, np.tanh(2.5 * gain * thump).astype(np.float32), at)
    return shape(out, 30, 300)


def _footsteps(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    count = max(4, round(samples / RATE / rng.uniform(0.45, 0.65) / 2) * 2)
    out = np.zeros(samples, np.float32)
    for index in range(count):
        size = round(0.14 * RATE)
        decay = np.exp(-np.arange(size) / (0.03 * RATE))
        step = shape(_noise(size, rng), 120, rng.uniform(900, 3500)) * decay
        add_wrapped(out, step.astype(np.float32), round(index * samples / count))
    return out + 0.2 * reverb(out, "room")


def _riser(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    noise, part = _noise(samples, rng), np.linspace(0, 1, samples, dtype=np.float32)
    bands = ((200, 500), (500, 1200), (1200, 2800), (2800, 6000), (6000, 10000))
    out = np.zeros(samples, np.float32)
    for index, (low, high) in enumerate(bands):
        out += (
            shape(noise, low, high, 2) * np.maximum(0, 1 - np.abs(part * 4 - index)) * (0.2 + part)
        )
    out[-400:] *= np.linspace(1, 0, 400, dtype=np.float32)
    return out


def _laser(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    out = np.zeros(samples, np.float32)
    for index in range(round(samples / RATE / beat * 2)):
        if rng.random() < 0.35:
            continue
        length = rng.uniform(0.1, 0.35)
        time = np.arange(round(length * RATE)) / RATE
        hertz = rng.uniform(1500, 5000) * np.exp(-time / length * rng.uniform(1, 4)) + 80
        zap = np.sign(np.sin(2 * np.pi * np.cumsum(hertz) / RATE)) * np.exp(-time / length * 3)
        add_wrapped(out, zap.astype(np.float32), round(index * beat / 2 * RATE))
    return shape(out, 60, 9000)


def _static(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    return shape(_noise(samples, rng), rng.uniform(100, 600), rng.uniform(5000, 11000), 1)


def _water(samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    bed = shape(_noise(samples, rng), 400, 2500, 1) * (0.6 + 0.4 * _waver(samples, rng, 20)) * 0.25
    return bed + _drops(samples, rng, 350, (400, 1800), 0.05) * 0.6


SOUNDS: dict[str, Sound] = {
    "rain": _rain,
    "thunder": _thunder,
    "wind": _wind,
    "waves": _waves,
    "bells": _bells,
    "typing": _typing,
    "clock": _clock,
    "fire": _fire,
    "vinyl": _vinyl,
    "birds": _birds,
    "crickets": _crickets,
    "applause": _applause,
    "heartbeat": _heartbeat,
    "footsteps": _footsteps,
    "riser": _riser,
    "laser": _laser,
    "static": _static,
    "water": _water,
}
"""Texture -> its maker: samples, randomness and the length of a beat in seconds."""


def render_texture(name: str, samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    """A texture of a whole clip."""
    return np.asarray(SOUNDS[name](samples, rng, beat), dtype=np.float32)
