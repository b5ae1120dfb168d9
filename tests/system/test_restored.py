"""A library that was restored elsewhere replays its riffs, and lost files are made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from audio.image import decode_image
from riffbot import cli
from riffbot.library.files import Files
from riffbot.services import open_services
from riffbot.settings import load_settings
from tests.system.test_old_data import JAM, KNOWN, OLD, RIFFS, check_pixels, loaded, same_machine


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library of an earlier version was saved, and is restored elsewhere."""
    shutil.copytree(OLD / "data", tmp_path / "old")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    monkeypatch.setenv("RIFFBOT_MODEL", str(OLD / "model"))
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(OLD / "seed_images"))
    monkeypatch.setenv("RIFFBOT_DEVICE", "cpu")
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "old"))
    assert cli.main(["backup", "saved.zip"]) == 0
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "new"))
    assert cli.main(["restore", "saved.zip"]) == 0
    assert cli.main(["doctor", "--deep"]) == 0
    return tmp_path / "new"


async def test_every_riff_replays(place: Path) -> None:
    async with open_services(load_settings()) as services:
        await loaded(services)
        assert {riff.id for riff in await services.library.riffs.recent()} == set(RIFFS.values())
        for riff_id in RIFFS.values():
            clip = await services.clip_service.clip(riff_id)
            riff = await services.clip_service.replayer.replay(riff_id)
            check_pixels(riff.image, decode_image(clip.png).pixels)
        (job,) = await services.library.jobs.unfinished()
        assert job.id == KNOWN["job"]
        assert [jam.id for jam in await services.library.jams.find_unfinished()] in ([JAM], [])


@pytest.mark.skipif(
    not same_machine(), reason="a model gives the same bytes on one kind of machine"
)
def test_lost_files_are_made_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings()
    files = Files(settings.files_dir)
    before = {path.name: path.read_bytes() for path in settings.files_dir.rglob("*.*")}
    plot = "7373d93c0cc4bf540ee0e6279ba16a8694eb8bffd10a83bcbaaaf02af9dc7716"
    for name in before:
        path = files.find(name.partition(".")[0])
        assert path is not None
        if path.name.startswith(plot) or path.suffix != ".mp3":
            path.unlink()  # every picture and plot
        else:
            path.write_bytes(path.read_bytes()[:-1])
    excerpt = RIFFS["excerpt"]  # made by a jam, from more than its request
    assert cli.main(["doctor", "--deep"]) == 1
    assert cli.main(["doctor", "--deep", "--repair"]) == 1
    told = capsys.readouterr().out
    assert excerpt in told
    assert cli.main(["doctor", "--deep"]) == 1
    told = capsys.readouterr().out
    assert not any(RIFFS[name] in told for name in ("riff", "remix", "song"))
    assert cli.main(["restore", "saved.zip", "--overwrite"]) == 0
    assert cli.main(["doctor", "--deep"]) == 0
    for name, content in before.items():
        assert files.read(name.partition(".")[0]) == content
