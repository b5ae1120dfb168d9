"""Converts spectrograms that were made with other parameters to this project's grid.

Riffusion writes the parameters of the analysis into the picture's EXIF: a “Use 20kHz” picture has a
range of 10 Hz to 20 kHz, another has a column every 20 ms. Without conversion it would have the
wrong pitch or duration.

Pixels become magnitudes, a band's magnitude a density over its triangle's area, and the density is
integrated over the triangles of this project's bands at this project's columns. The loudest pixel
stays equally loud, since levels are relative to a maximum that pictures do not contain.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from audio.arrays import Floats, Pixels
from audio.codec import MAX_COLUMNS, to_pixels
from audio.errors import AudioError
from audio.image import SpectrogramImage
from audio.mel import MAX_FREQUENCY, N_MELS, REFERENCE_HZ, hz_to_mel, mel_to_hz, reference_bank
from audio.params import SpectrogramParams
from audio.pixels import SILENT

_HOP_S = 0.01
_BLOCK = 256
"""Columns that are converted at once."""

_STANDARD = SpectrogramParams()


def is_standard(params: SpectrogramParams) -> bool:
    """Whether the pixels of a picture have the same meaning as this project's.

    The window is ignored: it changes how sharp a picture is, not the meaning of a pixel.
    """
    return (
        # At some rates 10 ms are not a whole number of samples.
        abs(params.hop_length - _HOP_S * params.sample_rate) <= 0.5
        and params.n_mels == _STANDARD.n_mels
        and params.min_frequency == _STANDARD.min_frequency
        and params.max_frequency == _STANDARD.max_frequency
        and math.isclose(params.power, _STANDARD.power, rel_tol=1e-6)
    )


def to_standard(found: SpectrogramImage) -> SpectrogramImage:
    """Convert a picture to the standard grid: 10 ms columns, 512 bands to 10 kHz, power 0.25.

    A picture on this grid is returned unchanged. A picture that was resized after it was made is
    assumed to have kept its proportions.

    Args:
        found: a decoded picture of any height.

    Returns:
        The same sound as uint8[512, W] or uint8[512, W, 2], with a note about the conversion.

    Raises:
        AudioError: it contains nothing below 10 kHz, or is shorter than a column or longer than an
            hour.
    """
    params = found.params
    if is_standard(params):
        return found
    if params.min_frequency >= MAX_FREQUENCY:
        raise AudioError(
            f"That spectrogram begins at {params.min_frequency} Hz; RiffBot plays what lies below "
            f"{MAX_FREQUENCY:.0f} Hz."
        )
    rows, width = found.pixels.shape[:2]
    hop_s = params.hop_length / params.sample_rate * params.n_mels / rows
    columns = round(width * hop_s / _HOP_S)
    if not 1 <= columns <= MAX_COLUMNS:
        raise AudioError(
            f"With {1000 * hop_s:.4g} ms a column that spectrogram lasts {width * hop_s:.4g} s; "
            "RiffBot plays 0.01 s to an hour."
        )
    channels = found.pixels[..., None] if found.pixels.ndim == 2 else found.pixels
    mel = [
        _resampled(channels[..., index], _bands(rows, params), params.power, columns, hop_s)
        for index in range(channels.shape[2])
    ]
    pixels = to_pixels(_as_loud(np.stack(mel, axis=2), channels, params), 1.0)
    pixels = pixels[..., 0] if found.pixels.ndim == 2 else pixels
    note = (
        f"It was made for {params.min_frequency} to {params.max_frequency} Hz and "
        f"{1000 * hop_s:.4g} ms a column; I converted it to 0 to {MAX_FREQUENCY:.0f} Hz and 10 ms."
    )
    return replace(
        found,
        pixels=np.ascontiguousarray(pixels),
        params=replace(_STANDARD, stereo=params.stereo),
        note=f"{found.note} {note}".strip(),
    )


def _corners(rows: int, params: SpectrogramParams) -> np.typing.NDArray[np.float64]:
    """Return the corner frequencies in Hz [rows + 2] of the picture's bands, lowest first."""
    low, high = hz_to_mel(params.min_frequency), hz_to_mel(params.max_frequency)
    return mel_to_hz(np.linspace(low, high, rows + 2))


def _bands(rows: int, params: SpectrogramParams) -> Floats:
    """Return the matrix [512, rows] that converts the picture's bands to the standard bands.

    Between the centres of the picture's bands, their density is interpolated linearly.
    """
    if (rows, params.min_frequency, params.max_frequency) == (N_MELS, 0, MAX_FREQUENCY):
        return np.eye(N_MELS, dtype=np.float32)
    corner = _corners(rows, params)
    centre, area = corner[1:-1], (corner[2:] - corner[:-2]) / 2
    bank = reference_bank()
    hz = np.arange(bank.shape[1]) * REFERENCE_HZ
    inside = (hz >= corner[0]) & (hz <= corner[-1])
    place = np.interp(hz, centre, np.arange(rows))
    below = np.minimum(place.astype(int), max(0, rows - 2))
    above = np.minimum(below + 1, rows - 1)
    share = place - below
    density = np.zeros((len(hz), rows))
    every = np.arange(len(hz))
    density[every, below] += np.where(inside, 1 - share, 0) / area[below]
    density[every, above] += np.where(inside, share, 0) / area[above]
    return np.asarray(bank @ density * REFERENCE_HZ, np.float32)


def _resampled(pixels: Pixels, bands: Floats, power: float, columns: int, hop_s: float) -> Floats:
    """Convert one channel [rows, W], high notes first, to magnitudes [columns, 512], low first."""
    table = ((SILENT - np.arange(256)) / SILENT) ** (1 / power)
    amplitude = table.astype(np.float32)
    width, step = pixels.shape[1], _HOP_S / hop_s
    reach = max(1.0, step)
    out = np.empty((columns, bands.shape[0]), np.float32)
    for first in range(0, columns, _BLOCK):
        place = np.arange(first, min(first + _BLOCK, columns)) * step
        begin = max(0, min(int(place[0] - reach), width - 1))
        end = min(width, int(place[-1] + reach) + 2)
        distance = np.abs(np.arange(begin, end)[:, None] - np.minimum(place, width - 1)[None, :])
        weight = np.maximum(0, 1 - distance / reach)
        weight = (weight / weight.sum(0)).astype(np.float32)
        source = amplitude[pixels[::-1, begin:end]]
        out[first : first + len(place)] = (bands @ (source @ weight)).T
    return out


def _as_loud(mel: Floats, channels: Pixels, params: SpectrogramParams) -> Floats:
    """Scale magnitudes so that their maximum is that of the picture's pixels below 10 kHz."""
    heard = _corners(channels.shape[0], params)[:-2] < MAX_FREQUENCY
    pixel = float(channels[::-1][heard].min(initial=SILENT))
    loudest = ((SILENT - pixel) / SILENT) ** (1 / params.power)
    return mel * np.float32(loudest / max(float(mel.max()), 1e-20))
