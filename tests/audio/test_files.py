"""Sound files: exact lengths, gapless loops, tags, and what strangers upload."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audio import files
from audio.arrays import Floats
from audio.encoding import FORMATS, Format
from audio.errors import AudioError


def wav(samples: Floats, rate: int, subtype: str = "FLOAT", format: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, subtype=subtype, format=format)
    return out.getvalue()


def mp3_by_av(data: bytes) -> Floats:
    # Named, as by a file's ending: of one frame alone FFmpeg now and then guesses something else.
    with av.open(io.BytesIO(data), format="mp3") as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rate", [44100, 48000])
def test_what_is_written_is_read(format: Format, rate: int, tone: Floats) -> None:
    for samples in (tone, tone[:, 0]):
        found = files.read(files.encode(samples, rate, format))

        assert found.sample_rate == rate
        assert found.samples.shape == samples.shape
        assert found.seconds == len(samples) / rate
        # In step to the sample: a shift of one would already cost more than lossy coding does.
        assert np.abs(found.samples - samples)[100:-2000].max() < 0.03


@settings(max_examples=15, deadline=None)
@given(length=st.integers(1, 40_000), rate=st.sampled_from([32000, 44100, 48000]))
@example(length=11 * 1152 + 5, rate=44100)  # more padding than a frame
@example(length=1, rate=48000)
@example(length=561, rate=44100)
def test_an_mp3_is_gapless(length: int, rate: int) -> None:
    """Both decoders give back every sample and none more, so that a loop loops."""
    samples = np.sin(np.arange(length) * 0.05).astype(np.float32) * 0.5
    data = files.encode(samples, rate, "mp3")

    assert files.read(data).samples.shape == (length,)
    assert mp3_by_av(data).shape == (1, length)


def test_an_mp3_at_a_strange_rate_is_resampled(tone: Floats) -> None:
    found = files.read(files.encode(tone, 96000, "mp3"))
    assert found.sample_rate == 48000
    assert len(found.samples) == len(tone) // 2


@pytest.mark.parametrize("format", FORMATS)
def test_tags_travel(format: Format, tone: Floats) -> None:
    tags = {"title": "Ärger im “Funk”", "artist": "RiffBot", "comment": '{"seed":42,"x":"é"}'}
    found = files.read_tags(files.encode(tone, 44100, format, tags=tags))

    assert {name: found[name] for name in tags} == tags


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_sound_is_the_same_bytes(format: Format, tone: Floats) -> None:
    if format == "ogg":
        pytest.skip("an Ogg stream carries a random serial number")
    assert files.encode(tone, 44100, format) == files.encode(tone.copy(), 44100, format)


def test_what_cannot_be_written_is_one_sentence(tone: Floats) -> None:
    with pytest.raises(AudioError, match="no format I can write"):
        files.encode(tone, 44100, "exe")  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="no tag"):
        files.encode(tone, 44100, "mp3", tags={"mood": "blue"})
    with pytest.raises(AudioError, match="no samples"):
        files.encode(np.zeros(0, np.float32), 44100, "wav")
    with pytest.raises(AudioError, match="one or two channels"):
        files.encode(np.zeros((9, 3), np.float32), 44100, "wav")


@pytest.mark.parametrize(
    ("format", "subtype"),
    [("AIFF", "PCM_16"), ("AU", "PCM_24"), ("CAF", "FLOAT"), ("W64", "PCM_U8"), ("FLAC", "PCM_16")],
)
def test_many_formats_are_read(format: str, subtype: str, tone: Floats) -> None:
    if subtype == "PCM_U8":
        subtype = "PCM_16"
    found = files.read(wav(tone, 44100, subtype, format))
    np.testing.assert_allclose(found.samples, tone, atol=1e-3)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "libopus")])
def test_video_containers_are_read(container: str, codec: str, tone: Floats) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(tone.T), format="fltp", layout="stereo"
        )
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))

    found = files.read(out.getvalue())

    assert found.sample_rate == 48000
    assert found.seconds == pytest.approx(len(tone) / 48000, abs=0.1)
    assert np.sqrt(np.mean(found.samples**2)) == pytest.approx(np.sqrt(np.mean(tone**2)), rel=0.1)


def test_long_files_are_read_to_the_limit_only(tmp_path: Path) -> None:
    """Eight hours of 8 kHz sound: 230 MB of samples, of which a second is decoded."""
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1, subtype="PCM_U8") as file:
        file.write(np.full(8000, 0.5, np.float32))
    with path.open("r+b") as raw:
        raw.truncate(8 * 3600 * 8000)
        for at in (4, 40):
            raw.seek(at)
            raw.write((8 * 3600 * 8000 - 44).to_bytes(4, "little"))

    found = files.read(path, max_seconds=1.0)
    assert found.samples.shape == (8000,)


def test_high_rates_and_many_channels_come_down() -> None:
    noise = np.random.default_rng(0).standard_normal((38400, 6)).astype(np.float32) * 0.1
    found = files.read(wav(noise, 384000))

    assert found.sample_rate == 48000
    assert found.samples.shape == (4800, 2)


def test_numbers_that_are_none_become_silence() -> None:
    samples = np.full(44100, 0.5, np.float32)
    samples[100:200] = np.nan
    samples[300:400] = np.inf
    found = files.read(wav(samples, 44100)).samples

    assert np.isfinite(found).all()
    assert not found[100:200].any()
    assert np.abs(found).max() <= 1


def test_loud_float_files_are_scaled_not_clipped() -> None:
    samples = (3 * np.sin(np.arange(4410) * 0.1)).astype(np.float32)
    found = files.read(wav(samples, 44100)).samples

    np.testing.assert_allclose(found, samples / np.abs(samples).max(), atol=1e-5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"not a sound at all" * 50,
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        wav(np.zeros((0, 1), np.float32), 44100),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
    ids=["empty", "head", "text", "tag", "picture", "silent", "playlist", "ffconcat"],
)
def test_what_is_no_sound_is_one_sentence(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "upload.mp3"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(AudioError) as caught:
            files.read(source)
        assert "\n" not in str(caught.value)


def test_a_playlist_opens_nothing_else(tmp_path: Path, tone: Floats) -> None:
    (tmp_path / "secret.mp3").write_bytes(files.encode(tone, 44100, "mp3"))
    target = tmp_path / "secret.mp3"
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:5", "#EXTINF:2,", str(target), "#EXT-X-ENDLIST"]
    playlist = tmp_path / "upload.m3u8"
    playlist.write_text("\n".join(lines))

    for text in (playlist.read_bytes(), f"ffconcat version 1.0\nfile {target}\n".encode()):
        with pytest.raises(AudioError):
            files.read(text)
    with pytest.raises(AudioError):
        files.read(playlist)


def test_a_truncated_file_gives_what_is_there(tone: Floats) -> None:
    data = files.encode(tone, 44100, "mp3")
    found = files.read(data[: len(data) // 2])
    assert 0.6 < found.seconds < 1.4


@settings(max_examples=40, deadline=None)
@given(data=st.data(), format=st.sampled_from(FORMATS))
def test_damaged_files_never_do_worse(data: st.DataObject, format: Format) -> None:
    samples = np.sin(np.arange(3000) * 0.1).astype(np.float32)
    whole = bytearray(files.encode(samples, 44100, format, tags={"title": "x"}))
    for _ in range(data.draw(st.integers(1, 12))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for use in (files.read, files.read_tags):
        try:
            found = use(damaged)
        except AudioError:
            continue
        if isinstance(found, files.Sound):
            assert np.isfinite(found.samples).all()
            assert np.abs(found.samples).max(initial=0) <= 1


def test_missing_files_are_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "no.wav", tmp_path, Path("http://127.0.0.1/x.mp3")):
        with pytest.raises(AudioError, match="Cannot read"):
            files.read(path)


@pytest.mark.parametrize(
    "where", ["audio.recordings.split_recordings", "audio.recordings.soundfile.SoundFile"]
)
def test_a_lack_of_memory_is_not_called_damage(
    where: str, monkeypatch: pytest.MonkeyPatch, tone: Floats
) -> None:
    data = wav(tone, 44100)
    monkeypatch.setattr(where, scarce)
    with pytest.raises(MemoryError):
        files.read(data)


@pytest.mark.parametrize("where", ["demuxing.read_tags", "soundfile.SoundFile"])
def test_a_lack_of_memory_is_not_taken_for_a_file_without_tags(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"audio.files.{where}", scarce)
    with pytest.raises(MemoryError):
        files.read_tags(b"no sound at all" * 100)


def scarce(*_: object, **__: object) -> None:
    raise MemoryError
