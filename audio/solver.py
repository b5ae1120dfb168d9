"""Finds a signal with given mel bands: the phase reconstruction of `image_to_audio`.

It computes at 20 kHz, the lowest rate for the picture's 0-10 kHz, on unpadded 100 ms Hann windows,
with bins every 10 Hz. In order:

1. `kernels.invert_mel`: mel bands → linear magnitudes (multiplicative updates);
2. `pghi.integrate`: a first phase from the magnitudes alone;
3. fast Griffin-Lim (N. Perraudin, P. Balazs, P. L. Søndergaard, WASPAA 2013) with the momentum on
   the time signal, where it costs one addition a sample;
4. joint iterations, the same loop with `kernels.impose_mel` instead of fixed magnitudes: bins may
   change as long as their mel bands are right, which corrects errors of step 1;
5. `render`: the last inverse transform, at any rate with whole samples in a window; 48 and
   44.1 kHz need no resampler.

The time axis is a line or a circle. On a circle (a loop), frames wrap around in every step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import scipy.fft

from audio import kernels, pghi
from audio.arrays import Floats, Spectra
from audio.columns import COLUMNS_PER_SECOND
from audio.mel import synthesis_bank

RATE = 20000
WINDOW = 2000
BINS = WINDOW // 2 + 1
COLUMN = 200
"""Samples in a column of the picture (10 ms)."""

_BLOCK = 32
"""Frames that are transformed at a time: a block fits in the processor's cache."""


@dataclass(frozen=True)
class Effort:
    """How much computing time is spent on a clip.

    Attributes:
        stride: columns between frames, 1 or 2. With 2 the loss is inaudible, since the window is
            ten columns wide, and the time is half.
        updates: multiplicative updates of the mel inversion.
        fixed, joint: iterations of steps 3 and 4 above.
        momentum: Griffin-Lim's α.
    """

    stride: int = 2
    updates: int = 6
    fixed: int = 6
    joint: int = 4
    momentum: float = 0.99


@dataclass(frozen=True)
class FrameLayout:
    """The positions of `frames` frames on a line or a circle, and their overlap-add.

    Buffers have `length` samples, from the first frame's start to the last one's end; on a circle
    the samples beyond `period` repeat the beginning.
    """

    frames: int
    hop: int
    window: Floats = field(repr=False)
    circular: bool

    @property
    def length(self) -> int:
        """The number of samples of a buffer."""
        return (self.frames - 1) * self.hop + len(self.window)

    @property
    def period(self) -> int:
        """The number of samples of one turn of a circle."""
        return self.frames * self.hop

    def fold(self, buffer: Floats) -> None:
        """On a circle, add the samples beyond the period to the beginning, and repeat the sum."""
        if not self.circular:
            return
        period = self.period
        for start in range(period, self.length, period):
            rest = buffer[start : start + period]
            buffer[: len(rest)] += rest
        buffer[period:] = np.resize(buffer[:period], self.length - period)

    def weights(self) -> Floats:
        """Return 1 / the sum of squared windows at each sample, for the least-squares inverse."""
        total = np.zeros(self.length, np.float32)
        ones = np.broadcast_to(self.window, (self.frames, len(self.window)))
        kernels.overlap_add(np.ascontiguousarray(ones), 0, self.hop, self.window, total)
        self.fold(total)
        return np.asarray(1 / np.maximum(total, 1e-2), np.float32)

    def blocks(self) -> list[tuple[int, int]]:
        """Return the ranges of frames that are transformed together."""
        return [(i, min(i + _BLOCK, self.frames)) for i in range(0, self.frames, _BLOCK)]


@dataclass(frozen=True)
class KnownSound:
    """Sound at the beginning of a buffer that was output already and must not change.

    Attributes:
        samples: from the first frame's start, at 20 kHz.
        release: the number of samples at its end that are crossfaded to the new sound.
    """

    samples: Floats
    release: int

    def impose(self, buffer: Floats) -> None:
        """Write the samples over the beginning of `buffer`, in place."""
        count = len(self.samples)
        share = np.ones(count, np.float32)
        ramp = (np.arange(self.release) + 0.5) / max(1, self.release)
        share[count - self.release :] = 0.5 + 0.5 * np.cos(np.pi * ramp)
        buffer[:count] += share * (self.samples - buffer[:count])

    def count_frames(self, layout: FrameLayout) -> int:
        """Count the leading frames that are completely known."""
        firm = len(self.samples) - self.release - len(layout.window)
        return min(layout.frames, max(0, firm // layout.hop + 1))


@cache
def hann(length: int) -> Floats:
    """Return the periodic Hann window, float32[length]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def lay_out_frames(frames: int, stride: int, *, circular: bool, rate: int = RATE) -> FrameLayout:
    """Lay the solver's frames out at `rate`, a multiple of 100 Hz whose tenth is even."""
    return FrameLayout(frames, stride * rate // COLUMNS_PER_SECOND, hann(rate // 10), circular)


def solve(
    mel: Floats,
    layout: FrameLayout,
    effort: Effort,
    *,
    seed: int = 0,
    start: Floats | None = None,
    known: KnownSound | None = None,
) -> Floats:
    """Find a signal whose mel bands are `mel`.

    Args:
        mel: targets [frames, 512], linear magnitudes, low bands first, at most 1.
        layout: from `lay_out_frames`.
        effort: how much computing time is spent.
        seed: of the phases that the picture does not determine.
        start: a signal [layout.length] that has the phase already; skips steps 1 to 3.
        known: sound that must not change (not on a circle).

    Returns:
        A buffer [layout.length] at 20 kHz.
    """
    inverse = layout.weights()

    def assemble(buffer: Floats) -> Floats:
        layout.fold(buffer)
        buffer *= inverse
        if known is not None:
            known.impose(buffer)
        return buffer

    magnitudes = None
    if start is None:
        magnitudes = _magnitudes(mel, effort.updates)
        phases = _first_phases(magnitudes, layout, seed, known)
        sound = assemble(_synthesise(magnitudes, phases, layout))
    else:
        sound = start
    fixed = 0 if magnitudes is None else effort.fixed
    guess, momentum = sound, np.float32(effort.momentum)
    for iteration in range(fixed + effort.joint):
        targets = magnitudes if iteration < fixed else None
        previous, sound = sound, assemble(_iterate(guess, mel, targets, layout))
        guess = sound + momentum * (sound - previous)
    return sound


def render(sound: Floats, mel: Floats, layout: FrameLayout, rate: int) -> Floats:
    """Render a solved signal at another rate, after one last joint correction.

    Zero-padding each spectrum to a longer inverse transform is exact band-limited interpolation.

    Args:
        sound: a buffer as `solve` returns it.
        mel: the targets that it was solved for.
        layout: the layout of its frames.
        rate: at least 20 kHz, see `lay_out_frames`.

    Returns:
        A buffer of the same frames at `rate`.
    """
    stride = layout.hop // COLUMN
    wide = lay_out_frames(layout.frames, stride, circular=layout.circular, rate=rate)
    size = len(wide.window)
    bank = synthesis_bank()
    out = np.zeros(wide.length, np.float32)
    for first, last in layout.blocks():
        spectra = _transform(sound, layout, first, last)
        kernels.impose_mel(spectra, mel[first:last], bank.fine, bank.back, bank.taps)
        padded = np.zeros((last - first, size // 2 + 1), np.complex64)
        np.multiply(spectra, np.float32(size / WINDOW), out=padded[:, :BINS])
        frames = scipy.fft.irfft(padded, n=size)
        kernels.overlap_add(frames, first * wide.hop, wide.hop, wide.window, out)
    wide.fold(out)
    out *= wide.weights()
    return out


def _magnitudes(mel: Floats, updates: int) -> Floats:
    bank = synthesis_bank()
    out = np.empty((len(mel), BINS), np.float32)
    kernels.invert_mel(mel, bank.coarse, bank.back, updates, out)
    return out


def _first_phases(
    magnitudes: Floats, layout: FrameLayout, seed: int, known: KnownSound | None
) -> Floats:
    random = np.random.default_rng(seed)
    phases = random.random(magnitudes.shape, np.float32) * np.float32(2 * np.pi)
    settled = known.count_frames(layout) if known is not None else 0
    if known is not None and settled:
        spectra = _transform(known.samples, layout, 0, settled)
        spectra[:, 1::2] *= -1
        phases[:settled] = np.angle(spectra)
    pghi.integrate(magnitudes, phases, layout.hop, WINDOW, circular=layout.circular, known=settled)
    return phases


def _transform(sound: Floats, layout: FrameLayout, first: int, last: int) -> Spectra:
    frames = np.empty((last - first, WINDOW), np.float32)
    kernels.cut_frames(sound, first * layout.hop, layout.hop, layout.window, frames)
    return np.asarray(scipy.fft.rfft(frames, overwrite_x=True))


def _synthesise(magnitudes: Floats, phases: Floats, layout: FrameLayout) -> Floats:
    out = np.zeros(layout.length, np.float32)
    for first, last in layout.blocks():
        spectra = np.empty((last - first, BINS), np.complex64)
        spectra.real = magnitudes[first:last] * np.cos(phases[first:last])
        spectra.imag = magnitudes[first:last] * np.sin(phases[first:last])
        spectra[:, 1::2] *= -1  # from the window's centre to its start
        frames = scipy.fft.irfft(spectra, n=WINDOW)
        kernels.overlap_add(frames, first * layout.hop, layout.hop, layout.window, out)
    return out


def _iterate(guess: Floats, mel: Floats, magnitudes: Floats | None, layout: FrameLayout) -> Floats:
    """Project once onto the targets: the fixed magnitudes, or the mel bands if they are None."""
    bank = synthesis_bank()
    out = np.zeros(layout.length, np.float32)
    for first, last in layout.blocks():
        spectra = _transform(guess, layout, first, last)
        if magnitudes is None:
            kernels.impose_mel(spectra, mel[first:last], bank.fine, bank.back, bank.taps)
        else:
            kernels.impose_magnitudes(spectra, magnitudes[first:last])
        frames = scipy.fft.irfft(spectra, n=WINDOW)
        kernels.overlap_add(frames, first * layout.hop, layout.hop, layout.window, out)
    return out
