"""A clip as a video: it decodes, lasts as long as the sound, and its playhead moves with it."""

from __future__ import annotations

import io
import itertools

import av
import numpy as np
import pytest

from audio.errors import AudioError
from audio.video import FRAMES_A_SECOND, playhead_video

RATE = 44100


def clip(seconds: float) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.full((512, round(seconds * 100)), 255, np.uint8)
    sound = np.sin(np.arange(round(seconds * RATE)) * 2 * np.pi * 440 / RATE) / 3
    return pixels, sound.astype(np.float32)


def brightest_columns(video: bytes) -> list[float]:
    """Where the playhead is in every frame, 0 … 1 of the picture's width."""
    found = []
    with av.open(io.BytesIO(video)) as container:
        for frame in container.decode(video=0):
            grey = frame.to_ndarray(format="gray")
            middle = grey[grey.shape[0] // 3 : 2 * grey.shape[0] // 3, 48:].astype(int)
            found.append(float(middle.mean(0).argmax()) / middle.shape[1])
    return found


def test_the_playhead_moves_with_the_sound() -> None:
    pixels, sound = clip(2.0)
    video = playhead_video(pixels, sound, RATE, title="a tone")
    with av.open(io.BytesIO(video)) as container:
        picture, track = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, picture.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert picture.width % 2 == picture.height % 2 == 0
        assert picture.frames == 2 * FRAMES_A_SECOND
        assert track.codec_context.name == "aac"
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) / 48000 == pytest.approx(2, abs=0.1)
    spectrum = np.abs(np.fft.rfft(heard[:48000]))
    assert spectrum.argmax() == pytest.approx(440, abs=2)
    places = brightest_columns(video)
    assert all(np.diff(places[1:-1]) > 0)
    assert places[25] == pytest.approx(places[1] + 0.48 * (places[-2] - places[1]) / 0.94, abs=0.03)
    assert video.index(b"moov") < video.index(b"mdat"), "phones begin before they have it all"


def test_a_loop_goes_round() -> None:
    pixels, sound = clip(0.8)
    video = playhead_video(pixels, sound, RATE, rounds=3)
    places = brightest_columns(video)
    assert len(places) == round(2.4 * FRAMES_A_SECOND)
    assert sum(later < earlier - 0.5 for earlier, later in itertools.pairwise(places)) == 2


@pytest.mark.parametrize("seconds", [0.0, 601.0])
def test_no_sound_and_too_much(seconds: float) -> None:
    pixels, _ = clip(1)
    with pytest.raises(AudioError):
        playhead_video(pixels, np.zeros(round(seconds * 8000), np.float32), 8000)
