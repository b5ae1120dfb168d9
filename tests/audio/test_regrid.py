"""Spectrograms with other parameters: the same pitch and the same length on our grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio import codec, regrid
from audio.arrays import Floats, Pixels
from audio.errors import AudioError
from audio.image import SpectrogramImage, decode_image, encode_png
from audio.mel import hz_to_mel, mel_to_hz
from audio.params import SpectrogramParams

RATE = 44100
ROWS = 512


def params(
    *, step_ms: int = 10, low: int = 0, high: int = 10000, rows: int = ROWS, power: float = 0.25
) -> SpectrogramParams:
    return SpectrogramParams(RATE, RATE * step_ms // 1000, 4410, 17640, rows, low, high, power)


def as_riffusion(sound: Floats, parameters: SpectrogramParams) -> Pixels:
    """The analysis that Riffusion describes, for any parameters: an independent reference."""
    size, window = parameters.n_fft, parameters.win_length
    padded = np.pad(sound, size // 2, mode="reflect")
    weights = np.zeros(size)
    first = (size - window) // 2
    weights[first : first + window] = np.hanning(window + 1)[:-1]
    starts = range(0, len(sound) + 1, parameters.hop_length)
    spectra = np.abs(np.fft.rfft([padded[start : start + size] * weights for start in starts]))
    corner = mel_to_hz(
        np.linspace(
            hz_to_mel(parameters.min_frequency),
            hz_to_mel(parameters.max_frequency),
            parameters.n_mels + 2,
        )
    )
    hz = np.fft.rfftfreq(size, 1 / parameters.sample_rate)
    rise = (hz - corner[:-2, None]) / np.diff(corner)[:-1, None]
    fall = (corner[2:, None] - hz) / np.diff(corner)[1:, None]
    mel = spectra @ np.maximum(0, np.minimum(rise, fall)).T
    return (255 - 255 * (mel / mel.max()) ** parameters.power).astype(np.uint8).T[::-1]


def converted(pixels: Pixels, parameters: SpectrogramParams) -> SpectrogramImage:
    return regrid.to_standard(SpectrogramImage(np.ascontiguousarray(pixels), parameters, None))


def pitch(sound: Floats) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound)))
    return float(spectrum.argmax() * RATE / (4 * len(sound)))


@pytest.mark.parametrize("hz", [100, 1000, 4000])
@pytest.mark.parametrize(
    "parameters",
    [
        params(low=10, high=20000),  # Riffusion's “Use 20kHz”
        params(step_ms=20),
        params(step_ms=5),
        params(rows=256),
        params(power=0.5),
        params(low=50, high=8000, rows=300, step_ms=7, power=0.3),
    ],
    ids=["20kHz", "20ms", "5ms", "256rows", "power", "all"],
)
def test_a_tone_keeps_its_pitch_and_its_length(hz: int, parameters: SpectrogramParams) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32)
    found = converted(as_riffusion(tone, parameters), parameters)
    sound = codec.image_to_audio(found.pixels)
    assert pitch(sound) == pytest.approx(hz, rel=0.005)
    assert len(sound) / RATE == pytest.approx(1, abs=0.025)
    assert found.pixels.min() <= 1  # as loud as it was
    assert found.params == SpectrogramParams()
    assert "I converted it" in found.note


def test_what_sounds_when_stays_when_it_sounds() -> None:
    parameters = params(step_ms=20, low=10, high=20000)
    sound = np.zeros(2 * RATE, np.float32)
    sound[RATE : RATE + RATE // 5] = np.sin(np.arange(RATE // 5) * 0.1)
    found = converted(as_riffusion(sound, parameters), parameters).pixels
    loud = np.flatnonzero((found < 100).any(axis=0))
    assert loud.min() == pytest.approx(98, abs=6)
    assert loud.max() == pytest.approx(122, abs=6)


def test_our_own_grid_is_untouched_to_the_pixel(music: Pixels) -> None:
    for parameters in (
        SpectrogramParams(),
        SpectrogramParams(48000, 480, 4800, 19200),  # another rate, the same bands and columns
        SpectrogramParams(22050, 220, 2205, 8820),  # 10 ms are no whole samples here
        SpectrogramParams(win_length=2205),
    ):
        found = SpectrogramImage(music, parameters, "{}")
        assert regrid.to_standard(found) is found


def test_stereo_is_converted_side_by_side() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    parameters = replace(params(low=10, high=20000), stereo=True)
    left = as_riffusion(tone, parameters)
    found = regrid.to_standard(
        decode_image(encode_png(np.dstack([left, np.full_like(left, 255)]), params=parameters))
    )
    sound = codec.image_to_audio(found.pixels)
    assert pitch(sound[:, 0]) == pytest.approx(1000, rel=0.005)
    assert np.abs(sound[:, 1]).max() < 0.01 * np.abs(sound[:, 0]).max()


def test_a_picture_that_was_scaled_since_lasts_as_long() -> None:
    parameters = params(step_ms=20)
    half = np.full((256, 50), 200, np.uint8)
    assert converted(half, parameters).pixels.shape == (512, 200)


def test_levels_of_a_quiet_picture_stay() -> None:
    parameters = params(step_ms=20)
    quiet = np.full((512, 40), 255, np.uint8)
    quiet[300:310] = 120
    assert converted(quiet, parameters).pixels.min() == pytest.approx(120, abs=1)
    assert (converted(np.full((512, 40), 255, np.uint8), parameters).pixels == 255).all()


@pytest.mark.parametrize(
    ("parameters", "width", "sentence"),
    [
        (params(low=12000, high=20000), 64, "plays what lies below"),
        (params(step_ms=10000), 400, "an hour"),
        (SpectrogramParams(RATE, 44, 4410, 17640), 2, "0.01 s"),
    ],
)
def test_what_cannot_be_converted_is_one_sentence(
    parameters: SpectrogramParams, width: int, sentence: str
) -> None:
    with pytest.raises(AudioError, match=sentence) as caught:
        converted(np.full((512, width), 99, np.uint8), parameters)
    assert str(caught.value).endswith(".")
