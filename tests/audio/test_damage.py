"""What is damaged, joined, cut short or too long is read as far as it can be, and said."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import files
from audio.arrays import Floats
from audio.encoding import FORMATS, Format
from tests.audio.test_files import wav

RATE = 44100


def music(seconds: float = 2.0, pitch: float = 440.0) -> Floats:
    """A tone with noise, so that it does not compress to nothing."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    noise = rng.standard_normal(len(time)) * 0.05
    return (0.4 * np.sin(2 * np.pi * pitch * time) + noise).astype(np.float32)


def flac(samples: Floats) -> bytes:
    return files.encode(samples, RATE, "flac")


def mp4(samples: Floats) -> bytes:
    # FFmpeg opens the file once more to put its index first, so it needs one.
    folder = tempfile.TemporaryDirectory()
    path, options = Path(folder.name) / "x.mp4", {"movflags": "+faststart"}
    with folder, av.open(path, "w", format="mp4", options=options) as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.close()
        return path.read_bytes()


def damaged(data: bytes, share: float, count: int = 40) -> bytes:
    at = int(share * len(data))
    return data[:at] + bytes(255 - byte for byte in data[at : at + count]) + data[at + count :]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_damaged_flac_loses_one_frame_and_keeps_its_time(share: float) -> None:
    samples = music()
    found = files.read(damaged(flac(samples), share))

    assert len(found.samples) == len(samples)
    off = np.abs(found.samples - samples) > 1e-3
    assert 0.02 < off.mean() < 0.15
    first, last = np.flatnonzero(off)[[0, -1]]
    assert (last - first) / len(samples) < 0.15, "all else is whole, and where it was"
    (note,) = found.notes
    assert "damaged" in note
    assert "silent" in note


@pytest.mark.parametrize("make", [mp4, lambda s: files.encode(s, RATE, "mp3")], ids=["AAC", "MP3"])
def test_a_damaged_packet_does_not_end_the_reading(make: Callable[[Floats], bytes]) -> None:
    samples = music()
    found = files.read(damaged(make(samples), 0.4, 600))

    assert found.seconds == pytest.approx(2.0, abs=0.06)
    tail = found.samples[-RATE // 2 : -4000]
    assert np.abs(tail).max() > 0.3


def parts() -> tuple[Floats, Floats]:
    return music(2.0, 440.0), music(1.0, 660.0)


@pytest.mark.parametrize("format", FORMATS)
def test_recordings_joined_end_to_end_are_all_read(format: Format) -> None:
    one, other = parts()
    data = files.encode(one, RATE, format) + files.encode(other, RATE, format)
    found = files.read(data)

    assert found.seconds == 3.0
    spectrum = np.abs(np.fft.rfft(found.samples[-RATE // 2 :]))
    assert np.argmax(spectrum) * 2 == pytest.approx(660, abs=4)
    assert found.notes == ()


def test_a_joined_mp3_longer_than_what_is_searched_at_once_is_joined_once() -> None:
    long = music(40.0)
    data = files.encode(long, RATE, "mp3", tags={"title": "x"})
    times = 1 + (1 << 20) // len(data)
    found = files.read(data * times + data)
    assert found.seconds == pytest.approx(40.0 * (times + 1))


def test_chained_ogg_of_other_rates_and_channels_is_read_at_the_first_ones() -> None:
    one = files.encode(np.stack([music(1.0)] * 2, 1), 48000, "ogg")
    other = files.encode(music(1.0), 44100, "ogg")
    found = files.read(one + other)

    assert found.sample_rate == 48000
    assert found.samples.shape[1] == 2
    assert found.seconds == pytest.approx(44100 / 48000 + 1.0, abs=0.01)


def xing(data: bytes, frames: int) -> bytes:
    """The MP3 with another count of frames in its header."""
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert at > 0
    return data[: at + 8] + frames.to_bytes(4, "big") + data[at + 12 :]


def test_a_wrong_xing_count_is_not_believed() -> None:
    data = files.encode(music(), RATE, "mp3")
    for frames in (1, 10, 0):
        assert files.read(xing(data, frames)).seconds == pytest.approx(2.0, abs=0.06)
    many = files.read(xing(data, 10_000))
    assert many.seconds == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("kind", [*FORMATS, "mp4", "aiff", "au", "caf", "w64"])
def test_a_file_that_was_cut_off_says_so(kind: str) -> None:
    samples = music(4.0)
    if kind == "mp4":
        data = mp4(samples)
    elif kind in FORMATS:
        data = files.encode(samples, RATE, kind)  # type: ignore[arg-type]
    else:
        data = wav(samples, RATE, "PCM_16", kind.upper())
    whole, found = files.read(data), files.read(data[: len(data) * 6 // 10])

    assert whole.notes == ()
    assert found.seconds == pytest.approx(2.4, abs=0.4)
    if kind != "ogg":  # whose length is nowhere but at its end
        (note,) = found.notes
        assert "ends early" in note
        announced = float(note.split(" s ")[0].split()[-1])
        assert announced == pytest.approx(4.0, abs=0.1)


def test_a_wav_that_was_streamed_with_an_unknown_length_ends_where_it_ends() -> None:
    data = bytearray(wav(music(), RATE, "PCM_16"))
    at = data.index(b"data") + 4
    for absurd in (0xFFFFFFFF, 0x7FFFFFFF, 0):
        data[4:8] = data[at : at + 4] = absurd.to_bytes(4, "little")
        if absurd:
            found = files.read(bytes(data))
            assert (found.seconds, found.notes) == (2.0, ())


def test_what_is_longer_than_the_limit_says_so() -> None:
    long = files.read(flac(music(3.0)), max_seconds=2.0)
    assert (long.seconds, long.more) == (2.0, True)
    late = files.read(flac(music(3.0)), max_seconds=2.0, skip_seconds=1.0)
    assert (late.seconds, late.more) == (2.0, False)


def test_damage_in_the_part_that_was_read_of_a_longer_file_is_said() -> None:
    found = files.read(damaged(flac(music(6.0)), 0.1), max_seconds=3.0)
    assert (found.seconds, found.more) == (3.0, True)
    assert "damaged" in found.notes[0]
    whole = files.read(damaged(flac(music(6.0)), 0.9), max_seconds=3.0)
    assert (whole.notes, whole.more) == ((), True)


def test_eleven_minutes_are_cut_at_ten_and_say_so() -> None:
    out = io.BytesIO()
    hum = 0.2 * np.sin(np.arange(8000 * 660) * 0.1)
    soundfile.write(out, hum, 8000, format="FLAC")
    found = files.read(out.getvalue())
    assert (found.seconds, found.more) == (600.0, True)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_cut_and_joined_anywhere_nothing_worse_than_a_sentence(
    data: st.DataObject, format: Format
) -> None:
    whole = files.encode(np.sin(np.arange(3000) * 0.1).astype(np.float32), RATE, format)
    a = data.draw(st.integers(0, len(whole)))
    b = data.draw(st.integers(0, len(whole)))
    try:
        found = files.read(whole[:a] + whole[b:])
    except files.AudioError:
        return
    assert np.isfinite(found.samples).all()
