"""Estimates the phase of a magnitude spectrogram: phase gradient heap integration.

Z. Průša, P. Balazs, P. L. Søndergaard, "A Noniterative Method for Reconstruction of Phase From
STFT Magnitude", IEEE/ACM TASLP 25(5), 2017. For a Gaussian-like window the phase's derivatives are
derivatives of the log magnitude. Integrating them outwards from the loudest bins, loudest first,
gives a phase that is right nearly everywhere where it is audible.

The heap is a bucket queue: levels are quantised to 256 steps, each with a linked stack, so taking
the loudest node takes constant instead of logarithmic time.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from audio.arrays import Floats
from audio.jit import compiled

GAMMA = 0.25645
"""The Gaussian closest to a Hann window of length L has γ = 0.25645·L² (the paper, table II)."""

TOLERANCE_DB = 80.0
"""Bins that are further below the loudest keep the given phase."""


def integrate(
    magnitudes: Floats, phases: Floats, hop: int, n_fft: int, *, circular: bool, known: int = 0
) -> None:
    """Integrate the phase, in place.

    Args:
        magnitudes: [frames, bins], linear.
        phases: [frames, bins], at the windows' centres, in radians. The given phases are kept in
            the first `known` frames, at the first bin of each island and in bins below the
            tolerance; pass random ones.
        hop: samples from frame to frame; n_fft: the window's length in samples.
        circular: the last frame is followed by the first.
        known: the number of leading frames whose phase is known; integration starts from them.
    """
    loudest = float(magnitudes.max(initial=0.0))
    if loudest <= 0:
        return
    log_magnitude = np.log(magnitudes + np.float32(1e-8 * loudest))
    decibels = (20 / np.log(10)) * (log_magnitude - np.log(loudest))
    levels = np.clip(255 + decibels * (254 / TOLERANCE_DB), 0, 255).astype(np.uint8)
    levels[:, [0, -1]] = 0  # a border that ends the integration
    gradients = _gradients(log_magnitude, hop, n_fft, circular)
    out = phases
    if not circular:
        # One silent frame between the end and the beginning turns the circle into a line.
        silent = ((0, 1), (0, 0))
        levels, out = np.pad(levels, silent), np.pad(phases, silent)
        gradients = Gradients(*(np.pad(gradient, silent) for gradient in gradients))
    order = np.argsort(levels.ravel(), kind="stable")[::-1].astype(np.int32)
    _integrate(levels, order, gradients, out, known)
    phases[:] = out[: len(phases)]


class Gradients(NamedTuple):
    """Changes of the phase, in radians [frames, bins]: to the next frame and to the next bin."""

    along_time: Floats
    along_bins: Floats


class Queue(NamedTuple):
    """The bucket queue.

    Attributes:
        levels: of each node: 1 … 255, or 0 if its phase is set.
        top: the top node of each level's stack [256], −1 for none.
        below: the node below each node on its stack.
    """

    levels: npt.NDArray[np.uint8]
    top: npt.NDArray[np.int32]
    below: npt.NDArray[np.int32]


def _gradients(log_magnitude: Floats, hop: int, n_fft: int, circular: bool) -> Gradients:
    """Compute the derivatives of the phase from those of the log magnitude."""
    slope = np.float32(hop / (GAMMA * n_fft))
    mode: Literal["wrap", "edge"] = "wrap" if circular else "edge"
    across = np.pad(log_magnitude, ((0, 0), (1, 1)), mode="edge")
    along = np.pad(log_magnitude, ((1, 1), (0, 0)), mode=mode)
    # Wrapped, since float32 would lose precision after a few hundred turns.
    turn = 2 * np.pi * (np.arange(log_magnitude.shape[1]) * hop % n_fft) / n_fft
    along_time = (across[:, 2:] - across[:, :-2]) * (slope / 2) + turn.astype(np.float32)
    along_bins = (along[2:] - along[:-2]) * (-1 / (2 * slope))
    return Gradients(along_time.astype(np.float32), along_bins.astype(np.float32))


@compiled
def _integrate(
    levels: npt.NDArray[np.uint8],
    order: npt.NDArray[np.int32],
    gradients: Gradients,
    phases: Floats,
    known: int,
) -> None:
    """Integrate around a circle of frames, in place; all arrays are [frames, bins].

    `order` is the flattened nodes (frame·bins + bin), loudest first. Each step changes the phase by
    the mean of the gradients at both ends.
    """
    nodes, bins = levels.size, levels.shape[1]
    along_time, along_bins = gradients.along_time.ravel(), gradients.along_bins.ravel()
    phase_of, level_of = phases.ravel(), levels.ravel()
    queue = Queue(level_of, np.full(256, -1, np.int32), np.empty(nodes, np.int32))
    loudest = -1
    for node in range(known * bins):
        if level_of[node] > 0 and node >= (known - 1) * bins:
            loudest = max(loudest, _settle(node, phase_of[node], phase_of, queue))
        level_of[node] = 0
    half = np.float32(0.5)
    next_seed = 0
    while True:
        while loudest >= 0 and queue.top[loudest] < 0:
            loudest -= 1
        if loudest < 0:
            while next_seed < nodes and level_of[order[next_seed]] == 0:
                next_seed += 1
            if next_seed == nodes:
                return
            node = order[next_seed]
            level_of[node] = 0
        else:
            node = queue.top[loudest]
            queue.top[loudest] = queue.below[node]
        phase = phase_of[node]
        after = node + bins if node + bins < nodes else node + bins - nodes
        if level_of[after] > 0:
            step = half * (along_time[node] + along_time[after])
            loudest = max(loudest, _settle(after, phase + step, phase_of, queue))
        before = node - bins if node >= bins else node - bins + nodes
        if level_of[before] > 0:
            step = half * (along_time[node] + along_time[before])
            loudest = max(loudest, _settle(before, phase - step, phase_of, queue))
        if level_of[node + 1] > 0:
            step = half * (along_bins[node] + along_bins[node + 1])
            loudest = max(loudest, _settle(node + 1, phase + step, phase_of, queue))
        if level_of[node - 1] > 0:
            step = half * (along_bins[node] + along_bins[node - 1])
            loudest = max(loudest, _settle(node - 1, phase - step, phase_of, queue))


@compiled
def _settle(node: int, phase: float, phases: Floats, queue: Queue) -> int:
    """Set a node's phase, push it on the stack of its level, and return the level."""
    level = int(queue.levels[node])
    phases[node] = phase
    queue.levels[node] = 0
    queue.below[node] = queue.top[level]
    queue.top[level] = node
    return level
