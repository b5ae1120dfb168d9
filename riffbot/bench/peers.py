"""What people would use instead of RiffBot's codec, re-implemented for comparison.

Riffusion's converter: a 17,640-point STFT at 44.1 kHz, 512 HTK mel bands, least squares for the way
back to 8,821 bins (what torchaudio's InverseMelScale does today), then 32 iterations of
Griffin-Lim with momentum 0.99 from random phases. librosa's `mel_to_stft` inverts the bands by
non-negative least squares instead, which takes so long that only an excerpt is tried.
"""

from __future__ import annotations

import numpy as np
import torch

from audio.arrays import Floats, Pixels
from audio.codec import mel_targets, to_pixels
from audio.mel import MAX_FREQUENCY, band_edges

RATE = 44100
HOP = 441
WINDOW = 4410
FFT = 17640
ITERATIONS = 32
MOMENTUM = 0.99


class RiffusionCodec:
    """The conversion of Riffusion v1, both ways, on the CPU."""

    def __init__(self, seed: int = 0) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._window = torch.hann_window(WINDOW)
        hz = torch.linspace(0, RATE / 2, FFT // 2 + 1, dtype=torch.float64)
        corner = torch.from_numpy(band_edges(top=MAX_FREQUENCY))
        rise = (hz[:, None] - corner[:-2]) / torch.diff(corner)[:-1]
        fall = (corner[2:] - hz[:, None]) / torch.diff(corner)[1:]
        self._bank = torch.clamp(torch.minimum(rise, fall), min=0).float()

    def image_to_audio(self, image: Pixels) -> Floats:
        """Picture uint8[512, W] → float32[(W − 1)·441]: a hop shorter than the picture."""
        mel = torch.from_numpy(mel_targets(image).T.copy())
        solution = torch.linalg.lstsq(self._bank.T, mel, driver="gels").solution
        return self.griffin_lim(torch.relu(solution)).numpy()

    def griffin_lim(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Magnitudes [8821, W] → sound, by torchaudio's variant of fast Griffin-Lim."""
        phases = torch.rand(magnitudes.shape, dtype=torch.complex64, generator=self._random)
        previous = torch.zeros((), dtype=torch.complex64)
        for _ in range(ITERATIONS):
            rebuilt = self._stft(self._istft(magnitudes * phases))
            phases = rebuilt - previous * (MOMENTUM / (1 + MOMENTUM))
            phases = phases / (phases.abs() + 1e-16)
            previous = rebuilt
        return self._istft(magnitudes * phases)

    def mel(self, sound: Floats, columns: int) -> Floats:
        """Riffusion's analysis of sound at 44.1 kHz: magnitudes [columns, 512]."""
        length = columns * HOP
        padded = np.pad(sound[:length], (0, max(0, length - len(sound))))
        spectrum = self._stft(torch.from_numpy(np.ascontiguousarray(padded, np.float32)))
        return np.asarray((spectrum.abs().T @ self._bank).numpy()[:columns])

    def audio_to_image(self, sound: Floats, columns: int) -> Pixels:
        """Sound at 44.1 kHz → picture [512, columns]."""
        return to_pixels(self.mel(sound, columns))

    def _stft(self, sound: torch.Tensor) -> torch.Tensor:
        return torch.stft(sound, FFT, HOP, WINDOW, self._window, return_complex=True)

    def _istft(self, spectrum: torch.Tensor) -> torch.Tensor:
        return torch.istft(spectrum, FFT, HOP, WINDOW, self._window)


def librosa_image_to_audio(image: Pixels, *, inverted: int | None = None) -> Floats:
    """librosa's own functions at Riffusion's parameters, for pictures of a few dozen columns.

    Columns are inverted one by one: the optimiser's memory grows by a gigabyte with each.

    Args:
        image: uint8[512, W].
        inverted: invert only so many columns, a second each, and let the last stand for the rest.
    """
    import librosa  # noqa: PLC0415 - heavy, and needed here only

    def invert(mel: Floats) -> Floats:
        found = librosa.feature.inverse.mel_to_stft(
            mel, sr=RATE, n_fft=FFT, power=1.0, fmin=0.0, fmax=MAX_FREQUENCY, htk=True, norm=None
        )
        return np.asarray(found, np.float32)

    mel = mel_targets(image).T
    columns = [invert(mel[:, i : i + 1]) for i in range(mel.shape[1])[:inverted]]
    magnitudes = np.hstack(columns + columns[-1:] * (mel.shape[1] - len(columns)))
    sound = librosa.griffinlim(
        magnitudes,
        n_iter=ITERATIONS,
        hop_length=HOP,
        win_length=WINDOW,
        n_fft=FFT,
        momentum=MOMENTUM,
        random_state=0,
    )
    return np.asarray(sound, np.float32)
