"""Grey levels and magnitudes: one curve for the codec, the library's images, uploads and layers."""

from __future__ import annotations

import numpy as np

from audio import codec
from audio.pixels import SILENT, mel_to_pixels, mix_to_mono, pixels_to_mel


def test_the_curve_is_the_codecs() -> None:
    levels = np.arange(256, dtype=np.uint8)
    picture = np.zeros((512, 256), np.uint8)
    picture[:] = levels
    assert np.array_equal(
        pixels_to_mel(levels, np.float64).astype(np.float32), codec.mel_targets(picture)[:, 0]
    )
    assert codec.SILENT == SILENT
    assert (pixels_to_mel(levels)[0], pixels_to_mel(levels)[255]) == (1, 0)


def test_every_grey_level_survives_the_way_to_magnitudes_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(mel_to_pixels(pixels_to_mel(levels)), levels)


def test_stereo_is_mixed_in_mel_to_the_byte_as_before() -> None:
    """Stored recipes start from stereo pictures, so the mix may not change by a grey level."""
    first, second = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    stereo = np.stack([first, second], axis=2)
    mel = ((255 - stereo.astype(np.float32)) / 255) ** 4
    assert np.array_equal(mix_to_mono(stereo), np.round(255 - 255 * mel.mean(-1) ** 0.25))
    assert mix_to_mono(first) is first
