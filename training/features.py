"""Sound to pictures, many clips at a time, on whatever device torch has.

The same transform as `audio.codec.audio_to_image` (a test holds the two together), written as
batched torch so that a GPU keeps pace with sixteen cores of rendering. Clips are loops, so the
short-time Fourier transform is circular.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

SAMPLE_RATE = 44100
HOP_LENGTH = 441
WIN_LENGTH = 4410
N_FFT = 17640
N_MELS = 512
MAX_FREQUENCY = 10000.0
POWER = 0.25
_BINS = int(MAX_FREQUENCY / (SAMPLE_RATE / N_FFT)) + 1


def _hz(mel: Tensor) -> Tensor:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


@cache
def mel_bank(device: torch.device) -> Tensor:
    """HTK triangles, float32 (4001 bins of 2.5 Hz, 512 bands) from 0 to 10 kHz."""
    top = 2595.0 * torch.log10(torch.tensor(1.0 + MAX_FREQUENCY / 700.0, dtype=torch.float64))
    points = _hz(torch.linspace(0.0, 1.0, N_MELS + 2, dtype=torch.float64) * top)
    bins = torch.arange(_BINS, dtype=torch.float64) * (SAMPLE_RATE / N_FFT)
    widths = points.diff()
    slopes = points[None, :] - bins[:, None]
    rising = -slopes[:, :-2] / widths[:-1]
    falling = slopes[:, 2:] / widths[1:]
    return torch.minimum(rising, falling).clamp_min(0).float().to(device)


def pictures(audio: Tensor) -> Tensor:
    """Mel pictures of loops.

    Args:
        audio: float (clips, W*441) at 44.1 kHz, each clip a seamless loop.

    Returns:
        uint8 (clips, 512, W), low notes in the last row, 255 silent; each clip's loudest mel
        amplitude is 0.
    """
    clips, samples = audio.shape
    columns = samples // HOP_LENGTH
    padded = torch.cat([audio[:, -WIN_LENGTH // 2 :], audio, audio[:, : WIN_LENGTH // 2]], 1).float()
    frames = padded.unfold(1, WIN_LENGTH, HOP_LENGTH)[:, :columns]
    window = torch.hann_window(WIN_LENGTH, device=audio.device)
    spectrum = torch.fft.rfft(frames * window, n=N_FFT)[..., :_BINS].abs()
    mel = spectrum.reshape(-1, _BINS) @ mel_bank(audio.device)
    mel = mel.reshape(clips, columns, N_MELS)
    loudest = mel.amax(dim=(1, 2), keepdim=True).clamp_min(1e-9)
    pixels = (255.0 - 255.0 * (mel / loudest) ** POWER).round().clamp(0, 255).to(torch.uint8)
    return pixels.transpose(1, 2).flip(1).contiguous()
