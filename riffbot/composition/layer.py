"""Layers: mixes two riffs by adding their spectrograms; no model is needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.arrays import Pixels
from audio.columns import COLUMNS_PER_MINUTE
from audio.mel import N_MELS
from audio.pixels import mel_to_pixels, pixels_to_mel
from riffbot.composition.time_stretch import column_blocks, stretch_to
from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.request import MAX_COLUMNS, Layer, RiffRequest

NO_MODEL = ("no model", "0" * 64)
"""The model name and hash that layers are stored with."""


def check_tempos(first: float | None, second: float | None) -> None:
    """Raise BadRequest if two tempos are too far apart to be layered."""
    if first and second and not 0.75 <= first / second <= 1.34:
        raise BadRequest(
            f"One is at {round(first, 1):g} bpm and the other at {round(second, 1):g}: too far "
            "apart to fit. Remix one of them at the other's tempo first."
        )


def layer(request: RiffRequest, piece: Layer, images: Images) -> GeneratedRiff:
    """Mix two pictures, the second at the first one's tempo.

    Raises:
        BadRequest: their tempos are too far apart, or one of them is no spectrogram.
        NotFound: one of them is gone.
    """
    assert request.seed_image is not None
    first, second = images.load_any_width(request.seed_image), images.load_any_width(piece.image)
    for picture in (first, second):
        if picture.shape[0] != N_MELS or picture.shape[1] > MAX_COLUMNS:
            raise BadRequest(
                f"A layer of {picture.shape[1]} × {picture.shape[0]} pixels is no spectrogram of "
                f"{N_MELS} rows and {MAX_COLUMNS // COLUMNS_PER_MINUTE} minutes at most."
            )
    bpm = request.bpm or images.tempo(request.seed_image)
    other = piece.bpm or images.tempo(piece.image)
    check_tempos(bpm, other)
    second = _in_time(second, other, bpm)
    columns = min(max(first.shape[1], second.shape[1]), MAX_COLUMNS)
    # The shorter loop is repeated until the longer one ends.
    first, second = (_repeated(p, columns) for p in (first, second))
    name, model_hash = NO_MODEL
    resolved = request.with_changes(bpm=bpm)
    return GeneratedRiff(resolved, mix_pixels(first, second, piece.gain_db), name, model_hash)


def mix_pixels(first: Pixels, second: Pixels, gain_db: float = 0.0) -> Pixels:
    """Mix two pictures uint8[512, W]; the result is scaled to its loudest pixel.

    Uncorrelated sounds add up in power, band by band.
    """
    gain = 10 ** (gain_db / 20)

    def mel(part: slice) -> NDArray[np.float64]:
        power = _magnitude(first[:, part]) ** 2 + (gain * _magnitude(second[:, part])) ** 2
        return np.asarray(np.sqrt(power))

    parts = list(column_blocks(first.shape[1]))
    loudest = max(1e-12, *(float(mel(part).max()) for part in parts))
    found = np.empty(first.shape, np.uint8)
    for part in parts:
        found[:, part] = mel_to_pixels(mel(part) / loudest)
    return found


def _magnitude(picture: Pixels) -> NDArray[np.float64]:
    magnitude: NDArray[np.float64] = pixels_to_mel(picture, np.float64)
    return magnitude


def _in_time(picture: Pixels, own: float | None, wanted: float | None) -> Pixels:
    """Stretch a picture in time from its own tempo to the wanted one; the pitch stays."""
    if not own or not wanted or abs(own / wanted - 1) < 1e-3:
        return picture
    return stretch_to(picture, max(1, round(picture.shape[1] * own / wanted)))


def _repeated(picture: Pixels, columns: int) -> Pixels:
    assert picture.shape[0] == N_MELS
    # Rounding leaves a few columns over, by which the whole repetitions are stretched.
    times = max(1, round(columns / picture.shape[1]))
    return stretch_to(np.tile(picture, (1, times)), columns)
