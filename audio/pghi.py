"""A first phase for a magnitude spectrogram: phase gradient heap integration.

Z. Průša, P. Balazs, P. L. Søndergaard, "A Noniterative Method for Reconstruction of Phase From
STFT Magnitude", IEEE/ACM TASLP 25(5), 2017. For a Gaussian-like window the phase's derivatives are
derivatives of the log magnitude; integrating them outwards from the loudest bins, loudest first,
gives a phase that is right almost everywhere it can be heard.

The heap is a bucket queue: levels are quantised to 256 steps and each step keeps a linked stack,
so taking the loudest neighbour costs a constant instead of a logarithm.
"""

from __future__ import annotations

from typing import TypeAlias

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
    decibels = (20 / np.log(10)) * (log_magnitude - np.log(loudest))
    levels = np.clip(255 + decibels * (254 / TOLERANCE_DB), 0, 255).astype(np.uint8)
    levels[:, [0, -1]] = 0  # a border, so that no step leaves its frame
    along_time, along_bins = _gradients(log_magnitude, hop, n_fft, circular)
    if not circular:
        # One silent frame between the end and the beginning turns the circle into a line.
        levels, along_time, along_bins = (
            np.pad(array, ((0, 1), (0, 0))) for array in (levels, along_time, along_bins)
        )
    flat = phases if circular else np.pad(phases, ((0, 1), (0, 0)))
    order = np.argsort(levels.ravel(), kind="stable")[::-1].astype(np.int32)
    out = flat.ravel().copy()
    bins = magnitudes.shape[1]
    _integrate(levels.ravel(), order, along_time.ravel(), along_bins.ravel(), out, bins, known)
    phases[:] = out[: phases.size].reshape(phases.shape)


def _gradients(
    log_magnitude: Floats, hop: int, n_fft: int, circular: bool
) -> tuple[Floats, Floats]:
    """The phase's change, in radians, from each frame to the next and from each bin to the next."""
    slope = np.float32(hop / (GAMMA * n_fft))
    mode = "wrap" if circular else "edge"
    across = np.pad(log_magnitude, ((0, 0), (1, 1)), mode="edge")
    along = np.pad(log_magnitude, ((1, 1), (0, 0)), mode=mode)
    # Wrapped here, or float32 would lose the angle after a few hundred turns.
    turn = 2 * np.pi * (np.arange(log_magnitude.shape[1]) * hop % n_fft) / n_fft
    along_time = (across[:, 2:] - across[:, :-2]) * (slope / 2) + turn.astype(np.float32)
    along_bins = (along[2:] - along[:-2]) * (-1 / (2 * slope))
    return along_time.astype(np.float32), along_bins.astype(np.float32)


Levels: TypeAlias = npt.NDArray[np.uint8]
Nodes: TypeAlias = npt.NDArray[np.int32]


@_jit
def _integrate(
    levels: Levels,
    order: Nodes,
    along_time: Floats,
    along_bins: Floats,
    phases: Floats,
    bins: int,
    known: int,
) -> None:
    """Integrate on flattened arrays around a circle of frames: node = frame·bins + bin.

    `levels` is 1 … 255 where a phase is wanted and 0 where it is settled; `order` lists the nodes
    from the loudest down. The phase steps by the mean of its gradients at both ends.
    """
    nodes = len(levels)
    top = np.full(256, -1, np.int32)
    below = np.empty(nodes, np.int32)
    loudest = -1
    for node in range(known * bins):
        if levels[node] > 0 and node >= (known - 1) * bins:
            loudest = max(loudest, _settle(node, phases[node], phases, levels, top, below))
        levels[node] = 0
    half = np.float32(0.5)
    next_seed = 0
    while True:
        while loudest >= 0 and top[loudest] < 0:
            loudest -= 1
        if loudest < 0:
            while next_seed < nodes and levels[order[next_seed]] == 0:
                next_seed += 1
            if next_seed == nodes:
                return
            node = order[next_seed]
            levels[node] = 0
        else:
            node = top[loudest]
            top[loudest] = below[node]
        phase = phases[node]
        after = node + bins if node + bins < nodes else node + bins - nodes
        if levels[after] > 0:
            step = half * (along_time[node] + along_time[after])
            loudest = max(loudest, _settle(after, phase + step, phases, levels, top, below))
        before = node - bins if node >= bins else node - bins + nodes
        if levels[before] > 0:
            step = half * (along_time[node] + along_time[before])
            loudest = max(loudest, _settle(before, phase - step, phases, levels, top, below))
        if levels[node + 1] > 0:
            step = half * (along_bins[node] + along_bins[node + 1])
            loudest = max(loudest, _settle(node + 1, phase + step, phases, levels, top, below))
        if levels[node - 1] > 0:
            step = half * (along_bins[node] + along_bins[node - 1])
            loudest = max(loudest, _settle(node - 1, phase - step, phases, levels, top, below))


@_jit
def _settle(
    node: int, phase: float, phases: Floats, levels: Levels, top: Nodes, below: Nodes
) -> int:
    """Give a node its phase and put it on the stack of its level, which is returned."""
    level = int(levels[node])
    phases[node] = phase
    levels[node] = 0
    below[node] = top[level]
    top[level] = node
    return level
