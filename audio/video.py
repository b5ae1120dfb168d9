"""Makes a video of a clip: its plot, and a playhead that moves over it with the sound.

Phones and messengers that show a sound file only as a download play a video in place. All of them
accept H.264 in yuv420p and AAC in an MP4 with the index at its beginning.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from audio.arrays import Floats, Pixels
from audio.errors import AudioError
from audio.plot import PlotArea, draw_plot
from audio.resample import resample

FRAMES_A_SECOND = 25
LONGEST_S = 600.0
_RATE = 48000
_HEIGHT = 480
_WIDEST = 1280
_AUDIO_BITS = 160_000
_PLAYHEAD = np.array((255, 250, 214), np.float32)
_GLOW = 6


def playhead_video(
    pixels: Pixels,
    samples: Floats,
    sample_rate: int,
    *,
    title: str = "",
    bpm: float | None = None,
    rounds: int = 1,
) -> bytes:
    """Make an MP4 of a clip.

    Args:
        pixels: uint8[512, W] or uint8[512, W, 2]: the clip's spectrogram.
        samples: float[n] or float[n, 2]: its sound, W / 100 seconds long.
        sample_rate: Hz.
        title, bpm: drawn as in `audio.plot`.
        rounds: how often a loop is played.

    Returns:
        MP4 bytes; the video lasts as long as the sound to within a frame.

    Raises:
        AudioError: there is no sound, or more than ten minutes of it.
    """
    seconds = len(samples) / sample_rate * rounds
    if not 0 < seconds <= LONGEST_S or rounds < 1:
        raise AudioError("A video lasts up to ten minutes.")
    ground, area = _ground(pixels, title, bpm)
    planes = _stereo(samples, sample_rate, rounds)
    # The index can be moved to the beginning only in a file that can be opened again.
    with tempfile.TemporaryDirectory(prefix="riffbot-") as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as container:
            video, sound = _streams(container, ground)
            frames = max(1, round(seconds * FRAMES_A_SECOND))
            for second in range(-(-frames // FRAMES_A_SECOND)):
                first = second * FRAMES_A_SECOND
                for number in range(first, min(first + FRAMES_A_SECOND, frames)):
                    place = number / FRAMES_A_SECOND * rounds / seconds % 1
                    container.mux(video.encode(_frame(ground, area, place, number)))
                part = planes[:, second * _RATE : (second + 1) * _RATE]
                if part.size:
                    container.mux(sound.encode(_sound(part, second * _RATE)))
            container.mux(video.encode(None))
            container.mux(sound.encode(None))
        return path.read_bytes()


def _streams(
    container: av.container.OutputContainer, ground: Pixels
) -> tuple[av.VideoStream, av.AudioStream]:
    video = container.add_stream("libx264", rate=FRAMES_A_SECOND)
    video.width, video.height, video.pix_fmt = ground.shape[1], ground.shape[0], "yuv420p"
    # Successive frames are nearly equal.
    video.options = {"preset": "veryfast", "crf": "22", "tune": "stillimage"}
    sound = container.add_stream("aac", rate=_RATE, layout="stereo")
    sound.bit_rate = _AUDIO_BITS
    return video, sound


def _frame(ground: Pixels, area: PlotArea, place: float, number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(_with_playhead(ground, area, place), "rgb24")
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_A_SECOND)
    return frame


def _sound(planes: Floats, at: int) -> av.AudioFrame:
    part = np.ascontiguousarray(planes)
    frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = _RATE, at, Fraction(1, _RATE)
    return frame


def _ground(pixels: Pixels, title: str, bpm: float | None) -> tuple[Pixels, PlotArea]:
    """Draw the plot without a playhead, with even sides for the codec, and return its rectangle."""
    canvas, area = draw_plot(pixels, title=title, bpm=bpm)
    scale = min(_HEIGHT / canvas.height, _WIDEST / canvas.width)
    size = (round(canvas.width * scale / 2) * 2, round(canvas.height * scale / 2) * 2)
    small = canvas.resize(size, Image.Resampling.LANCZOS)
    across, down = size[0] / canvas.width, size[1] / canvas.height
    return np.asarray(small), PlotArea(
        area.left * across, area.top * down, area.width * across, area.height * down
    )


def _with_playhead(ground: Pixels, area: PlotArea, place: float) -> Pixels:
    """Draw a bright line at a position 0 … 1 of the time, with a fading glow behind it."""
    frame = ground.copy()
    at = area.left + place * area.width
    top, bottom = round(area.top), round(area.top + area.height)
    first = max(round(area.left), int(at) - _GLOW)
    last = min(round(area.left + area.width), int(at) + 2)
    columns = np.arange(first, max(last, first + 1))
    behind = np.clip(1 - (at - columns) / _GLOW, 0, 1) * 0.45
    share = np.where(np.abs(columns - at) <= 1, 1.0, np.where(columns < at, behind, 0.0))
    part = frame[top:bottom, columns].astype(np.float32)
    mixed = part + share[None, :, None] * (_PLAYHEAD - part)
    frame[top:bottom, columns] = np.round(mixed).astype(np.uint8)
    return frame


def _stereo(samples: Floats, rate: int, rounds: int) -> Floats:
    loop = resample(np.asarray(samples, np.float32), rate, _RATE, loop=rounds > 1)
    both = np.stack([loop, loop]) if loop.ndim == 1 else loop.T
    return np.ascontiguousarray(np.clip(np.tile(both, (1, rounds)), -1, 1))
