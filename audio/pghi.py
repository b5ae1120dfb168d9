"""A first phase for a magnitude spectrogram: phase gradient heap integration.

Z. Průša, P. Balazs, P. L. Søndergaard, "A Noniterative Method for Reconstruction of Phase From
STFT Magnitude", IEEE/ACM TASLP 25(5), 2017. For a Gaussian-like window the phase's derivatives are
derivatives of the log magnitude; integrating them outwards from the loudest bins, loudest first,
gives a phase that is right almost everywhere it can be heard.

The heap is a bucket queue: levels are quantised to 256 steps and each step keeps a linked stack,
so taking the loudest neighbour costs a constant instead of a logarithm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from audio.arrays import Floats

GAMMA = 0.25645
"""The Gaussian closest to a Hann window of length L has γ = 0.25645·L² (the paper, table II)."""

TOLERANCE_DB = 80.0
"""Bins further below the loudest keep the phase they came with."""

_jit = njit(cache=True, nogil=True, fastmath=True)


def integrate(
    magnitudes: Floats, phases: Floats, hop: int, n_fft: int, *, circular: bool, known: int = 0
) -> None:
    """Fill `phases` in place.

    Args:
        magnitudes: [frames, bins], linear.
        phases: [frames, bins], at the windows' centres, radians. What is there is kept for the
            first `known` frames, for the seeds of each island and for bins below the tolerance:
            pass random phases.
        hop: samples from frame to frame; n_fft: the window's length in samples.
        circular: the last frame is the first one's neighbour.
        known: leading frames whose phase is right already; integration starts from them.
    """
    loudest = float(magnitudes.max(initial=0.0))
    if loudest <= 0:
        return
    log_magnitude = np.log(magnitudes + np.float32(1e-8 * loudest))
    decibels = (20 / np.log(10)) * (log_magnitude - np.float32(np.log(loudest)))
    levels = np.clip(255 + decibels * (254 / TOLERANCE_DB), 0, 255).astype(np.uint8)
    order = np.argsort(levels.ravel(), kind="stable")[::-1].astype(np.int32)
    # Wrapped here, or float32 would lose the angle after a few hundred turns.
    advance = 2 * np.pi * (np.arange(magnitudes.shape[1]) * hop % n_fft) / n_fft
    slope = hop * n_fft / (GAMMA * n_fft**2)
    _integrate(
        log_magnitude,
        levels.ravel(),
        order,
        phases.ravel(),
        np.float32(slope),
        advance.astype(np.float32),
        circular,
        known,
    )


@_jit
def _integrate(
    log_magnitude: Floats,
    levels: npt.NDArray[np.uint8],
    order: npt.NDArray[np.int32],
    phases: Floats,
    slope: np.float32,
    advance: Floats,
    circular: bool,
    known: int,
) -> None:
    """`integrate` on flattened arrays: node = frame·bins + bin.

    `slope` converts a difference of log magnitude between neighbouring bins into radians a hop
    (its inverse, negated, between neighbouring frames into radians a bin); `advance`[k] is
    what bin k's centre frequency turns in a hop.
    """
    frames, bins = log_magnitude.shape
    nodes = frames * bins
    top = np.full(256, -1, np.int32)
    below = np.empty(nodes, np.int32)
    done = levels == 0
    done[: known * bins] = True
    loudest = -1
    for node in range(max(0, known - 1) * bins, known * bins):
        level = levels[node]
        if level > 0:
            below[node] = top[level]
            top[level] = node
            loudest = max(loudest, level)
    next_seed = 0
    steps_frame = np.array([1, -1, 0, 0])
    steps_bin = np.array([0, 0, 1, -1])
    quarter = np.float32(0.25)
    while True:
        while loudest >= 0 and top[loudest] < 0:
            loudest -= 1
        if loudest < 0:
            while next_seed < nodes and done[order[next_seed]]:
                next_seed += 1
            if next_seed == nodes:
                return
            node = order[next_seed]
            done[node] = True
        else:
            node = top[loudest]
            top[loudest] = below[node]
        frame = node // bins
        k = node - frame * bins
        for way in range(4):
            there = frame + steps_frame[way]
            j = k + steps_bin[way]
            if circular:
                there = (there + frames) % frames
            if there < 0 or there >= frames or j < 0 or j >= bins:
                continue
            neighbour = there * bins + j
            if done[neighbour]:
                continue
            if way < 2:
                up = min(k + 1, bins - 1)
                down = max(k - 1, 0)
                rise = log_magnitude[frame, up] - log_magnitude[frame, down]
                rise += log_magnitude[there, up] - log_magnitude[there, down]
                step = slope * quarter * rise + advance[k]
                step = step if way == 0 else -step
            else:
                if circular:
                    after = (frame + 1) % frames
                    before = (frame + frames - 1) % frames
                else:
                    after = min(frame + 1, frames - 1)
                    before = max(frame - 1, 0)
                rise = log_magnitude[after, k] - log_magnitude[before, k]
                rise += log_magnitude[after, j] - log_magnitude[before, j]
                step = -quarter * rise / slope
                step = step if way == 2 else -step
            phases[neighbour] = phases[node] + step
            done[neighbour] = True
            level = levels[neighbour]
            below[neighbour] = top[level]
            top[level] = neighbour
            loudest = max(loudest, level)
