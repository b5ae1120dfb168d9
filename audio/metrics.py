"""Measures how close a sound is to its spectrogram, for the benchmark and the tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal

from audio.arrays import Floats, Pixels
from audio.codec import mel_targets, to_pixels

_HEARD = 1e-3
"""Only bands within 60 dB of the loudest count for `log_mel_db`."""

_SEAM_HZ = 10600
"""Above the range of a picture: energy here is a click."""


@dataclass(frozen=True)
class Fidelity:
    """The differences between a picture and the analysis of its sound.

    Attributes:
        image_mae: mean pixel error, each scaled by its own maximum as in the format, 0 … 255.
        image_psnr: the same as a peak signal-to-noise ratio, dB.
        image_mae_levelled: mean pixel error after the best gain, independent of single maxima.
        log_mel_db: mean error of the audible bands, in decibels, after that gain.
        convergence_db: energy of the difference of mel magnitudes relative to the picture's, in
            decibels, after the least-squares gain.
    """

    image_mae: float
    image_psnr: float
    image_mae_levelled: float
    log_mel_db: float
    convergence_db: float


def measure_fidelity(image: Pixels, mel: Floats) -> Fidelity:
    """Compare a picture uint8[512, W] with the mel magnitudes [W, 512] of a sound of any level."""
    wanted = mel_targets(image).astype(np.float64)
    found = mel.astype(np.float64)
    error = to_pixels(mel).astype(float) - image
    ratio = 20 * np.log10(np.maximum(found, 1e-12) / np.maximum(wanted, 1e-12))
    heard = wanted > _HEARD * wanted.max()
    gain_db = float(np.median(ratio[heard])) if heard.any() else 0.0
    levelled = to_pixels((found / 10 ** (gain_db / 20)).astype(np.float32), 1.0).astype(float)
    fit = (found * wanted).sum() / max(float((found**2).sum()), 1e-30)
    distance = float(np.linalg.norm(fit * found - wanted))
    distance /= max(float(np.linalg.norm(wanted)), 1e-30)
    return Fidelity(
        image_mae=float(np.abs(error).mean()),
        image_psnr=float(10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-12))),
        image_mae_levelled=float(np.abs(levelled - image).mean()),
        log_mel_db=float(np.abs(ratio[heard] - gain_db).mean()) if heard.any() else 0.0,
        convergence_db=float(20 * np.log10(max(distance, 1e-12))),
    )


def measure_seam_db(sound: Floats, sample_rate: int) -> float:
    """Measure the click at the seam of a repeated sound [n], in decibels.

    Compares the energy above 10.6 kHz in the 10 ms around the seam with the median elsewhere; a
    perfect loop is near 0. Pictures end at 10 kHz, so this energy is only clicks. The sample rate
    must be above 24 kHz.
    """
    half = sample_rate // 200
    turned = np.tile(sound.astype(np.float64), 3)
    sos = scipy.signal.butter(8, _SEAM_HZ, "hp", fs=sample_rate, output="sos")
    high = scipy.signal.sosfiltfilt(sos, turned)
    rms = np.sqrt(np.mean(turned**2)) + 1e-20

    def level(at: int) -> float:
        part = high[at - half : at + half + 1]
        return float(10 * np.log10(np.mean(part**2) / rms**2 + 1e-14))

    start, length = len(sound), len(sound)
    others = [level(start + at) for at in range(4 * half, length - 4 * half, 4 * half)]
    return level(start) - float(np.median(others))
