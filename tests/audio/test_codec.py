"""Pictures ↔ sound: shapes, levels, loops, determinism and how good it must stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audio import codec, image, metrics, solver
from audio.arrays import Floats, Pixels
from audio.errors import AudioError
from audio.mel import mel_to_hz
from audio.resample import resample
from tests.audio.conftest import SHARED


def analysed(sound: Floats, rate: int, columns: int, *, loop: bool = False) -> Floats:
    return codec.mel_spectrogram(resample(sound, rate, 24000, loop=loop), columns, loop=loop)


@settings(max_examples=25, deadline=None)
@given(
    columns=st.integers(1, 70),
    rate=st.sampled_from([8000, 22050, 44100, 48000, 96000]),
    loop=st.booleans(),
    stereo=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_width_gives_exactly_its_length(
    columns: int, rate: int, loop: bool, stereo: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    shape = (512, columns, 2) if stereo else (512, columns)
    pixels = random.integers(0, 256, shape, dtype=np.uint8)

    sound = codec.image_to_audio(pixels, loop=loop, seed=seed, sample_rate=rate)

    assert sound.dtype == np.float32
    assert sound.shape == (round(columns * rate / 100), *((2,) if stereo else ()))
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() > 0


def test_same_seed_same_samples(music: Pixels) -> None:
    first = codec.image_to_audio(music, seed=7, loop=True)
    again = codec.image_to_audio(music, seed=7, loop=True)
    other = codec.image_to_audio(music, seed=8, loop=True)

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


@pytest.mark.parametrize("loop", [False, True])
def test_a_picture_sounds_like_itself(music: Pixels, loop: bool) -> None:
    sound = codec.image_to_audio(music, loop=loop)
    found = metrics.measure_fidelity(music, analysed(sound, 44100, music.shape[1], loop=loop))

    assert found.image_mae_levelled < 6.5
    assert found.log_mel_db < 2.2
    assert found.convergence_db < -14


def test_more_effort_is_closer(music: Pixels) -> None:
    def error(effort: solver.Effort) -> float:
        sound = codec.image_to_audio(music, effort=effort)
        return metrics.measure_fidelity(music, analysed(sound, 44100, music.shape[1])).log_mel_db

    hasty = solver.Effort(fixed=0, joint=0)
    assert error(codec.FINE_EFFORT) < error(codec.DEFAULT_EFFORT) < error(hasty)


def test_a_loop_has_no_seam_and_an_open_clip_does(ring: Pixels) -> None:
    loop = metrics.measure_seam_db(codec.image_to_audio(ring, loop=True), 44100)
    cut = metrics.measure_seam_db(codec.image_to_audio(ring, loop=False), 44100)

    assert loop < 6
    assert cut > loop + 10


def test_a_loop_does_not_care_where_it_starts(ring: Pixels) -> None:
    """The columns around the seam are as good as any: nothing is special about column 0."""
    sound = codec.image_to_audio(ring, loop=True)
    turned = np.roll(sound, len(sound) // 2)
    found = analysed(turned, 44100, ring.shape[1], loop=True)
    rolled = np.roll(ring, ring.shape[1] // 2, axis=1)
    middle = slice(ring.shape[1] // 2 - 8, ring.shape[1] // 2 + 8)

    whole = metrics.measure_fidelity(rolled, found).log_mel_db
    seam = metrics.measure_fidelity(
        np.ascontiguousarray(rolled[:, middle]), found[middle]
    ).log_mel_db
    assert seam < 1.6 * whole


def test_the_same_pixel_is_as_loud_in_every_clip(music: Pixels) -> None:
    """No clip is scaled by its own peak: removing the loudest part leaves the rest alone."""
    quiet = np.maximum(music, 90)
    loud = quiet.copy()
    loud[200:210, 100:140] = 0

    def level(pixels: Pixels) -> float:
        sound = codec.image_to_audio(pixels)
        return float(np.sqrt(np.mean(sound[-44100 // 2 :] ** 2)))

    assert level(loud) == pytest.approx(level(quiet), rel=0.05)


def test_a_line_is_a_tone_of_its_frequency() -> None:
    pixels = np.full((512, 128), 255, np.uint8)
    row = 300
    pixels[row] = 0
    sound = codec.image_to_audio(pixels, loop=True, sample_rate=48000)
    spectrum = np.abs(np.fft.rfft(sound))
    peak = np.argmax(spectrum) * 48000 / len(sound)
    top = 2595 * np.log10(1 + 10000 / 700)

    assert peak == pytest.approx(float(mel_to_hz((512 - row) * top / 513)), rel=0.01)


def test_black_is_silence() -> None:
    sound = codec.image_to_audio(np.full((512, 40), 255, np.uint8))

    assert np.abs(sound).max() < 1e-4


def test_stereo_keeps_its_sides(music: Pixels) -> None:
    silent = np.full_like(music, 255)
    sound = codec.image_to_audio(np.dstack([music, silent]))
    left, right = np.sqrt(np.mean(sound**2, axis=0))
    assert left > 300 * right

    both = codec.image_to_audio(np.dstack([music, music]))
    np.testing.assert_array_equal(both[:, 0], both[:, 1])


@settings(max_examples=25, deadline=None)
@example(samples=1, rate=48000, channels=0, loop=False)
@example(samples=1, rate=192000, channels=2, loop=True)
@given(
    samples=st.integers(1, 30000),
    rate=st.sampled_from([8000, 16000, 44100, 48000, 192000]),
    channels=st.sampled_from([0, 1, 2, 6]),
    loop=st.booleans(),
)
def test_any_sound_has_a_picture(samples: int, rate: int, channels: int, loop: bool) -> None:
    shape = (samples, channels) if channels else (samples,)
    noise = np.random.default_rng(samples).standard_normal(shape).astype(np.float32)

    pixels = codec.audio_to_image(noise, rate, loop=loop)

    columns = max(1, round(samples * 100 / rate))
    assert pixels.shape == ((512, columns, 2) if channels == 2 else (512, columns))
    assert pixels.min() == 0  # scaled by its own maximum


def test_silence_and_damage_have_a_picture_too() -> None:
    assert (codec.audio_to_image(np.zeros(4410, np.float32), 44100) == 255).all()
    broken = np.full(4410, np.nan, np.float32)
    broken[::2] = np.inf
    assert (codec.audio_to_image(broken, 44100) == 255).all()


def test_a_picture_survives_the_way_there_and_back(tone: Floats) -> None:
    pixels = codec.audio_to_image(tone, 44100)
    again = codec.audio_to_image(codec.image_to_audio(pixels), 44100)

    error = np.abs(pixels.astype(int) - again)[..., 5:-5, :]
    assert error[pixels[..., 5:-5, :] < 120].mean() < 8


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((256, 64), np.uint8),
        np.zeros((512, 64), np.float32),
        np.zeros((512, 64, 3), np.uint8),
        np.zeros((512, 0), np.uint8),
        np.zeros(512, np.uint8),
    ],
)
def test_what_is_no_spectrogram_is_refused(pixels: Pixels) -> None:
    with pytest.raises(AudioError, match=r"^A spectrogram .*\.$"):
        codec.image_to_audio(pixels)


def test_impossible_sounds_are_refused() -> None:
    with pytest.raises(AudioError, match="no samples"):
        codec.audio_to_image(np.zeros(0, np.float32), 44100)
    with pytest.raises(AudioError, match="sample rate"):
        codec.audio_to_image(np.zeros(100, np.float32), 0)
    with pytest.raises(AudioError, match="sample rate"):
        codec.image_to_audio(np.zeros((512, 8), np.uint8), sample_rate=1)


@pytest.mark.parametrize("name", ["funky_sax", "funky_sax_to_piano"])
def test_pictures_by_riffusion_sound_like_themselves(name: str) -> None:
    """Floors a little above what Riffusion's own conversion reaches on these pictures."""
    path = SHARED / "riffusion" / f"{name}.png"
    if not path.exists():
        pytest.skip("Riffusion's pictures are not on this machine")
    pixels = image.decode_image(Path(path)).pixels
    sound = codec.image_to_audio(pixels)
    found = metrics.measure_fidelity(pixels, analysed(sound, 44100, pixels.shape[1]))

    assert found.image_mae_levelled < 5.2
    assert found.log_mel_db < 1.75
    assert found.convergence_db < -15.5


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 44101, 48000, 96000])
def test_the_first_and_last_columns_are_as_clean_as_any(rate: int) -> None:
    """A steady cosine that ends as it began; its mirror image goes on without a break."""
    hz = 1000
    periods = 300
    samples = round(periods * rate / hz)
    tone = np.cos(2 * np.pi * np.arange(samples + 1) * periods / samples).astype(np.float32)
    pixels = codec.audio_to_image(tone, rate).astype(int)
    middle = pixels[:, pixels.shape[1] // 2]
    assert np.abs(pixels[:, [0, 1, 2, 3, -4, -3, -2]] - middle[:, None]).max() <= 3
    assert (pixels[100] > 245).all(), "far from the tone nothing sounds at the ends either"
