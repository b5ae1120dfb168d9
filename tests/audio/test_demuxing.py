"""Every format on the list of demuxers, with a real file: read through the decoder's process."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
import soundfile

from audio import decoder, demuxing
from audio.arrays import Floats
from tests.support.containers import FILES, PEAK, SECONDS, SILENT


@pytest.mark.parametrize("kind", FILES)
def test_every_demuxer_reads_a_real_file(kind: str) -> None:
    demuxer, make = FILES[kind]
    data = make()
    with av.open(io.BytesIO(data)) as container:
        assert demuxer in container.format.name.split(",")

    found = decoder.read(data)
    assert decoder.read_tags(data) is not None
    # Also where libsndfile is asked first.
    blocks = demuxing.read_blocks(io.BytesIO(data), demuxing.Losses())
    assert sum(len(block.samples) / block.rate for block in blocks) > 0.9 * SECONDS

    assert found.notes == ()
    assert found.seconds == pytest.approx(SECONDS, abs=0.07)
    loudness = float(np.sqrt(np.mean(found.samples**2)))
    expected = 0.0 if kind in SILENT else PEAK / np.sqrt(2)
    assert loudness == pytest.approx(expected, rel=0.2)


def test_no_demuxer_is_read_without_a_file_here() -> None:
    assert {demuxer for demuxer, _ in FILES.values()} == set(demuxing.DEMUXERS.split(","))
    for opens_other_files in ("hls", "dash", "concat", "sdp", "rtsp", "image2", "lavfi"):
        assert opens_other_files not in demuxing.DEMUXERS.split(",")


@pytest.mark.parametrize("video", ["flv", "mpeg", "vob"])
def test_containers_whose_streams_appear_while_reading_are_read(video: str, tone: Floats) -> None:
    """A picture first, the sound a while later: these ended the whole process."""
    picture = {"flv": "flv", "mpeg": "mpeg1video", "vob": "mpeg2video"}[video]
    sound = {"flv": "libmp3lame", "mpeg": "mp2", "vob": "mp2"}[video]
    out = io.BytesIO()
    with av.open(out, "w", format=video) as container:
        pictures = container.add_stream(picture, rate=25, width=64, height=64, pix_fmt="yuv420p")
        sounds = container.add_stream(sound, rate=44100, layout="stereo")
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        for _ in range(50):
            frame.pts = None
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        fit = av.AudioResampler(
            format=sounds.codec_context.format, layout="stereo", rate=44100, frame_size=1152
        )
        heard = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(tone.T), format="fltp", layout="stereo"
        )
        heard.sample_rate, heard.pts = 44100, 0
        for part in (*fit.resample(heard), *fit.resample(None)):
            container.mux(sounds.encode(part))
        container.mux(sounds.encode(None))

    found = decoder.read(out.getvalue())
    assert found.seconds == pytest.approx(2.0, abs=0.1)
    assert np.abs(found.samples).max() > 0.2


@pytest.mark.parametrize("format", sorted(set(soundfile.available_formats()) - {"RAW", "SD2"}))
def test_what_libsndfile_reads_is_read_with_or_without_tags(format: str) -> None:
    """FFmpeg, which reads the tags, knows some of these formats not, or may not read them.

    RAW has no header to know it by, and SD2 keeps its own in another file.
    """
    subtype = soundfile.default_subtype(format)
    rate = 8000 if subtype in ("GSM610", "ALAW", "NMS_ADPCM_32") else 44100
    samples = (0.5 * np.sin(np.arange(rate) * 0.1)).astype(np.float32)
    out = io.BytesIO()
    try:
        soundfile.write(out, samples, rate, format=format, subtype=subtype)
    except soundfile.LibsndfileError as error:
        pytest.skip(f"libsndfile cannot write {format} into memory: {error}")

    found = decoder.read(out.getvalue())
    tags = decoder.read_tags(out.getvalue())

    assert found.seconds == pytest.approx(1.0, abs=0.1)
    assert all(isinstance(value, str) for value in tags.values())
