"""Synthesised instruments: oscillators read from band-limited wavetables, and a singing voice.

A wavetable has one row a filter position, so that an envelope or an LFO on the filter is a matter
of which row is read: cheap, without feedback and without aliases.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from training.effects import RATE, shape
from training.music.piece import Note

SIZE = 2048
ROWS = 13


@lru_cache(maxsize=8)
def _table(wave: str, resonance: float) -> np.ndarray:
    """Rows of one cycle each; row r is low-passed at harmonic 2^(r/1.5)."""
    harmonics = np.arange(1, 400)
    if wave == "saw":
        strength = 1.0 / harmonics
    elif wave == "square":
        strength = np.where(harmonics % 2, 1.0 / harmonics, 0.0)
    else:
        strength = np.abs(np.sin(np.pi * harmonics * 0.25)) / harmonics
    rows = np.zeros((ROWS, SIZE), np.float32)
    for row in range(ROWS):
        cutoff = 2 ** (row / 1.5)
        ratio = harmonics / cutoff
        gain = 1 / np.sqrt(1 + ratio**8) + resonance * np.exp(-(((ratio - 1) / 0.22) ** 2))
        spectrum = np.zeros(SIZE // 2 + 1, complex)
        spectrum[1 : len(harmonics) + 1] = -1j * strength * gain * SIZE / 2
        rows[row] = np.fft.irfft(spectrum, SIZE)
    return rows


@lru_cache(maxsize=512)
def _row(wave: str, resonance: float, place: float) -> np.ndarray:
    """One cycle between two rows: a filter that stands still is blended once, not a sample."""
    base = int(place)
    table = _table(wave, resonance)
    part = np.float32(place - base)
    return np.asarray(table[base] * (1 - part) + table[base + 1] * part)


def oscillator(
    hertz: np.ndarray | float,
    samples: int,
    cutoff: np.ndarray | float,
    wave: str = "saw",
    resonance: float = 0.0,
    *,
    phase: float = 0.0,
) -> np.ndarray:
    """A tone through a low-pass at `cutoff` hertz, either of which may move."""
    pitch = np.broadcast_to(np.asarray(hertz, np.float64), samples)
    turn = np.cumsum(pitch) / RATE + phase
    column = ((turn % 1.0) * SIZE).astype(np.int64) % SIZE
    if np.ndim(hertz) == 0 and np.ndim(cutoff) == 0:
        place = np.log2(max(min(float(cutoff), 15000.0) / float(hertz), 1.0)) * 1.5
        return np.asarray(_row(wave, resonance, round(min(place, ROWS - 1.001), 3))[column])
    limit = np.minimum(cutoff, 15000.0) / pitch
    row = np.clip(np.log2(np.maximum(limit, 1.0)) * 1.5, 0, ROWS - 1.001)
    table = _table(wave, resonance)
    base = row.astype(np.int64)
    part = (row - base).astype(np.float32)
    return np.asarray(table[base, column] * (1 - part) + table[base + 1, column] * part)


def envelope(samples: int, held: int, attack: float, decay: float, *ends: float) -> np.ndarray:
    """Attack, decay to `ends[0]`, and release in `ends[1]` seconds after `held` samples."""
    level, release = ends
    time = np.arange(samples, dtype=np.float32) / RATE
    rise = np.minimum(1, time / max(attack, 1e-3))
    fall = level + (1 - level) * np.exp(-np.maximum(0, time - attack) / max(decay, 1e-3))
    gone = np.exp(-np.maximum(0, time - held / RATE) / max(release, 1e-3))
    return np.asarray(rise * fall * gone, dtype=np.float32)


def _hertz(pitch: float) -> float:
    return float(440.0 * 2 ** ((pitch - 69) / 12))


Voice = Callable[[Note, int, int, np.random.Generator, float], np.ndarray]


def _supersaw(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    out = np.zeros(samples, np.float32)
    for cents in (-14, -8, 0, 7, 13):
        hertz = _hertz(note.pitch + cents / 100)
        out += oscillator(hertz, samples, 7000.0, phase=rng.random())
    return out * envelope(samples, held, 0.01, 0.3, 0.8, 0.12)


def _acid(note: Note, held: int, samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    accent = 1.6 if note.velocity > 105 else 1.0
    time = np.arange(samples) / RATE
    cutoff = 250 + 2600 * accent * np.exp(-time / (0.11 * accent))
    tone = oscillator(_hertz(note.pitch), samples, cutoff, resonance=1.6)
    return tone * envelope(samples, held, 0.003, 0.25, 0.4, 0.03)


def _wobble(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    rate = rng.choice((1, 2, 3, 4)) / beat
    time = note.start + np.arange(samples) / RATE
    lfo = 0.5 - 0.5 * np.cos(2 * np.pi * rate * time)
    hertz = _hertz(note.pitch)
    cutoff = 120 * 2 ** (lfo * 4.6)
    tone = oscillator(hertz, samples, cutoff, "saw", 1.2)
    tone = tone + oscillator(hertz * 1.006, samples, cutoff, "square", 0.8, phase=0.3)
    sub = np.sin(2 * np.pi * hertz * time).astype(np.float32)
    return (np.tanh(tone * 1.6) + 0.5 * sub) * envelope(samples, held, 0.005, 9.0, 1.0, 0.04)


def _sub(note: Note, held: int, samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    time = np.arange(samples) / RATE
    glide = _hertz(note.pitch) * (1 + 1.2 * np.exp(-time / 0.018))
    tone = np.sin(2 * np.pi * np.cumsum(glide) / RATE)
    tone = np.tanh(tone * 2.2)
    return (tone * envelope(samples, held, 0.002, 0.9, 0.15, 0.12)).astype(np.float32)


def _sawbass(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    time = np.arange(samples) / RATE
    cutoff = 350 + 1500 * np.exp(-time / 0.12)
    tone = oscillator(_hertz(note.pitch), samples, cutoff, "saw", 0.5)
    tone = tone + oscillator(_hertz(note.pitch + 0.08), samples, cutoff, "saw", 0.5, phase=0.4)
    return tone * envelope(samples, held, 0.004, 0.4, 0.7, 0.05)


def _synpluck(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    time = np.arange(samples) / RATE
    cutoff = 500 + 6000 * np.exp(-time / 0.09)
    tone = oscillator(_hertz(note.pitch), samples, cutoff, "saw", 0.4, phase=rng.random())
    tone = tone + oscillator(_hertz(note.pitch + 0.1), samples, cutoff, "square", 0.3)
    return tone * envelope(samples, held, 0.003, 0.22, 0.05, 0.1)


def _synlead(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    time = np.arange(samples) / RATE
    hertz = _hertz(note.pitch) * (1 - 0.06 * np.exp(-time / 0.015))
    cutoff = 900 + 5200 * np.exp(-time / 0.16)
    tone = oscillator(hertz, samples, cutoff, "square", 0.9)
    tone = tone + oscillator(hertz * 1.006, samples, cutoff, "saw", 0.9, phase=0.5)
    return tone * envelope(samples, held, 0.002, 0.25, 0.6, 0.07)


def _chip(note: Note, held: int, samples: int, rng: np.random.Generator, beat: float) -> np.ndarray:
    wave = "pulse" if note.pitch % 2 else "square"
    tone = oscillator(_hertz(note.pitch), samples, 14000.0, wave)
    return tone * envelope(samples, held, 0.001, 0.5, 0.7, 0.01)


def _softpad(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    out = np.zeros(samples, np.float32)
    time = np.arange(samples) / RATE
    cutoff = 900 + 700 * np.sin(2 * np.pi * 0.2 * time + rng.random() * 6)
    for cents in (-9, 0, 8):
        hertz = _hertz(note.pitch + cents / 100)
        out += oscillator(hertz, samples, cutoff, "saw", 0.1, phase=rng.random())
    return out * envelope(samples, held, 0.35, 2.0, 0.9, 0.5)


def _fmbell(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    time = np.arange(samples) / RATE
    hertz = _hertz(note.pitch)
    index = 3.0 * np.exp(-time / 0.35)
    tone = np.sin(2 * np.pi * hertz * time + index * np.sin(2 * np.pi * hertz * 3.5 * time))
    return (tone * np.exp(-time / 0.7)).astype(np.float32)


def _theremin(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    time = np.arange(samples) / RATE
    sway = 0.25 * np.sin(2 * np.pi * 6 * time)
    hertz = 440 * 2 ** ((note.pitch - 69 + sway - 0.8 * np.exp(-time / 0.06)) / 12)
    tone = oscillator(hertz, samples, 1400.0, "square")
    return tone * envelope(samples, held, 0.06, 9.0, 1.0, 0.08)


def _drone(
    note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    time = np.arange(samples) / RATE
    out = np.zeros(samples, np.float32)
    for cents in (-6, 0, 5):
        cutoff = 500 + 350 * np.sin(2 * np.pi * time / max(held / RATE, 1) + rng.random() * 6)
        out += oscillator(
            _hertz(note.pitch + cents / 100), samples, cutoff, "saw", 0.6, phase=rng.random()
        )
    return out * envelope(samples, held, 0.3, 9.0, 1.0, 0.6)


_VOWELS: dict[str, tuple[tuple[float, float, float], ...]] = {
    # formant hertz, bandwidth, gain
    "alto o": ((500, 80, 1.0), (900, 90, 0.5), (2600, 180, 0.2), (3300, 220, 0.14)),
    "alto a": ((800, 85, 1.0), (1150, 100, 0.6), (2800, 200, 0.3), (3500, 250, 0.2)),
    "alto e": ((480, 80, 1.0), (1850, 120, 0.35), (2700, 200, 0.25), (3400, 250, 0.15)),
    "soprano a": ((850, 90, 1.0), (1200, 110, 0.6), (2900, 200, 0.28), (3900, 250, 0.2)),
    "soprano o": ((480, 80, 1.0), (880, 100, 0.45), (2850, 200, 0.16), (3800, 250, 0.12)),
    "soprano e": ((520, 80, 1.0), (1900, 130, 0.35), (2800, 200, 0.25), (3700, 250, 0.15)),
    "tenor a": ((680, 80, 1.0), (1100, 90, 0.6), (2550, 150, 0.4), (2950, 180, 0.35)),
    "tenor o": ((420, 70, 1.0), (820, 80, 0.5), (2500, 150, 0.2), (2900, 180, 0.18)),
    "tenor e": ((430, 70, 1.0), (1750, 100, 0.35), (2500, 150, 0.3), (2900, 180, 0.2)),
}


def _sing(voice: str) -> Voice:
    def sing(
        note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
    ) -> np.ndarray:
        """A source rich in harmonics, vibrato that sets in late, formants by harmonic."""
        vowel = _VOWELS[f"{voice} {('a', 'a', 'o', 'e')[int(rng.integers(4))]}"]
        time = np.arange(samples) / RATE
        depth = 0.35 * np.clip((time - 0.12) / 0.25, 0, 1)
        drift = np.interp(time, np.linspace(0, samples / RATE, 8), rng.normal(0, 0.06, 8))
        cents = depth * np.sin(2 * np.pi * 5.6 * time + rng.random()) + drift
        cents -= 0.7 * np.exp(-time / 0.05)
        hertz = 440 * 2 ** ((note.pitch - 69 + cents) / 12)
        turn = np.cumsum(hertz) / RATE
        base = _hertz(note.pitch)
        cycle = np.zeros(SIZE // 2 + 1, complex)
        for harmonic in range(1, min(400, int(9500 / base)) + 1):
            at = harmonic * base
            gain = sum(g / (1 + ((at - f) / (0.75 * w)) ** 2) for f, w, g in vowel)
            cycle[harmonic] = (gain + 0.012) / harmonic**0.55 * np.exp(2j * np.pi * rng.random())
        wave = np.fft.irfft(cycle, SIZE) * SIZE
        position = (turn % 1.0) * SIZE
        whole = position.astype(np.int64)
        part = position - whole
        tone = wave[whole % SIZE] * (1 - part) + wave[(whole + 1) % SIZE] * part
        tone /= np.sqrt(np.mean(tone**2)) + 1e-9
        shimmer = 1 + 0.12 * np.sin(2 * np.pi * 5.6 * time + 1)
        breath = shape(rng.standard_normal(samples).astype(np.float32), 1500, 6000) * 0.02
        loud = envelope(samples, held, 0.07, 9.0, 1.0, 0.09)
        return ((tone * shimmer + breath) * loud).astype(np.float32)

    return sing


def _ensemble(voice: str, singers: int) -> Voice:
    one = _sing(voice)

    def sing(
        note: Note, held: int, samples: int, rng: np.random.Generator, beat: float
    ) -> np.ndarray:
        """Several singers who are never quite together."""
        out = np.zeros(samples, np.float32)
        for _ in range(singers):
            late = int(rng.integers(0, 1200))
            out[late:] += one(note, held, samples, rng, beat)[: samples - late]
        return out

    return sing


VOICES: dict[str, tuple[Voice, float]] = {
    "supersaw": (_supersaw, 0.5),
    "acid": (_acid, 0.15),
    "wobble": (_wobble, 0.2),
    "sub": (_sub, 0.5),
    "sawbass": (_sawbass, 0.2),
    "synpluck": (_synpluck, 0.4),
    "synlead": (_synlead, 0.3),
    "chip": (_chip, 0.05),
    "softpad": (_softpad, 1.5),
    "fmbell": (_fmbell, 2.0),
    "theremin": (_theremin, 0.3),
    "drone": (_drone, 1.5),
    "oohs": (_ensemble("alto", 2), 0.4),
    "soprano_voice": (_sing("soprano"), 0.35),
    "tenor_voice": (_sing("tenor"), 0.35),
}
"""Patch -> how one note sounds, and how many seconds it rings after it is let go."""


def render_patch(
    patch: str, notes: tuple[Note, ...], samples: int, rng: np.random.Generator, beat: float
) -> np.ndarray:
    """A stem of a synthesised instrument, wrapped onto the clip."""
    voice, ring = VOICES[patch]
    stem = np.zeros(samples, np.float32)
    for note in notes:
        held = max(64, round(note.duration * RATE))
        length = min(held + round(ring * RATE), samples)
        tone = voice(note, min(held, length), length, rng, beat) * (note.velocity / 100) ** 1.3
        fade = min(256, length)
        tone[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        add_wrapped(stem, tone, round(note.start * RATE))
    return stem


def add_wrapped(stem: np.ndarray, sound: np.ndarray, start: int) -> None:
    """Add a sound at a place; what runs over the end lands on the start."""
    samples = len(stem)
    start %= samples
    sound = sound[:samples]
    first = min(len(sound), samples - start)
    stem[start : start + first] += sound[:first]
    stem[: len(sound) - first] += sound[first:]
