"""Bundled loops, masks and pictures of the library."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audio.image import encode_png
from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.images import Images
from riffbot.locations import ROOT
from riffbot.request import RiffRequest

TOML = """
[og_beat]
file = "plain.png"
title = "Plain beat"
bpm = 120.0
beats = 8
width = 400
mood = "steady"
made = "by a test"

[agile]
title = "Agile"
bpm = 93.75
beats = 8
width = 512
"""
HASH = "ab" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "seeds.toml").write_text(TOML)
    (tmp_path / "plain.png").write_bytes(encode_png(np.full((512, 400), 100, np.uint8)))
    (tmp_path / "agile.png").write_bytes(encode_png(np.full((512, 512), 200, np.uint8)))
    mask = np.zeros((512, 512), np.uint8)
    mask[:, 256:] = 255
    Image.fromarray(mask).save(tmp_path / "mask_half.png")
    return tmp_path


def test_the_catalogue(folder: Path) -> None:
    images = Images(folder)
    assert images.names() == ["og_beat", "agile"]
    assert images.masks() == ["mask_half"]
    seed = images.bundled("og_beat")
    assert (seed.title, seed.bpm, seed.beats, seed.width) == ("Plain beat", 120, 8, 400)
    assert (seed.mood, seed.made, seed.path.name) == ("steady", "by a test", "plain.png")
    assert images.bundled("agile").path.name == "agile.png"


def test_no_folder_has_no_images(tmp_path: Path) -> None:
    images = Images(tmp_path / "absent")
    assert images.names() == images.masks() == []
    with pytest.raises(NotFound, match="none is installed"):
        images.bundled("og_beat")


def test_pictures(folder: Path) -> None:
    images = Images(folder)
    picture = images.load("og_beat")
    assert picture.shape == (512, 400)
    assert (picture == 100).all()
    assert images.tempo("og_beat") == 120
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 1


def test_masks_are_stretched_to_the_clip(folder: Path) -> None:
    images = Images(folder)
    for width in (512, 400, 128):
        mask = images.mask("mask_half", width)
        assert mask.shape == (512, width)
        assert set(np.unique(mask)) == {0, 255}
        assert not mask[:, : width // 2].any()
        assert mask[:, width // 2 :].all()


def test_the_librarys_pictures(folder: Path, tmp_path: Path) -> None:
    recipe = RiffRequest(prompt="funk", bpm=88).model_dump_json()
    (tmp_path / "riff.png").write_bytes(encode_png(np.full((512, 80), 7, np.uint8), recipe=recipe))
    images = Images(folder, {HASH: tmp_path / "riff.png"}.get)
    ref = f"sha256:{HASH}"
    assert (images.load(ref) == 7).all()
    assert (images.mask(ref, 80) == 7).all()
    assert images.tempo(ref) == 88
    with pytest.raises(NotFound, match="not in the library any more"):
        images.load(f"sha256:{'cd' * 32}")


def test_few_large_pictures_are_kept_in_memory(tmp_path: Path) -> None:
    files = {}
    for number in range(4):
        digest = f"{number}" * 64
        files[digest] = tmp_path / f"{number}.png"
        files[digest].write_bytes(encode_png(np.full((512, 20_000), number, np.uint8)))
    images = Images(tmp_path, files.get)
    tracemalloc.start()
    try:
        for digest in files:
            assert images.load_any_width(f"sha256:{digest}")[0, 0] == int(digest[0])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 512 * 20_000


@pytest.mark.parametrize(
    "recipe",
    [
        None,
        "not json",
        '{"somebody": "else"}',
        '{"a":' * 12_000,
        '{"prompt": "x", "bpm": ' + "9" * 5000 + "}",
        '{"prompt": "x", "seed": ' + "9" * 4000 + "}",
        '{"prompt": "\\ud800"}',
    ],
    ids=lambda recipe: str(recipe)[:30],
)
def test_a_picture_without_our_recipe_has_no_tempo(tmp_path: Path, recipe: str | None) -> None:
    (tmp_path / "riff.png").write_bytes(encode_png(np.zeros((512, 80), np.uint8), recipe=recipe))
    images = Images(tmp_path / "absent", {HASH: tmp_path / "riff.png"}.get)
    assert images.tempo(f"sha256:{HASH}") is None


@pytest.mark.parametrize(
    ("name", "said"),
    [("og_beet", "did you mean og_beat"), ("zzz", "there are og_beat, agile")],
)
def test_unknown_names_are_helped(folder: Path, name: str, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        Images(folder).load(name)


def test_an_unknown_mask_is_told_of_masks(folder: Path) -> None:
    with pytest.raises(NotFound, match="no mask called “mask_hlf”; did you mean mask_half"):
        Images(folder).mask("mask_hlf", 64)


def test_stereo_is_mixed_where_it_adds_up(tmp_path: Path) -> None:
    both = np.full((512, 64, 2), 255, np.uint8)
    both[..., 0] = 0  # full on the left, silent on the right: half the energy
    (tmp_path / "stereo.png").write_bytes(encode_png(both))
    images = Images(tmp_path / "absent", {HASH: tmp_path / "stereo.png"}.get)
    mixed = images.load(f"sha256:{HASH}")
    assert mixed.shape == (512, 64)
    assert (mixed == round(255 - 255 * 0.5**0.25)).all()


@pytest.mark.parametrize("shape", [(256, 256), (512, 32), (512, 4096)])
def test_pictures_of_another_size(tmp_path: Path, shape: tuple[int, int]) -> None:
    (tmp_path / "big.png").write_bytes(encode_png(np.zeros(shape, np.uint8)))
    images = Images(tmp_path / "absent", {HASH: tmp_path / "big.png"}.get)
    with pytest.raises(BadRequest, match="64 to 2048 wide and 512 high"):
        images.load(f"sha256:{HASH}")


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    images = Images(tmp_path / "absent", {HASH: tmp_path / "text.png"}.get)
    with pytest.raises(BadRequest, match="cannot be read"):
        images.load(f"sha256:{HASH}")


@pytest.mark.parametrize(
    "toml",
    [
        "[broken",
        '[a]\ntitle = "no numbers"',
        "a = 3",
        TOML + '\n[gone]\ntitle="x"\nbpm=90\nbeats=4\nwidth=400',
    ],
)
def test_a_broken_catalogue_is_one_sentence(folder: Path, toml: str) -> None:
    (folder / "seeds.toml").write_text(toml)
    with pytest.raises(StorageError, match=r"seeds\.toml") as caught:
        Images(folder)
    assert "\n" not in str(caught.value)


def test_a_measure_is_handed_down_through_remixes(tmp_path: Path) -> None:
    (tmp_path / "seeds.toml").write_text(
        '[hall]\ntitle = "Hall"\nbpm = 90.0\nbeats = 6\nwidth = 400\nmeter = 3\n'
    )
    pixels = np.full((512, 400), 100, np.uint8)
    (tmp_path / "hall.png").write_bytes(encode_png(pixels))
    files: dict[str, Path] = {}

    def keep(digit: str, **fields: object) -> str:
        request = RiffRequest.build(prompt="bells", seed=1, **fields)
        recipe = f'{{"request": {request.model_dump_json()}}}'
        files[digit * 64] = tmp_path / f"{digit}.png"
        files[digit * 64].write_bytes(encode_png(pixels, recipe=recipe))
        return f"sha256:{digit * 64}"

    images = Images(tmp_path, files.get)
    child = keep("1", seed_image="hall")
    grandchild = keep("2", seed_image=child)
    assert [images.waltz(ref) for ref in ("hall", child, grandchild)] == [True] * 3
    assert images.waltz(keep("3")) is False
    assert images.waltz(keep("4", seed_image="sha256:" + "f" * 64)) is False, "gone: its own words"
    with images.lend(pixels.copy(), like=grandchild) as window:
        assert images.waltz(window) is True
    assert [images.meter(ref) for ref in (grandchild, "sha256:" + "e" * 64)] == [3, 4]
    with images.lend(pixels.copy()) as unknown:
        assert images.waltz(unknown) is None, "then the prompt decides"


def test_riffusions_tools_know_every_tag_of_the_bundled_pictures() -> None:
    known = {11000, 11005, 11010, 11020, 11030, 11040, 11050, 11060, 11070, 11080}
    for path in (ROOT / "seed_images").glob("*.png"):
        with Image.open(path) as picture:
            assert set(picture.getexif()) <= known, path.name


def test_a_catalogue_is_read_whatever_editor_saved_it(tmp_path: Path) -> None:
    (tmp_path / "plain.png").write_bytes(encode_png(np.full((512, 400), 9, np.uint8)))
    (tmp_path / "agile.png").write_bytes(encode_png(np.full((512, 512), 9, np.uint8)))
    (tmp_path / "seeds.toml").write_bytes(TOML.encode("utf-8-sig"))
    assert Images(tmp_path).names() == ["og_beat", "agile"]
    (tmp_path / "seeds.toml").write_bytes(TOML.replace("Plain", "Größe").encode("latin-1"))
    with pytest.raises(StorageError, match="no UTF-8"):
        Images(tmp_path)
