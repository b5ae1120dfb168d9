"""What the autoencoder loses, on clips of ours and on anybody's, and how long it decodes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audio.errors import AudioError
from audio.image import decode_image
from riffbot.inference.pipeline import pixels
from riffbot.inference.pipeline.pipeline import Pipeline
from training.dataset import held_out, read_clips

CLIPS = 64
HEIGHT = 512


def psnr(pipeline: Pipeline, picture: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB of a picture, uint8 (512, W), there and back."""
    wide = (
        picture.shape[1] // pipeline.model.card.width_multiple * pipeline.model.card.width_multiple
    )
    kept = np.ascontiguousarray(picture[:, :wide])
    vae = pipeline.model.vae
    with torch.inference_mode():
        signal = pixels.to_tensor([kept], vae.config.in_channels)
        signal = signal.to(pipeline.model.device, pipeline.model.dtype)
        back = vae.decode(vae.encode(signal).latent_dist.mode(), return_dict=False)[0]
    (again,) = pixels.to_pictures(back)
    error = np.square(again.astype(np.float64) - kept).mean()
    return 10 * math.log10(255**2 / max(float(error), 1e-9))


def decode_seconds(pipeline: Pipeline, times: int = 9) -> float:
    """The median time to decode one clip of the model's default width."""
    model = pipeline.model
    shape = (
        1,
        model.latent_channels,
        512 // model.stride,
        model.card.defaults.width // model.stride,
    )
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    latents = latents.to(model.device, model.dtype)
    spent = []
    with torch.inference_mode():
        for _ in range(times):
            began = time.perf_counter()
            pixels.to_pictures(model.vae.decode(latents, return_dict=False)[0])
            spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def _of_picture(pipeline: Pipeline, path: Path) -> float | str:
    """PSNR in dB, or why there is none."""
    try:
        drawn = decode_image(path).pixels
    except AudioError as error:
        return str(error)
    if drawn.ndim != 2 or drawn.shape[0] != HEIGHT:
        return f"not a mono spectrogram of {HEIGHT} rows: {drawn.shape}"
    return round(psnr(pipeline, drawn), 2)


def reconstruction(
    pipeline: Pipeline, shards: Path | None, pictures: Sequence[Path]
) -> dict[str, Any]:
    """PSNR of held-out training clips and of each picture named, and the time to decode."""
    found: dict[str, Any] = {"decode_seconds": round(decode_seconds(pipeline), 3)}
    if shards is not None and held_out(shards).exists():
        own = [psnr(pipeline, clip.picture) for clip in read_clips(held_out(shards))[:CLIPS]]
        found["held_out_clips"] = len(own)
        found["held_out_db"] = round(float(np.mean(own)), 2)
    others: dict[str, float | str] = {}
    for path in pictures:
        others[path.name] = _of_picture(pipeline, path)
    if others:
        found["pictures_db"] = others
    return found
