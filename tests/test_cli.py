"""The command line: exit codes, one line for every error, and files that replay."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from audio.files import read, read_tags
from audio.image import decode_image, encode_png
from riffbot.cli import main
from riffbot.commands.files import write
from riffbot.errors import StorageError
from riffbot.naming import slug
from riffbot.request import RiffRequest
from tests.inference.tiny import tiny_embedded_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedded_model(tmp_path_factory.mktemp("model") / "tiny", steps=2)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, the tiny model, one bundled seed image."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "beat.png").write_bytes(encode_png(np.full((512, 128), 180, np.uint8)))
    (seeds / "seeds.toml").write_text(
        '[beat]\ntitle = "Plain beat"\nbpm = 93.75\nbeats = 2\nwidth = 128\nmood = "dry"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    monkeypatch.setenv("RIFFBOT_MODEL", str(model))
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(seeds))
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def pixels(path: Path) -> np.ndarray:
    return decode_image(path).pixels


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What stood on stderr, which was one line."""
    err = capsys.readouterr().err
    assert err.startswith("riffbot: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_a_riff_is_three_files_and_repeats_to_the_byte(home: Path) -> None:
    for out in ("a", "b"):
        assert main(["riff", "Funky (saxophone:1.3) riff!", "--seed", "42", "--out", out]) == 0
    assert {path.name for path in (home / "a").iterdir()} == {
        "funky-saxophone-riff-42.mp3",
        "funky-saxophone-riff-42.png",
        "funky-saxophone-riff-42.json",
    }
    first, second = (home / out / "funky-saxophone-riff-42.png" for out in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert main(["riff", "Funky (saxophone:1.3) riff!", "--seed", "43", "--out", "c"]) == 0
    other = pixels(home / "c" / "funky-saxophone-riff-43.png")
    assert not np.array_equal(other, pixels(first))

    told = json.loads(first.with_suffix(".json").read_text())
    assert told["request"]["seed"] == 42
    assert len(told["model_hash"]) == 64
    assert set(told["timings"]) >= {"generate_s", "render_s"}
    sound = read(first.with_suffix(".mp3"))
    assert sound.seconds == pytest.approx(told["duration_s"], abs=0.01)


@pytest.mark.parametrize("suffix", ["json", "png", "mp3"])
def test_every_file_of_a_riff_replays_it(home: Path, suffix: str) -> None:
    assert main(["riff", "rain", "--seed", "7", "--negative", "drums", "--out", "a"]) == 0
    assert main(["riff", "--from", f"a/rain-7.{suffix}", "--out", "b"]) == 0
    assert (home / "a/rain-7.png").read_bytes() == (home / "b/rain-7.png").read_bytes()


def test_a_recipe_with_changes(home: Path) -> None:
    assert main(["riff", "rain", "--seed", "7", "--out", "a"]) == 0
    assert main(["riff", "snow", "--from", "a/rain-7.json", "--bpm", "120", "--out", "a"]) == 0
    request = json.loads((home / "a/snow-7.json").read_text())["request"]
    assert (request["prompt"], request["bpm"]) == ("snow", 120)
    assert request["width"] != 128


def test_a_seed_image_from_a_sound_travels_with_the_clip(home: Path) -> None:
    tone = np.sin(np.arange(2 * 44100) / 20).astype(np.float32) / 3
    soundfile.write(home / "tone.wav", tone, 44100)
    assert main(["riff", "x", "--seed", "1", "--seed-image", "tone.wav", "--out", "a"]) == 0
    (home / "tone.wav").unlink()
    (home / "a").rename(home / "moved")
    assert main(["riff", "--from", "moved/x-1.png", "--out", "b"]) == 0
    assert (home / "moved/x-1.png").read_bytes() == (home / "b/x-1.png").read_bytes()
    assert len(list((home / "b/sources").iterdir())) == 1
    assert pixels(home / "b/x-1.png").shape == (512, 200)


def test_a_lost_seed_image_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "photo.png").write_bytes(encode_png(np.full((512, 64), 99, np.uint8)))
    assert main(["riff", "x", "--seed", "1", "--seed-image", "photo.png", "--out", "a"]) == 0
    (home / "a/x-1.json").rename(home / "x.json")
    capsys.readouterr()
    assert main(["riff", "--from", "x.json", "--out", "b"]) == 2
    assert "seed image" in one_line(capsys)


def test_takes_are_seeds_in_a_row(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["riff", "x", "--seed", str(2**32 - 1), "--count", "2", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [clip["request"]["seed"] for clip in told] == [2**32 - 1, 0]
    assert all(Path(clip["files"]["mp3"]).exists() for clip in told)


def test_a_batch_loses_nothing_but_its_bad_lines(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "requests.jsonl").write_text(
        '{"prompt": "one", "seed": 1}\n'
        "nonsense\n"
        "\n"
        '{"prompt": "", "seed": 2}\n'
        '{"prompt": "wide", "seed": 3, "width": 65}\n'
        '{"prompt": "five", "seed": 5, "seed_image": "beat"}\n'
    )
    assert main(["riff", "--batch", "requests.jsonl", "--out", "out"]) == 2
    assert sorted(path.name for path in (home / "out").glob("*.png")) == ["0001.png", "0006.png"]
    complaints = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in complaints] == ["line 2", "line 4", "line 5"]
    assert main(["riff", "one", "--seed", "1", "--out", "alone"]) == 0
    # The same request gives the same bytes, alone or after others.
    assert (home / "out/0001.png").read_bytes() == (home / "alone/one-1.png").read_bytes()


def test_a_batch_from_stdin(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"prompt": "piped", "seed": 1}'))
    assert main(["riff", "--batch", "-", "--out", "out"]) == 0
    assert (home / "out/0001.mp3").exists()


def test_remix_keeps_what_denoising_leaves(home: Path) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    remix = ["remix", "a/first-1.png", "second", "--seed", "2", "--out", "a", "--denoising"]
    assert main([*remix, "0"]) == 0
    assert np.array_equal(pixels(home / "a/first-1.png"), pixels(home / "a/second-2.png"))
    assert main([*remix, "1"]) == 0
    assert not np.array_equal(pixels(home / "a/first-1.png"), pixels(home / "a/second-2.png"))


def test_inpaint_leaves_the_rest_to_the_pixel(home: Path) -> None:
    source = np.full((512, 128), 120, np.uint8)
    (home / "in.png").write_bytes(encode_png(source))
    region = ["--from", "0.3", "--to", "0.9", "--low", "100", "--high", "2000"]
    assert main(["inpaint", "in.png", "bells", *region, "--seed", "3"]) == 0
    changed = pixels(home / "bells-3.png") != source
    assert changed.any()
    rows, columns = np.nonzero(changed)
    assert columns.min() >= 30
    assert columns.max() < 90
    # 100 Hz and 2 kHz on HTK's mel scale, low notes in the last row.
    mel = 2595 * np.log10(1 + np.array([100, 2000, 10000]) / 700)
    low, high = 512 - 513 * mel[:2] / mel[2]
    assert rows.max() <= low + 1
    assert rows.min() >= high - 1


def test_morph_is_one_clip_and_replays(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["morph", "techno", "jazz", "--clips", "3", "--seed", "7", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["request"]["piece"]["kind"] == "morph"
    assert told["request"]["target"]["prompt"] == "jazz"
    whole = pixels(home / "techno-to-jazz-7.png")
    assert main(["riff", "techno", "--seed", "7", "--out", "alone"]) == 0
    first = pixels(home / "alone/techno-7.png")
    width = first.shape[1]
    assert whole.shape == (512, 3 * width)
    assert np.array_equal(first, whole[:, :width])
    seconds = read(home / "techno-to-jazz-7.mp3").seconds
    assert seconds == pytest.approx(3 * width / 100, abs=0.01)
    assert main(["riff", "--from", "techno-to-jazz-7.mp3", "--out", "again"]) == 0
    assert np.array_equal(pixels(next((home / "again").glob("*.png"))), whole)


def test_a_walk_between_two_clips_begins_and_ends_with_them(home: Path) -> None:
    for name, bpm in (("one", 120), ("two", 100)):
        assert main(["riff", name, "--seed", "1", "--bpm", str(bpm), "--out", "a"]) == 0
    first, second = pixels(home / "a/one-1.png"), pixels(home / "a/two-1.png")
    assert first.shape != second.shape
    walk = ["morph", "a/one-1.png", "a/two-1.png", "--clips", "3", "--seed", "5", "--out", "b"]
    assert main(walk) == 0
    whole = pixels(home / "b/one-to-two-5.png")
    assert np.array_equal(whole[:, : first.shape[1]], first)
    columns = round(first.shape[1] * 120 / 100)  # as many beats, at its own tempo
    last = np.take(second, np.arange(columns), axis=1, mode="wrap")
    assert np.array_equal(whole[:, -columns:], last)


@pytest.mark.parametrize("backward", [False, True])
def test_an_extended_clip_keeps_its_beginning_to_the_pixel(home: Path, backward: bool) -> None:
    assert main(["riff", "dub", "--seed", "1", "--bpm", "93.75", "--out", "a"]) == 0
    source = pixels(home / "a/dub-1.png")
    more = ["extend", "a/dub-1.png", "--seconds", "7.7", "--seed", "2", "--out", "b"]
    assert main([*more, "--backward"] if backward else more) == 0
    whole = pixels(home / "b/dub-extended-2.png")
    width = source.shape[1]
    # Whole measures: at 93.75 bpm one is 256 columns.
    assert (whole.shape[1] - width) % 256 == 0
    kept = whole[:, -width:] if backward else whole[:, :width]
    assert np.array_equal(kept, source)
    new = whole[:, :-width] if backward else whole[:, width:]
    assert not np.array_equal(new[:, :width], source)
    assert read(home / "b/dub-extended-2.mp3").seconds == pytest.approx(whole.shape[1] / 100)
    (home / "a").rename(home / "lost")
    assert main(["riff", "--from", "b/dub-extended-2.png", "--out", "c"]) == 0
    assert np.array_equal(pixels(next((home / "c").glob("*.png"))), whole)


def test_layers_are_heard_together(home: Path) -> None:
    low, high = np.full((512, 100), 255, np.uint8), np.full((512, 200), 255, np.uint8)
    low[400:404], high[100:104] = 20, 20
    (home / "low.png").write_bytes(encode_png(low))
    (home / "high.png").write_bytes(encode_png(high))
    assert main(["layer", "low.png", "high.png"]) == 0
    mixed = pixels(home / "low-and-high.png")
    assert mixed.shape == (512, 200)
    assert (mixed[402] < 40).all()
    assert (mixed[102] < 40).all()
    assert (mixed[250] == 255).all()
    assert main(["layer", "low.png", "high.png", "--gain", "-40", "--out", "b"]) == 0
    quieter = pixels(home / "b/low-and-high.png")
    assert quieter[102].mean() > mixed[102].mean() + 50


def test_a_drawing_is_heard_light_on_dark_or_dark_on_light(home: Path) -> None:
    drawing = np.full((100, 300, 3), (250, 250, 240), np.uint8)
    drawing[70:75, 50:250] = (30, 20, 60)
    Image.fromarray(drawing).save(home / "paper.png")
    Image.fromarray(255 - drawing).save(home / "board.jpg", quality=95)
    for name in ("paper.png", "board.jpg"):
        assert main(["draw", name, "--seconds", "3", "--seed", "1", "--out", name[:5]]) == 0
    paper, board = pixels(home / "paper/paper-1.png"), pixels(home / "board/board-1.png")
    assert paper.shape == board.shape == (512, 300)
    # Row 70 to 75 of 100: the same place of 512, for the whole stretch that was drawn.
    assert paper[512 * 72 // 100, 150] < 60
    assert paper[100, 150] > 220
    assert np.abs(paper.astype(int) - board).mean() < 12
    assert main(["draw", "paper.png", "violin", "--seed", "1", "--out", "c"]) == 0
    assert not np.array_equal(pixels(home / "c/violin-1.png"), paper)


def test_inpaint_by_bar_and_by_mask(home: Path) -> None:
    assert main(["riff", "dub", "--seed", "1", "--bpm", "120", "--out", "a"]) == 0
    source = pixels(home / "a/dub-1.png")
    width = source.shape[1]
    assert main(["inpaint", "a/dub-1.png", "x", "--where", "beat 1", "--seed", "2"]) == 0
    changed = (pixels(home / "x-2.png") != source).any(axis=0)
    assert changed[:50].any()
    assert not changed[50:].any()
    assert main(["inpaint", "a/dub-1.png", "y", "--high", "200", "--seed", "2"]) == 0
    changed = (pixels(home / "y-2.png") != source).any(axis=1)
    mel = 2595 * np.log10(1 + np.array([200, 10000]) / 700)
    assert not changed[: int(512 - 513 * mel[0] / mel[1]) - 1].any()
    assert changed.any()
    half = np.zeros((8, 8), np.uint8)
    half[:, 4:] = 255
    Image.fromarray(half).save(home / "half.png")
    assert main(["inpaint", "a/dub-1.png", "z", "--mask", "half.png", "--seed", "2"]) == 0
    changed = (pixels(home / "z-2.png") != source).any(axis=0)
    assert not changed[: width // 2].any()
    assert changed.any()


def test_a_remix_of_a_remix_is_made_again_from_its_file_alone(home: Path) -> None:
    """Neither database nor folder is left: the recipes in the file lead back to the prompt."""
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    assert main(["remix", "a/first-1.png", "second", "--seed", "2", "--out", "b"]) == 0
    assert main(["remix", "b/second-2.png", "third", "--seed", "3", "--out", "c"]) == 0
    for suffix in ("png", "mp3", "json"):
        lonely = home / f"lonely-{suffix}"
        lonely.mkdir()
        (home / f"c/third-3.{suffix}").rename(lonely / f"third.{suffix}")
    for folder in ("a", "b", "c"):
        (home / folder).rename(home / f"gone-{folder}")
    wanted = (home / "lonely-png/third.png").read_bytes()
    for suffix in ("png", "mp3", "json"):
        file = f"lonely-{suffix}/third.{suffix}"
        assert main(["riff", "--from", file, "--out", f"again-{suffix}"]) == 0
        assert (home / f"again-{suffix}/third-3.png").read_bytes() == wanted


def test_the_library_from_the_command_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio

    from riffbot.services import open_services
    from riffbot.settings import load_settings
    from riffbot.studio import Author

    assert main(["library", "list"]) == 2
    assert "no library" in one_line(capsys)

    async def fill() -> list[str]:
        async with open_services(load_settings()) as services:
            studio = services.studio
            first = await studio.make(RiffRequest(prompt="funky sax"), author=Author(1, "Ann"))
            remix = RiffRequest(prompt="church bells", seed_image=first.image_ref)
            second = await studio.make(remix, author=Author(2, "Bob"), parent=first.id)
            return [first.id, second.id]

    first, second = asyncio.run(fill())
    assert main(["library", "search", "church", "bel", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == second
    assert main(["library", "list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [second, first]
    assert main(["library", "lineage", first, "--out", "tree.png"]) == 0
    told = capsys.readouterr().out
    assert "Ann · riff · funky sax" in told
    assert "└─ Bob · remix 0.75 · church bells" in told
    assert (home / "tree.png").read_bytes().startswith(b"\x89PNG")
    for name in ("x.mp4", "x.wav", "x.zip"):
        assert main(["library", "export", second, name]) == 0
        assert (home / name).stat().st_size > 1000
    capsys.readouterr()
    assert main(["library", "export", second, "x.txt"]) == 2
    assert ".mp4" in one_line(capsys)
    assert main(["remix", second, "steel drums", "--seed", "5", "--out", "b"]) == 0
    capsys.readouterr()
    assert main(["library", "delete", first]) == 0
    assert "made from it stay" in capsys.readouterr().out
    assert main(["library", "show", second]) == 0
    assert json.loads(capsys.readouterr().out)["credits"][0]["author"] == "nobody"
    assert main(["library", "show", first]) == 2
    one_line(capsys)


def test_a_member_is_exported_and_forgotten_from_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    from riffbot.library.records import Author, Origin
    from riffbot.library.running import noted
    from riffbot.library.store import Library
    from riffbot.settings import load_settings
    from tests.library.conftest import files, made

    assert main(["privacy", "export", "ann.zip"]) == 2
    assert "no library" in one_line(capsys)

    async def fill() -> None:
        library = await Library.open(load_settings())
        request = RiffRequest(prompt="funky sax", seed=1)
        where = Origin(channel_id=5, message_id=6)
        job = await library.create_job(request, author=Author(1, "Ann", 9), origin=where)
        await library.finish_job(job.id, made(request), files("x"))
        await library.allow_remixes(1, False)
        await library.close()

    asyncio.run(fill())
    assert main(["privacy", "export", "ann.txt", "--member", "1"]) == 2
    assert ".zip" in one_line(capsys)
    assert main(["privacy", "export", "ann.zip", "--member", "1"]) == 0
    told = json.loads(zipfile.ZipFile(home / "ann.zip").read("data.json"))
    assert [riff["request"]["prompt"] for riff in told["riffs"]] == ["funky sax"]
    capsys.readouterr()
    assert main(["privacy", "delete", "--member", "1"]) == 2
    assert "--yes" in one_line(capsys)
    assert main(["privacy", "delete", "--yes"]) == 2
    assert "--member" in one_line(capsys), "nobody in particular is everybody on the page"

    async def beside() -> None:
        async with noted(load_settings()):
            words = ["privacy", "delete", "--member", "1", "--yes"]
            assert await asyncio.to_thread(main, words) == 2

    asyncio.run(beside())
    assert "stop it first" in one_line(capsys)
    assert main(["privacy", "delete", "--member", "1", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "member": 1,
        "riffs": 1,
        "children_kept": 0,
        "messages_left": [[5, 6]],
        "remixes_forbidden": True,
    }
    assert main(["library", "list"]) == 0
    assert "empty" in capsys.readouterr().out


def test_sound_and_picture_convert_both_ways(home: Path) -> None:
    tone = np.sin(np.arange(44100) * 2 * np.pi * 1000 / 44100).astype(np.float32) / 3
    soundfile.write(home / "tone.wav", tone, 44100)
    assert main(["audio-to-image", "tone.wav", "tone.png"]) == 0
    assert pixels(home / "tone.png").shape == (512, 100)
    for kind in ("wav", "mp3", "flac", "ogg"):
        assert main(["image-to-audio", "tone.png", f"back.{kind}"]) == 0
        back = read(home / f"back.{kind}")
        assert back.seconds == pytest.approx(1, abs=0.01)
        spectrum = np.abs(np.fft.rfft(back.samples))
        assert spectrum.argmax() / back.seconds == pytest.approx(1000, abs=20)


def test_a_picture_gives_its_recipe_to_its_sound(home: Path) -> None:
    (home / "x.png").write_bytes(encode_png(np.full((512, 64), 99, np.uint8), recipe='{"a": 1}'))
    assert main(["image-to-audio", "x.png", "x.mp3"]) == 0
    assert read_tags(home / "x.mp3")["comment"] == '{"a": 1}'


def test_seed_images_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed-images"]) == 0
    assert capsys.readouterr().out.split()[:3] == ["beat", "93.75", "bpm"]
    assert main(["seed-images", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed_images"][0]["beats"] == 2


def test_the_database_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "upgrade"]) == 0
    assert "up to date" in capsys.readouterr().out
    assert (home / "data/riffbot.db").exists()


BAD = {
    "an empty prompt": (["riff", ""], "empty"),
    "no prompt": (["riff"], "riffbot riff"),
    "denoising": (["riff", "x", "--denoising", "1.7"], "Denoising must be 1 or less, not 1.7"),
    "not a number": (["riff", "x", "--guidance", "nan"], "finite"),
    "steps": (["riff", "x", "--steps", "abc"], "whole number"),
    "seed": (["riff", "x", "--seed", "-1"], "Seed"),
    "count": (["riff", "x", "--count", "0"], "--count"),
    "weights": (["riff", "(x:1e9)"], "weight"),
    "weights in the negative": (["riff", "x", "--negative", "(x:nan)"], "weight"),
    "an unknown seed image": (["riff", "x", "--seed-image", "no_such"], "no_such"),
    "a name too long": (["riff", "x", "--seed-image", "x" * 5000], "seed image"),
    "an unknown scheduler": (["riff", "x", "--scheduler", "magic"], "magic"),
    "a width": (["riff", "x", "--width", "65"], "multiple of 16"),
    "a PNG that is none": (["riff", "x", "--seed-image", "fake.png"], "no picture"),
    "a huge PNG": (["riff", "x", "--seed-image", "huge.png"], "too large"),
    "a photograph": (["riff", "x", "--seed-image", "photo.png"], "512"),
    "an empty file": (["remix", "empty.wav", "x"], "empty"),
    "an empty sound": (["remix", "silent.wav", "x"], "no sound"),
    "a short sound": (["remix", "short.wav", "x"], "0.64"),
    "a folder": (["remix", ".", "x"], "folder"),
    "a missing file": (["remix", "nowhere.png", "x"], "no file"),
    "an unknown riff": (["remix", "rjvyj94emv3k", "x"], "library"),
    "a bad recipe": (["riff", "--from", "fake.png"], "no picture"),
    "a picture without one": (["riff", "--from", "photo.png"], "recipe"),
    "a missing batch": (["riff", "--batch", "nowhere.jsonl"], "no file"),
    "a batch with options": (["riff", "--batch", "fake.png", "--seed", "1"], "--batch"),
    "an out that is a file": (["riff", "x", "--out", "fake.png"], "file"),
    "a region": (["inpaint", "ok.png", "x", "--from", "2", "--to", "1"], "no stretch"),
    "a band": (["inpaint", "ok.png", "x", "--from", "0", "--to", "1", "--low", "1e6"], "band"),
    "a bar that is none": (["inpaint", "ok.png", "x", "--where", "bar 2"], "tempo"),
    "nowhere": (["inpaint", "ok.png", "x", "--where", "left"], "bar 2"),
    "no place at all": (["inpaint", "ok.png", "x"], "which part"),
    "two places": (["inpaint", "ok.png", "x", "--from", "0", "--where", "all"], "once"),
    "no length": (["extend", "ok.png"], "--seconds"),
    "a length that is none": (["extend", "ok.png", "--seconds", "1"], "already"),
    "an endless song": (["extend", "ok.png", "--seconds", "1e5"], "6 minutes"),
    "a drawing that is a sound": (["draw", "short.wav"], "remix"),
    "a plain drawing": (["draw", "photo.png"], "plain"),
    "too few clips": (["morph", "a", "b", "--clips", "1"], "--clips"),
    "an unknown sound format": (["image-to-audio", "ok.png", "x.avi"], ".wav"),
    "a photograph to hear": (["image-to-audio", "photo.png", "x.wav"], "512"),
    "a picture to nowhere": (["audio-to-image", "short.wav", "no/x.png"], "folder"),
    "an unknown command": (["sing"], "sing"),
    "an unknown option": (["riff", "x", "--loud"], "--loud"),
    "an abbreviated option": (["riff", "x", "--den", "1"], "--den"),
    "a port": (["--port", "70000"], "--port"),
    "an unknown bench": (["bench", "speed"], "speed"),
}


@pytest.fixture
def bad_files(home: Path) -> None:
    (home / "fake.png").write_text("this is no picture")
    (home / "empty.wav").write_bytes(b"")
    Image.new("1", (20000, 20000)).save(home / "huge.png")
    Image.new("RGB", (640, 480)).save(home / "photo.png")
    soundfile.write(home / "silent.wav", np.zeros(0), 44100)
    soundfile.write(home / "short.wav", np.zeros(4410), 44100)
    (home / "ok.png").write_bytes(encode_png(np.full((512, 128), 99, np.uint8)))


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(("words", "told"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert told in one_line(capsys)


@pytest.mark.parametrize(
    "words", [["riff", "x", "--model", "nowhere"], ["riff", "x", "--out", "f/a"]]
)
def test_what_fails_is_one_sentence_and_exit_code_1(
    home: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "f").write_text("a file where a folder is needed")
    assert main(words) == 1
    one_line(capsys)


def test_a_setting_that_cannot_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RIFFBOT_LORAS", "loras/banjo")
    assert main(["seed-images"]) == 2
    assert "JSON list" in one_line(capsys)
    monkeypatch.setenv("RIFFBOT_LORAS", "[]")
    monkeypatch.setenv("RIFFBOT_MAX_BATCH", "many")
    assert main(["seed-images"]) == 2
    assert "RIFFBOT_MAX_BATCH" in one_line(capsys)


def test_a_field_named_like_a_python_word_is_one_bad_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "odd.jsonl").write_text('{"prompt": "x", "cls": 1}\n')
    assert main(["riff", "--batch", "odd.jsonl"]) == 2
    assert "cls" in one_line(capsys)


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--web-port", str(port)]) == 1
    assert f"Port {port} on 127.0.0.1 is taken" in one_line(capsys)


def test_a_bug_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> int:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("riffbot.commands.info.seed_images", broken)
    assert main(["seed-images"]) == 1
    assert "RuntimeError, two lines" in one_line(capsys)
    with pytest.raises(RuntimeError):
        main(["seed-images", "--debug"])


def test_an_interrupt_is_one_line_and_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("riffbot.commands.info.seed_images", interrupted)
    assert main(["seed-images"]) == 130
    assert one_line(capsys) == "riffbot: stopped.\n"


def test_help_and_usage_errors_import_nothing_heavy() -> None:
    code = (
        "import sys; from riffbot.cli import main\n"
        "for words in (['riff', 'x', '--denoising', '1.7'], ['riff', 'x', '--steps', 'abc']):\n"
        "    assert main(words) == 2\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'discord', 'diffusers', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


def test_a_file_is_whole_or_absent(home: Path) -> None:
    target = home / "file"
    write(target, b"old")
    write(target, b"new")
    assert target.read_bytes() == b"new"
    with pytest.raises(StorageError):
        write(home / "nowhere" / "file", b"x")
    assert [path.name for path in home.glob(".riffbot-*")] == []


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Funky (saxophone:1.3) riff!", "funky-saxophone-riff"),
        ("../../etc/passwd", "etc-passwd"),
        ("[[quiet]] 120 bpm", "quiet-120-bpm"),
        ("🎷", "riff"),
        ("Ärger & Öl", "ärger-öl"),
        ("x" * 300, "x" * 40),
    ],
)
def test_names_of_files(prompt: str, name: str) -> None:
    assert slug(RiffRequest(prompt=prompt).prompt) == name
