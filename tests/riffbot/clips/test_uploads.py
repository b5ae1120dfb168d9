"""Uploads: what a stranger brings becomes a picture to start from, or one sentence."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from audio.image import encode_png
from audio.loops import Loop
from audio.params import SpectrogramParams
from riffbot.clips.uploads import MAX_BYTES, make_name_displayable, open_upload
from riffbot.errors import BadRequest
from riffbot.locations import ROOT
from riffbot.request import RiffRequest
from tests.audio.test_keys import song
from tests.cogs.edit.test_remix import beat_wav
from tests.support.hostile_uploads import hostile
from tests.support.picture_files import heic, ramp, saved

HOSTILE = hostile()
DATA = ROOT.parent / "shared" / "data"


@pytest.mark.parametrize(("name", "make", "usable"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_uploads_are_one_sentence_or_one_picture(
    name: str, make: object, usable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = make()  # type: ignore[operator]
    if usable:
        source = open_upload(data, name)
        assert source.pixels.shape[0] == 512
        assert 64 <= source.pixels.shape[1] <= 2048
        assert source.pixels.dtype == np.uint8
        assert not set("/\\\n\0") & set(source.name)
    else:
        with pytest.raises(BadRequest) as raised:
            open_upload(data, name)
        sentence = str(raised.value)
        assert 10 < len(sentence) < 300
        assert "\n" not in sentence
        assert "Traceback" not in sentence
        assert sentence.endswith(".")
    assert list(tmp_path.iterdir()) == []


def test_there_are_forty_of_them() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells")
def test_hostile_uploads_take_bounded_memory(tmp_path: Path) -> None:
    """All of them in one fresh process, which did not make them: only opening them counts."""
    for number, (_, make, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number:02d}").write_bytes(make())
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from riffbot.errors import BadRequest\n"
        "from riffbot.clips.uploads import open_upload\n"
        "files = sorted(Path(sys.argv[1]).iterdir())\n"
        # Not getrusage: its peak is inherited from whoever started the process.
        "status = Path('/proc/self/status')\n"
        "line = lambda name: next(l for l in status.read_text().splitlines() if name in l)\n"
        "megabytes = lambda name: int(line(name).split()[1]) / 1024\n"
        "open_upload(Path(sys.argv[2]).read_bytes(), 'warm.wav')\n"
        "Path('/proc/self/clear_refs').write_text('5')\n"
        "before = megabytes('VmRSS')\n"
        "for file in files:\n"
        "    try: open_upload(file.read_bytes(), file.name)\n"
        "    except BadRequest: pass\n"
        "print(megabytes('VmHWM') - before)\n"
    )
    (tmp_path.parent / "warm.wav").write_bytes(beat_wav())
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(tmp_path.parent / "warm.wav")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    print(done.stdout)
    assert float(done.stdout) < 400, f"{done.stdout} MB"


def test_what_is_too_large_is_not_even_looked_at() -> None:
    with pytest.raises(BadRequest, match="25 MB"):
        open_upload(bytes(MAX_BYTES + 1), "long.wav")
    with pytest.raises(BadRequest, match=r"has 3 MB; please keep it under 2 MB\."):
        open_upload(bytes(3 * 1024**2), "long.wav", max_bytes=2 * 1024**2)


@pytest.mark.parametrize("bpm", [100.0, 120.0, 140.0])
def test_a_recording_becomes_whole_beats_at_its_own_tempo(bpm: float) -> None:
    source = open_upload(beat_wav(bpm=bpm, seconds=12), "drums.wav")
    assert source.beats is not None
    assert source.beats % 4 == 0
    assert source.bpm == pytest.approx(bpm, rel=0.02)
    assert source.pixels.shape[1] == pytest.approx(source.beats * 6000 / bpm, rel=0.02)
    assert "beats" in str(source)


def test_only_a_minute_is_listened_to_and_start_chooses_which() -> None:
    silence, music = np.zeros(30 * 22050), np.frombuffer(beat_wav()[44:], np.int16) / 32768
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.concatenate([silence, music]), 22050, format="FLAC")
    source = open_upload(out.getvalue(), "late.flac", start_s=30.0)
    assert source.start_s >= 30
    assert source.beats is not None
    with pytest.raises(BadRequest, match="600"):
        open_upload(out.getvalue(), "late.flac", start_s=1e6)


def test_a_spectrogram_is_itself_to_the_pixel_and_any_size_fits() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (512, 300), dtype=np.uint8)
    ours = open_upload(encode_png(pixels, recipe='{"prompt": "dub", "bpm": 120}'), "riff.png")
    assert np.array_equal(ours.pixels, pixels)
    assert (ours.bpm, ours.prompt) == (120, "dub")
    out = io.BytesIO()
    Image.fromarray(pixels).resize((600, 1024), Image.Resampling.NEAREST).save(out, "PNG")
    foreign = open_upload(out.getvalue(), "big.png")
    assert foreign.kind == "spectrogram"
    assert foreign.pixels.shape == (512, 300)
    assert np.corrcoef(foreign.pixels.ravel(), pixels.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\song.mp3", "song.mp3"),
        ("a\nb\0c.png", "abc.png"),
        ("...", "that file"),
        ("x" * 500 + ".png", "x" * 60),
    ],
)
def test_names_are_only_ever_shown(name: str, shown: str) -> None:
    assert make_name_displayable(name) == shown


@pytest.mark.skipif(not DATA.is_dir(), reason="the real recordings are not here")
def test_a_real_recording_keeps_its_tempo() -> None:
    source = open_upload((DATA / "recordings/tired_traveler_0.wav").read_bytes(), "traveler.wav")
    assert source.kind == "sound"
    assert source.beats is not None
    assert 3 < source.seconds < 5.7
    riffusions = open_upload((DATA / "riffusion/funky_sax.png").read_bytes(), "funky.png")
    assert riffusions.kind == "spectrogram"
    assert riffusions.pixels.shape == (512, 512)


@pytest.mark.parametrize(("seconds", "beats", "counted"), [(2.0, 16, 8), (16.0, 4, 16)])
def test_a_tempo_that_no_request_may_have_is_counted_otherwise(
    monkeypatch: pytest.MonkeyPatch, seconds: float, beats: int, counted: int
) -> None:
    def found(samples: np.ndarray, rate: int) -> Loop:
        stop = round(seconds * rate)
        return Loop(0, stop, beats, 60 * beats / seconds)

    monkeypatch.setattr("riffbot.clips.uploads.loops.find_loop", found)
    source = open_upload(beat_wav(seconds=17.0), "drums.wav")
    assert source.beats == counted
    RiffRequest(prompt="x", bpm=source.bpm)


@pytest.mark.parametrize("drawing", [False, True])
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing, .*export it as a PNG"),
        (b"%PDF-1.7\n" + bytes(300), "a PDF document, .*export it as a PNG"),
        (b"MThd\0\0\0\6", "a MIDI file, which holds notes"),
        (b"PK\3\4" + bytes(50), "a ZIP archive: please unpack it"),
        (b'\xef\xbb\xbf{"prompt": "x"}', "a JSON file, .*“replay”"),
    ],
)
def test_what_is_neither_picture_nor_sound_is_named(
    data: bytes, sentence: str, drawing: bool
) -> None:
    with pytest.raises(BadRequest, match=sentence):
        open_upload(data, "x", drawing=drawing)


def test_a_sound_is_no_drawing() -> None:
    with pytest.raises(BadRequest, match="a WAV sound, no picture: “remix” starts from sounds"):
        open_upload(beat_wav(), "beat.wav", drawing=True)
    with pytest.raises(BadRequest, match="no picture that can be read"):
        open_upload(b"just some words", "words.png", drawing=True)


def test_pictures_of_phones_and_browsers_are_drawings_too() -> None:
    sheet = Image.new("RGB", (128, 512), (250, 250, 250))
    sheet.paste((20, 10, 30), (20, 200, 100, 208))
    for data in (saved(sheet, "AVIF"), heic()):
        source = open_upload(data, "photo", drawing=True)
        assert (source.kind, source.pixels.shape) == ("drawing", (512, 128))
        assert source.pixels[204, 60] < 60


def test_a_picture_that_ends_too_early_says_so() -> None:
    source = open_upload(saved(ramp(), "JPEG")[:-60], "cut.jpg")
    assert source.pixels.shape == (512, 300)
    assert str(source).endswith(
        "The file ends too early: the missing part of that picture is left empty."
    )


def test_a_drawing_lies_as_it_was_held() -> None:
    sheet = Image.new("RGB", (512, 300), "white")
    sheet.paste("black", (0, 0, 512, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = open_upload(saved(sheet, "JPEG", exif=exif), "photo.jpg", drawing=True)
    assert upright.pixels.shape == (512, 300)
    assert upright.pixels[:, -10].max() < 60  # the stored upper edge is on the right


def test_riffusions_own_settings_are_honoured() -> None:
    pixels = np.full((512, 100), 255, np.uint8)
    pixels[300] = 20
    parameters = SpectrogramParams(hop_length=882, min_frequency=10, max_frequency=20000)
    source = open_upload(encode_png(pixels, params=parameters), "20k.png")
    assert source.pixels.shape == (512, 200)
    assert "10 to 20000 Hz and 20 ms" in str(source)
    assert open_upload(encode_png(pixels, params=parameters), "x.png", drawing=True).notes == ()


def test_the_key_of_a_sound_is_heard_and_said() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, song(9, "minor"), 22050, format="WAV")
    upload = open_upload(buffer.getvalue(), "song.wav")
    assert upload.key == "A minor"
    assert upload.harmony == ("A minor", None)
    assert "I hear it in A minor." in str(upload)


def test_a_clip_of_ours_has_the_key_of_its_recipe() -> None:
    request = RiffRequest.build(prompt="sax", seed=1, key="D dorian", chords="i IV", bpm=120)
    recipe = json.dumps({"request": request.model_dump(mode="json")})
    picture = np.full((512, 128), 120, np.uint8)
    picture[100:200] = 30
    upload = open_upload(encode_png(picture, recipe=recipe), "sax.png")
    assert upload.harmony == ("D dorian", "i IV")
    nonsense = recipe.replace("D dorian", "of my heart")
    assert open_upload(encode_png(picture, recipe=nonsense), "sax.png").harmony == (None, None)
