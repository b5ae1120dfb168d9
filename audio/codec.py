"""Converts spectrogram pictures of any width to sound and back, in the Riffusion v1 format.

A picture is uint8[512, W] (low notes in the last row, a column every 10 ms, 255 silent) or
uint8[512, W, 2] with left and right. Sound is float32[n] or float32[n, 2].

`image_to_audio` returns exactly W/100 seconds, the same samples for the same arguments, and the
same level for the same pixel value in every clip: no clip is scaled by its own peak (see
`audio.loudness` for the loudness of clips). With `loop=True`, time is circular in analysis, phase
and synthesis, so that the clip repeats without a seam.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import scipy.fft

from audio import kernels, solver
from audio.arrays import Floats, Pixels
from audio.columns import COLUMNS_PER_SECOND
from audio.errors import AudioError
from audio.mel import N_MELS, analysis_bank
from audio.pixels import SILENT, pixels_to_mel
from audio.resample import resample

DEFAULT_EFFORT = solver.Effort()
FINE_EFFORT = solver.Effort(stride=1, joint=12)

MIN_RATE, MAX_RATE = 8000, 384000

MAX_COLUMNS = 360_000
"""An hour, which fits in the memory of a small machine."""

FULL_SCALE = np.float32(100)
"""Signal level: a steady tone of the loudest pixel gets an amplitude of 0.2, since a windowed tone
measures 500 times its amplitude in the solver; dense pictures add up to peaks of about one."""

_ANALYSIS_RATE = 24000
_ANALYSIS_HOP = 240
_ANALYSIS_WINDOW = 2400
_ANALYSIS_FFT = 9600
_MIRROR_S = 0.2
"""Seconds that are mirrored at both ends: half a window and the resampler's filter."""
_BLOCK = 16

_AMPLITUDE = pixels_to_mel(np.arange(256), np.float64).astype(np.float32)
"""Linear magnitude of each pixel value, the loudest being one."""


def image_to_audio(
    image: Pixels,
    *,
    loop: bool = False,
    seed: int = 0,
    sample_rate: int = 44100,
    effort: solver.Effort = DEFAULT_EFFORT,
) -> Floats:
    """Convert a picture to sound.

    Args:
        image: uint8[512, W], or uint8[512, W, 2] for stereo; W from 1 to 360,000.
        loop: make the clip a seamless loop.
        seed: of the phases that the picture does not determine (of islands and near-silence).
        sample_rate: of the result, 8,000 to 384,000 Hz; 44,100 and 48,000 need no resampler.
        effort: how much time is spent on quality.

    Returns:
        float32[W·sample_rate/100], with a second axis of 2 for stereo.

    Raises:
        AudioError: another kind of array, or an impossible rate.
    """
    _check_picture(image)
    _check_rate(sample_rate)
    columns = image.shape[1]
    length = round(columns * sample_rate / COLUMNS_PER_SECOND)
    if loop and columns % effort.stride:
        effort = replace(effort, stride=1)
    channels = [mel_targets(channel, effort.stride) for channel in _channels(image)]
    layout = solver.lay_out_frames(len(channels[0]), effort.stride, circular=loop)
    rate = sample_rate if sample_rate % 200 == 0 and sample_rate >= solver.RATE else 48000
    if sample_rate == 44100:
        rate = sample_rate
    if len(channels) == 1:
        solved = [solver.solve(channels[0], layout, effort, seed=seed)]
    else:
        # Both channels start from the phase of their mean: this keeps the panning, and a mix to
        # mono does not cancel.
        mean = solver.solve(
            np.float32(0.5) * (channels[0] + channels[1]), layout, effort, seed=seed
        )
        solved = [solver.solve(mel, layout, effort, start=mean) for mel in channels]
    sound = [
        _cut(solver.render(found, mel, layout, rate), rate, columns, loop)
        for found, mel in zip(solved, channels, strict=True)
    ]
    both = sound[0] if len(sound) == 1 else np.stack(sound, axis=1)
    out = both if rate == sample_rate else resample(both, rate, sample_rate, loop=loop)
    return np.asarray(out[:length] * FULL_SCALE, np.float32)


def audio_to_image(samples: Floats, sample_rate: int, *, loop: bool = False) -> Pixels:
    """Convert sound to a picture, scaled by its own loudest magnitude as the format defines.

    Args:
        samples: float[n] or float[n, channels]; more than two channels are mixed to one.
        sample_rate: 8,000 to 384,000 Hz.
        loop: the sound is a loop; windows near one end continue at the other.

    Returns:
        uint8[512, W], or uint8[512, W, 2] for two channels; W = round(100·seconds), at least 1.

    Raises:
        AudioError: no samples, an impossible rate, a wrong shape, or more than an hour.
    """
    _check_rate(sample_rate)
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise AudioError("There is no sound in that: it has no samples.")
    if len(samples) > MAX_COLUMNS * sample_rate / COLUMNS_PER_SECOND:
        raise AudioError("The sound is longer than an hour: please cut it first.")
    samples = np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0)
    if samples.ndim == 2 and samples.shape[1] != 2:
        samples = samples.mean(1)
    columns = max(1, round(len(samples) * COLUMNS_PER_SECOND / sample_rate))
    # Padded to a column: resampling loses samples of a shorter sound.
    missing = max(0, -(-sample_rate // COLUMNS_PER_SECOND) - len(samples))
    samples = np.pad(samples, [(0, missing)] + [(0, 0)] * (samples.ndim - 1))
    if loop:
        around = resample(samples, sample_rate, _ANALYSIS_RATE, loop=True)
        analyse = lambda sound: mel_spectrogram(sound, columns, loop=True)  # noqa: E731
    else:
        around = _mirrored(samples, sample_rate, columns)
        analyse = lambda sound: _analysed(sound, columns)  # noqa: E731
    if around.ndim == 1:
        return to_pixels(analyse(around))
    return to_pixels(np.stack([analyse(around[:, i]) for i in (0, 1)], axis=2))


def mel_spectrogram(sound: Floats, columns: int, *, loop: bool = False) -> Floats:
    """Analyse 24 kHz sound [n]: mel magnitudes [columns, 512], low bands first.

    Frames are centred on their columns; beyond the ends the sound is mirrored, as by Riffusion, or
    continues at the other end of a loop.
    """
    length = columns * _ANALYSIS_HOP
    sound = np.pad(sound[:length], (0, max(0, length - len(sound))))
    half = _ANALYSIS_WINDOW // 2
    return _analysed(np.pad(sound, half, mode="wrap" if loop else "reflect"), columns)


def _mirrored(samples: Floats, sample_rate: int, columns: int) -> Floats:
    """Resample to the analysis' rate, with half a window mirrored at both ends.

    The sound is mirrored first: at an abrupt end the resampler would make a click, which is a grey
    bar over all frequencies in the first and last columns.
    """
    step = sample_rate // math.gcd(sample_rate, _ANALYSIS_RATE)
    margin = step * -(-round(_MIRROR_S * sample_rate) // step)  # whole samples at both rates
    padding = [(margin, margin)] + [(0, 0)] * (samples.ndim - 1)
    wide = resample(np.pad(samples, padding, mode="reflect"), sample_rate, _ANALYSIS_RATE)
    half = _ANALYSIS_WINDOW // 2
    first = margin * _ANALYSIS_RATE // sample_rate - half
    return wide[first : first + columns * _ANALYSIS_HOP + 2 * half]


def _analysed(padded: Floats, columns: int) -> Floats:
    """Analyse sound with half a window more at both ends: magnitudes [columns, 512]."""
    padded = padded.astype(np.float32)
    window, bank = solver.hann(_ANALYSIS_WINDOW), analysis_bank()
    out = np.empty((columns, N_MELS), np.float32)
    for first in range(0, columns, _BLOCK):
        count = min(_BLOCK, columns - first)
        frames = np.zeros((count, _ANALYSIS_FFT), np.float32)
        kernels.cut_frames(padded, first * _ANALYSIS_HOP, _ANALYSIS_HOP, window, frames)
        spectra = scipy.fft.rfft(frames, overwrite_x=True)
        kernels.mel_of_spectra(spectra, bank, out[first : first + count])
    return out


def to_pixels(mel: Floats, loudest: float | None = None) -> Pixels:
    """Convert magnitudes [W, 512] or [W, 512, 2] to a picture.

    They are scaled by `loudest`, or else by their own maximum.
    """
    scale = float(mel.max()) if loudest is None else loudest
    share = np.minimum(mel / np.float32(max(scale, 1e-20)), np.float32(1))
    # Truncated, not rounded, as by Riffusion, whose pictures have the same pixels.
    pixels = (SILENT - SILENT * np.sqrt(np.sqrt(share))).astype(np.uint8)
    return np.ascontiguousarray(np.swapaxes(pixels, 0, 1)[::-1])


def mel_targets(image: Pixels, stride: int = 1) -> Floats:
    """Convert columns of a picture, every stride-th, to magnitudes [ceil(W / stride), 512]."""
    return np.ascontiguousarray(_AMPLITUDE[image[::-1, ::stride]].T)


def warm_up(*, analysis: bool = True) -> None:
    """Compile all kernels; later processes load them from numba's cache on disk.

    Args:
        analysis: also those of `audio_to_image`.
    """
    image = np.full((N_MELS, 12), SILENT, np.uint8)
    image[200:300] = 60
    sound = image_to_audio(image)
    if analysis:
        audio_to_image(sound, 44100)


def _channels(image: Pixels) -> list[Pixels]:
    return [image] if image.ndim == 2 else [image[..., 0], image[..., 1]]


def _cut(buffer: Floats, rate: int, columns: int, loop: bool) -> Floats:
    """Cut the picture's samples out of a solver's buffer, which begins half a window earlier."""
    half, length = rate // 20, columns * rate // COLUMNS_PER_SECOND
    if loop:
        return np.roll(buffer[:length], -half)
    return buffer[half : half + length]


def _check_picture(image: Pixels) -> None:
    shape = image.shape
    right = image.ndim == 2 or (image.ndim == 3 and shape[2] == 2)
    if not right or shape[0] != N_MELS or image.dtype != np.uint8:
        raise AudioError(
            f"A spectrogram has {N_MELS} rows of 8-bit pixels, not {'×'.join(map(str, shape))} "
            f"{image.dtype}."
        )
    if not 1 <= shape[1] <= MAX_COLUMNS:
        raise AudioError(f"A spectrogram is 1 to {MAX_COLUMNS} columns wide, not {shape[1]}.")


def _check_rate(rate: int) -> None:
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(f"A sample rate of {rate} Hz is outside {MIN_RATE} to {MAX_RATE}.")
