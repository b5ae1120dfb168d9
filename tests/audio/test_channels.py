"""Many channels: mixed the same way whatever decoder they came from, and nothing cancels."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from audio import files, loops
from audio.arrays import Floats
from audio.downmix import to_stereo
from tests.audio.test_files import wav
from tests.cogs.edit.test_remix import beat_wav

RATE = 48000
FAULTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "faults"
LAYOUTS = {"5.1": 6, "7.1": 8, "quad": 4, "5.0": 5}


def aac(samples: Floats, layout: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout=layout, bit_rate=640_000)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout=layout
        )
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def layered(layout: str, only: int | None = None) -> Floats:
    """A tone of its own pitch in every channel, or in one."""
    count = LAYOUTS[layout]
    time = np.arange(RATE)[:, None] / RATE
    tones = 0.1 * np.sin(2 * np.pi * (300 + 170 * np.arange(count)) * time)
    if only is not None:
        tones[:, [i for i in range(count) if i != only]] = 0
    return tones.astype(np.float32)


def levels(samples: Floats) -> Floats:
    """Decibels of left and right, the ends left out."""
    power = np.mean(samples[4000:-4000] ** 2, axis=0)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-10)))


def test_a_wav_with_only_the_centre_is_as_loud_as_its_aac_twin() -> None:
    centre = layered("5.1", only=2)
    from_wav, from_aac = files.read(wav(centre, RATE)), files.read(aac(centre, "5.1"))

    assert levels(from_wav.samples) == pytest.approx(levels(from_aac.samples), abs=0.3)
    expected = 20 * np.log10(0.1 * np.sqrt(0.5) * np.sqrt(0.5))  # a tone, 3 dB down on both sides
    assert levels(from_wav.samples) == pytest.approx([expected] * 2, abs=0.05)


@pytest.mark.parametrize("layout", ["5.1", "quad", "5.0"])
def test_a_wav_and_its_twins_are_mixed_alike_to_the_sample(layout: str) -> None:
    samples = layered(layout)
    expected = to_stereo(samples)

    for subtype, format in (("FLOAT", "WAV"), ("PCM_24", "FLAC"), ("FLOAT", "CAF")):
        found = files.read(wav(samples, RATE, subtype, format)).samples
        np.testing.assert_allclose(found, expected, atol=1e-4)
    if layout == "5.1":
        lossy = files.read(aac(samples, layout)).samples
        assert levels(lossy) == pytest.approx(levels(expected), abs=0.5)


def test_the_mix_has_the_recommended_coefficients() -> None:
    down = float(np.sqrt(0.5))
    places = ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR", "BC")
    found = to_stereo(np.eye(9, dtype=np.float32), places)

    left = [1, 0, down, 0, down, 0, down, 0, 0.5]
    right = [0, 1, down, 0, 0, down, 0, down, 0.5]
    np.testing.assert_allclose(found, np.stack([left, right], 1), atol=1e-6)


@pytest.mark.parametrize("channels", range(3, 17))
def test_channels_of_opposite_sign_do_not_cancel(channels: int) -> None:
    tone = np.sin(np.arange(RATE) * 0.05).astype(np.float32)[:, None] * 0.2
    turned = np.where(np.arange(channels) % 2, -1.0, 1.0).astype(np.float32)
    found = files.read(wav(tone * turned, RATE))

    assert np.abs(found.samples).max() > 0.05


def antiphase() -> Floats:
    drums = np.frombuffer(beat_wav(seconds=12)[44:], np.int16).astype(np.float32) / 32768
    return np.stack([drums, -drums], 1)


def test_antiphase_stereo_has_the_beat_of_one_of_its_channels() -> None:
    both = antiphase()
    found, left = loops.find_loop(both, 22050), loops.find_loop(both[:, 0], 22050)

    assert left is not None
    assert found == left
    assert loops.estimate_tempo(both, 22050) == loops.estimate_tempo(both[:, 0], 22050)


def test_surround_of_opposite_signs_has_a_beat() -> None:
    drums = antiphase()[:, 0]
    surround = np.zeros((len(drums), 6), np.float32)
    surround[:, 4], surround[:, 5] = drums, -drums
    sound = files.read(wav(surround, 22050))

    found = loops.find_loop(sound.samples, sound.sample_rate)
    assert found is not None
    assert found.beats == getattr(loops.find_loop(drums, 22050), "beats", None)
