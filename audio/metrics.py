"""How close a sound is to its picture: what the benchmark prints and the tests guard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal

from audio.arrays import Floats, Pixels
from audio.codec import mel_targets, to_pixels

_HEARD = 1e-3
"""Bands within 60 dB of the loudest count for `log_mel_db`."""

_SEAM_HZ = 10600
"""Above everything that a picture can hold: what sounds here is a click."""


@dataclass(frozen=True)
class Fidelity:
    """A picture against the analysis of the sound that was made of it.

    Attributes:
        image_mae: mean pixel error, both scaled by their own maximum as the format says, 0 … 255.
        image_psnr: the same as a peak signal-to-noise ratio, dB.
        image_mae_levelled: mean pixel error after one best gain, so without the luck of maxima.
        log_mel_db: mean error of what is heard, in decibels, after that gain.
        convergence_db: energy of the difference of mel magnitudes re the picture's, after the
            least-squares gain.
    """

    image_mae: float
    image_psnr: float
    image_mae_levelled: float
    log_mel_db: float
    convergence_db: float


def measure_fidelity(image: Pixels, mel: Floats) -> Fidelity:
    """Compare a picture uint8[512, W] with mel magnitudes [W, 512] of a sound, at any level."""
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
    """Measure the click of a sound [n] that is repeated, in decibels over its ordinary moments.

    Energy above 10.6 kHz in the 10 ms around the join, against the median of other such moments;
    a perfect loop is near 0. Pictures hold nothing above 10 kHz, so a click is all there is. The
    rate must be above 24 kHz.
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
